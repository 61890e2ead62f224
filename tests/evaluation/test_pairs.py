"""What `--inner pairs` must be shown to equal before it is the default (engine.md, "To be shown")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.descent import CARD, Descent
from benchmarks.eight_patients import (
    DrawnMaterials,
    Size,
    draw_slides,
    sources_of,
    with_constant_composition,
)
from benchmarks.nested_loops import NestedLoop, contestant_of, outer_score, run_nested
from evaluation.seeker import Seeker
from evaluation.tiny_methods import card
from tiny_slides import make_slides
from tiny_slides import sources_of as tiny_sources

import stbench
from stbench.contract import SlideSource
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.materials import Materials
from stbench.evaluation.plan import make_plan
from stbench.evaluation.runner import Runner
from stbench.evaluation.trials.benches import Bench, Ear, InProcessBench, SealedBench
from stbench.evaluation.trials.plugins import PluginPlace
from stbench.evaluation.trials.trial import Trial, TrialResult
from stbench.evaluation.validation import SCORES
from stbench.record import Record
from stbench.registry import load_method, method_card

FLOORS = ("ridge", "smooth", "knn")


def assert_same_results(ones: Sequence[Record], others: Sequence[Record]) -> None:
    """Fold by fold the same choice, the same curves behind it, the same predictions to the last bit."""
    by_fold = {record.fold: record for record in others}
    assert len(ones) == len(by_fold) > 0
    for one in ones:
        other = by_fold[one.fold]
        assert one.finished and other.finished, (one.failure, other.failure)
        assert one.tuning and one.tuning == other.tuning
        assert one.predictions.keys() == other.predictions.keys()
        for name, predicted in one.predictions.items():
            np.testing.assert_array_equal(predicted, other.predictions[name])


@pytest.fixture
def three_patients(tmp_path: Path, cache: Path) -> list[SlideSource]:
    """Six slides of three patients, so that blocks are slides."""
    slides = draw_slides(tmp_path / "slides", 0, Size(patients=3, slides=2, edge=4))
    return sources_of(tmp_path / "slides", slides)


def test_with_slides_as_blocks_and_a_panel_from_a_file_pairs_are_the_literal_loop(
    three_patients: list[SlideSource], tmp_path: Path
):
    panel = tmp_path / "panel.txt"
    panel.write_text("\n".join(f"G{i:02}" for i in range(12)))
    design = Design("drawn", genes=f"file:{panel}")
    entry = contestant_of("descent", CARD, {"epochs": 20})
    bench = InProcessBench(lambda _: Descent)
    literal, pairs = (
        run_nested(replace(design, inner=inner), three_patients, [entry], bench, DrawnMaterials)
        for inner in ("all", "pairs")
    )
    trained = [{tuple(curves.about["train"]) for curves in loop.curves.values()} for loop in (literal, pairs)]
    assert trained[0] == trained[1] and len(trained[0]) == 15
    assert (literal.n_fits, pairs.n_fits) == (6 * 5 * 2 + 6, 15 * 2 + 6)
    assert_same_results(literal.records, pairs.records)
    chosen = {(str(r.tuning["settings"]), r.tuning["epochs"]) for r in pairs.records}
    assert len({settings for settings, _ in chosen}) == 2 and len({epochs for _, epochs in chosen}) > 1


@pytest.mark.slow
def test_on_the_real_slides_pairs_are_the_literal_loop_for_spahgc(
    shared_data: Path, quick: None, tmp_path: Path
):
    """Five slides of two patients; a small network, since the two loops do the same sums whatever its size."""
    published = (shared_data / "panels" / "her_hvg_cut_1000.txt").read_text().split()
    panel = tmp_path / "panel.txt"
    panel.write_text("\n".join(published[:100]))
    # What is given by hand leaves two settings of the card's grid.
    by_hand = {"references": 7, "target_mask": 0.8, "hidden": 32, "layers": 1}
    found = [
        stbench.run(
            "spahgc", "her2", data_root=shared_data, out=tmp_path / inner, genes=f"file:{panel}", inner=inner,
            epochs=4, settings={"spahgc": by_hand}, workers=1, threads=1, device="cpu",
        )
        for inner in ("all", "pairs")
    ]  # fmt: skip
    literal, pairs = ([with_predictions(r, tmp_path / i) for r in records if r.row.method == "spahgc"]
                      for i, records in zip(("all", "pairs"), found, strict=True))  # fmt: skip
    assert {len(record.tuning["curves"]) for record in pairs} == {2}
    assert all(record.tuning["curves"][0]["checkpoints"] for record in pairs)
    assert_same_results(literal, pairs)


def with_predictions(record: Record, out: Path) -> Record:
    """A Record as a run gives it, with the arrays that its store holds."""
    from stbench.reporting.results.store import RunStore

    return replace(record, predictions=RunStore(out).load_predictions(record.key))


def contestant(name: str) -> Contestant:
    """A floor with something to choose."""
    settings: dict[str, Any] = {}
    if name == "knn":
        settings = {"grid": [{}, {"neighbours": 10}, {"neighbours": 200}], "at_prediction": ["neighbours"]}
    return contestant_of(name, method_card(name).model_copy(update=settings))


def constant_loops(folder: Path, seed: int) -> dict[str, NestedLoop]:
    """Floors tuned by pairs on each score, on a data set whose spots differ in depth alone."""
    slides = with_constant_composition(draw_slides(folder, seed), seed)
    sources, known, loops = sources_of(folder, slides), {}, {}
    for tune_on in SCORES:
        design = Design("drawn", split="patient", n_genes=30, tune_on=tune_on)
        entries = [contestant(name) for name in FLOORS]
        bench = InProcessBench(load_method)
        loops[tune_on] = run_nested(design, sources, entries, bench, DrawnMaterials, known)
        known |= loops[tune_on].curves
    return loops


@pytest.mark.slow
def test_where_spots_differ_in_depth_alone_the_depth_aware_scores_are_nothing(tmp_path: Path, cache: Path):
    """Whatever is tuned on; the plain correlation is far from nothing. Means over 64 slides of four data sets."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for seed in range(4):
        for tune_on, loop in constant_loops(tmp_path / str(seed), seed).items():
            for record in loop.records:
                for score in SCORES.values():
                    name = (record.row.method, tune_on, score)
                    found.setdefault(name, []).append(outer_score(record, score))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    print("\n".join(f"{' '.join(name):45} {mean:+.4f}" for name, mean in means.items()))
    assert {len(values) for values in found.values()} == {32} and len(means) == len(FLOORS) * 9
    assert {name: m for name, m in means.items() if name[2] != "pcc" and abs(m) > 0.01} == {}
    assert min(mean for name, mean in means.items() if name[1:] == ("pcc", "pcc")) > 0.02


class Keeping:
    """A bench that keeps what reports say."""

    def __init__(self, bench: Bench):
        self.bench, self.notes = bench, list[str]()

    def conduct(self, trial: Trial, ear: Ear) -> TrialResult:
        result = self.bench.conduct(trial, ear)
        self.notes += result.facts.notes
        return result


def seek(folder: Path, seeks: bool, bench: Bench) -> tuple[list[str], Record]:
    """What the seeker found in its fits for one outer fold, and that fold's result."""
    about = card(kind="floor", grid=[{}, {"loudness": 3.0}], at_prediction=["loudness"])
    place = PluginPlace("seeker", "seeker", Path(__file__).parent)
    entry = contestant_of("seeker", about, {"seeks": seeks}, place)
    sources = tiny_sources(make_slides(folder))
    design = Design("tiny", genes="highest", n_genes=12)
    job = make_plan(design, "drawn", sources, [entry], (0,)).jobs[0]
    keeping = Keeping(bench)
    (record,) = Runner(Materials(design, sources), keeping, {}).run(job)
    assert record.finished and len(job.trials) == 3
    return keeping.notes, record


def test_who_looks_for_what_validation_predictions_were_worth_finds_nothing(tmp_path: Path, cache: Path):
    looked, seeking = seek(tmp_path / "slides", True, SealedBench())
    blind, plain = seek(tmp_path / "slides", False, SealedBench())
    assert looked == blind == []
    assert seeking.tuning["epochs"] == plain.tuning["epochs"] == 2
    curves = [[c["curve"] for c in record.tuning["curves"]] for record in (seeking, plain)]
    assert curves[0] == curves[1] and len(curves[0]) == 2
    assert seeking.slides[0].scores == plain.slides[0].scores


def test_who_looks_would_find_it_where_nothing_is_sealed(tmp_path: Path, cache: Path):
    """So that the test before this one can fail. What a method is handed tells nothing even there."""
    looked, _ = seek(tmp_path / "slides", True, InProcessBench(lambda _: Seeker))
    assert set(looked) == {"an array"}

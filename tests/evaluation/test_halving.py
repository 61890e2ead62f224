"""--halving on a real network: fewer epochs trained, in the trials' own log, and the same curves where they were."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from stbench.commands.choosing import choose_contestants, find_slides
from stbench.evaluation.agenda import Agenda
from stbench.evaluation.curves import Curves
from stbench.evaluation.design import Design
from stbench.evaluation.executors import OneByOne, Workbench
from stbench.evaluation.plan import make_plan
from stbench.evaluation.trials.benches import SealedBench
from stbench.reporting.results.state_store import StateStore

EPOCHS = 8


def curves_of(states: StateStore, halving: bool) -> list[Curves]:
    """The inner trials of SpaHGC with three settings of its short grid on four tiny slides, in sealed children."""
    bounds = {"epochs": EPOCHS, "max_settings": 3}
    design = Design("demo-tiny", genes="highest", n_genes=12, halving=halving, **bounds)
    sources, _ = find_slides("demo-tiny", None)
    contestants = choose_contestants(["spahgc"], "paper", {"spahgc": {"hidden": 32}})
    plan = make_plan(design, "", sources, contestants[:1], [0])
    agenda = Agenda(plan.jobs, {}, "pcc", {source.id: source.patient for source in sources})
    workbench = Workbench(design, tuple(sources), SealedBench(), {}, states=states)
    results = OneByOne(workbench.materials()).map(workbench, agenda)
    return [result for result in results if isinstance(result, Curves)]


def by_fit(curves: list[Curves]) -> dict[str, dict[tuple[str, int], float | None]]:
    """For each fit, the PCC of each judged slide at each checkpoint, over all stages that were trained."""
    found: dict[str, dict[tuple[str, int], float | None]] = {}
    for one in curves:
        name = repr((one.about["points"], one.about["train"]))
        for slide, scores in one.points[0].items():
            for checkpoint, value in zip(one.checkpoints, scores["pcc"], strict=True):
                found.setdefault(name, {})[slide, checkpoint] = value
    return found


@pytest.mark.acceptance
def test_halving_trains_fewer_epochs_and_finds_the_same_curves_as_far_as_it_goes(tmp_path: Path, quick: None):
    states = StateStore(tmp_path)
    whole, halved = curves_of(states, halving=False), curves_of(states, halving=True)
    assert list(tmp_path.rglob("*.npz")), "stages go on from what the one before left"
    trained = [sum(one.cost["epochs"] or 0 for one in curves) for curves in (whole, halved)]
    assert trained[1] < trained[0] == EPOCHS * len(whole)
    of_stage = Counter(one.about["stage"] for one in halved)
    assert of_stage[0] == len(whole) > of_stage[1] > of_stage[2] > 0
    in_one, in_stages = by_fit(whole), by_fit(halved)
    assert in_one.keys() == in_stages.keys()
    for name, curve in in_stages.items():
        assert curve.items() <= in_one[name].items(), (
            "bit for bit, though each stage was a process of its own"
        )

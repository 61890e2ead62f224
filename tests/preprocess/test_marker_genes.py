"""Markers beside a chosen panel: which are added, what is said of them, and that they are a part of the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stbench import registry
from stbench.commands.asked import Asked
from stbench.commands.preparing import prepare
from stbench.datasets.demo import plugin as Demo
from stbench.datasets.her2 import plugin as Her2
from stbench.errors import GenePanelError
from stbench.evaluation.design import Design
from stbench.preprocess.genes import check_spec, choose_panel, origin, spec_identity
from stbench.preprocess.marker_genes import sizes_asked_for, written_out
from stbench.preprocess.panel_cache import cached_panel
from stbench.slide import Slide

OF_PAPERS = {
    "cscc": {"SPINK5"}, "her2": {"FASN", "GNAS", "MYL12B", "SCD"}, "alex": {"CD24"}, "visium-bc": {"BAMBI"},
    "hest-lymph-node": {"CLU"}, "hest-pancreas-visium": {"CEACAM5", "MET"}, "hest-pancreas-xenium": {"CEACAM5", "MET"},
}  # fmt: skip
NAMED = "train-hvg+markers:"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> list[Slide]:
    return [source.read() for source in Demo().slides(tmp_path_factory.mktemp("demo"))]


def without(slide: Slide, gene: str) -> Slide:
    kept = np.array([name != gene for name in slide.genes])
    return replace(slide, counts=slide.counts[:, kept], genes=tuple(np.array(slide.genes)[kept].tolist()))


def test_cards_name_the_markers_that_papers_show():
    for dataset, genes in OF_PAPERS.items():
        assert set(registry.dataset_card(dataset).marker_genes) == genes


def test_real_panels_gain_the_markers_that_they_lack(shared_data: Path):
    """Of the markers, train-hvg chooses FASN and SCD on these slides, and neither GNAS nor MYL12B."""
    slides = [source.read() for source in Her2().slides(shared_data)]
    spec = written_out("train-hvg+markers", registry.dataset_card("her2").marker_genes, "her2")
    for left_out in (0, 3):
        training = [slide for place, slide in enumerate(slides) if place != left_out]
        chosen, panel = (choose_panel(s, 250, training, slides, 100) for s in ("train-hvg", spec))
        assert {"FASN", "SCD"} <= set(chosen.genes) and not {"GNAS", "MYL12B"} & set(chosen.genes)
        assert panel.genes == (*chosen.genes, "GNAS", "MYL12B")
        assert not panel.leaky and panel.hash != chosen.hash
        assert panel.note == (
            "train-hvg and the marker genes FASN, GNAS, MYL12B, SCD, which people chose who may have known the test "
            "slides"
        )


def test_fasn_is_added_where_it_is_not_chosen(shared_data: Path):
    slides = [source.read() for source in Her2().slides(shared_data)]
    few = choose_panel("train-hvg", 20, slides[1:], slides, 100).genes
    assert "FASN" not in few
    assert choose_panel(f"{NAMED}FASN", 20, slides[1:], slides, 100).genes == (*few, "FASN")


def test_the_test_slide_decides_nothing(demo):
    spec = f"{NAMED}TUMOUR01,FAT01"
    panel = choose_panel(spec, 12, demo[:3], demo, 100)
    assert choose_panel(spec, 12, demo[:3], [*demo[:3], without(demo[3], "FAT01")], 100) == panel
    assert "FAT01" in panel.genes


def test_a_marker_that_a_training_slide_lacks_is_left_out_and_named(demo):
    training = [demo[0], without(demo[1], "FAT01")]
    panel = choose_panel(f"{NAMED}TUMOUR01,FAT01,NOWHERE", 12, training, demo, 100)
    assert len(set(panel.genes)) == len(panel.genes) and "FAT01" not in panel.genes
    assert panel.note.endswith("; not measured on every training slide and left out: FAT01, NOWHERE")
    assert panel.note.startswith(origin(f"{NAMED}TUMOUR01,FAT01,NOWHERE")[1])


def test_a_marker_that_is_chosen_anyway_or_named_twice_stands_once(demo):
    chosen = choose_panel("train-hvg", 12, demo[:3], demo, 100).genes
    again = choose_panel(f"{NAMED}{chosen[5]},{chosen[0]},{chosen[5]}", 12, demo[:3], demo, 100)
    assert again.genes == chosen


def test_a_cached_panel_gains_the_same_markers(demo, cache):
    spec = f"{NAMED}TUMOUR01,NOWHERE"
    made = choose_panel(spec, 12, demo[:3], demo, 100)
    assert [cached_panel(spec, 12, demo[:3], demo, 100) for _ in range(2)] == [made, made]
    other = cached_panel(f"{NAMED}FAT01", 12, demo[:3], demo, 100)
    assert other.genes[:12] == made.genes[:12] and other.genes != made.genes


def test_markers_are_a_part_of_the_recipe():
    specs = ["train-hvg", f"{NAMED}FASN", f"{NAMED}FASN,SCD", f"{NAMED}SCD"]
    assert len({spec_identity(spec, 250) for spec in specs}) == 4
    assert spec_identity(specs[1], 250) != spec_identity(specs[1], 100)
    assert spec_identity(f"{NAMED} FASN , SCD", 250) == spec_identity(specs[2], 250)
    with pytest.raises(GenePanelError, match="names no marker genes"):
        spec_identity("train-hvg+markers", 250)


def test_a_card_without_markers_is_told_in_a_sentence():
    assert written_out("train-hvg", (), "ours") == "train-hvg"
    assert written_out(f"{NAMED}FASN", (), "ours") == f"{NAMED}FASN"
    with pytest.raises(GenePanelError) as error:
        written_out("train-hvg+markers", (), "path:ours")
    assert str(error.value) == (
        "The card of path:ours names no marker genes: take --genes train-hvg, or name some yourself, as in --genes "
        "train-hvg+markers:FASN,GNAS."
    )


def test_specs_are_checked_before_a_slide_is_read():
    check_spec("train-hvg+markers")
    check_spec(f"{NAMED}FASN")
    with pytest.raises(GenePanelError, match="names no marker genes"):
        check_spec(f"{NAMED} , ")
    Design("her2", genes=f"{NAMED}FASN")


def planned(tmp_path: Path, genes: str) -> tuple[str, str, Sequence[str]]:
    """Panel's name and hash in the table, and keys, of a plan."""
    asked = Asked.of(
        methods=("ridge",), dataset="demo-tiny", genes=genes, n_genes=12, inner="2", device="cpu"
    )
    run = prepare(asked, tmp_path)
    return run.plan.table.genes, run.plan.table.panel, sorted({*run.keys, *run.trials_to_do(run.pending())})


def test_a_run_writes_the_cards_markers_out(tmp_path: Path, cache):
    card = registry.dataset_card("demo-tiny").marker_genes
    genes, panel, keys = planned(tmp_path, "train-hvg+markers")
    assert genes == NAMED + ",".join(card)
    assert planned(tmp_path, genes) == (genes, panel, keys)
    for other in ("train-hvg", f"{NAMED}TUMOUR01"):
        _, its_panel, its_keys = planned(tmp_path, other)
        assert its_panel != panel and not {*its_keys} & {*keys}


def test_sizes_that_may_have_been_asked_for(demo):
    spec = f"{NAMED}TUMOUR01,FAT01,NOWHERE"
    panel = choose_panel(spec, 12, demo[:3], demo, 100).genes
    assert 12 in sizes_asked_for(spec, len(panel)) and list(sizes_asked_for("highest", 30)) == [30]

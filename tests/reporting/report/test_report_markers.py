"""Marker genes in the report: first in maps and lists, with their scores, and missed where no panel holds them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from reporting.record_factory import GENES, PATIENTS, TABLE, complete, failed, make_record, with_arrays
from reporting.report.synthetic_run import Size, figures_not_drawn, make_run

from stbench import registry
from stbench.commands.report import marker_genes
from stbench.record import Record, SlideScores
from stbench.reporting.report import write_report
from stbench.reporting.report.boards import Board, build_boards
from stbench.reporting.report.sections.choosing import chosen_genes
from stbench.reporting.report.sections.genes import genes_section
from stbench.reporting.report.sections.markers import about_markers
from stbench.reporting.report.sections.tissue import tissue_section
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.leaderboard import build_tables

PCC = dict.fromkeys(PATIENTS, 0.2)


def board(*records: Record) -> Board:
    (only,) = build_boards(records, "ridge")
    return only


def with_panels(panels: dict[str, str], *, method: str = "ridge") -> list[Record]:
    """A Record for each slide whose panel is some letters; each gene scores 0.1."""
    made = []
    for slide, panel in panels.items():
        scores = SlideScores(
            slide, PATIENTS[slide], 10, 8, {"pcc": 0.1}, tuple(panel), {"pcc": (0.1,) * len(panel)}
        )
        made.append(replace(make_record(method, slide), panel_genes=tuple(panel), slides=(scores,)))
    return made


def test_markers_lead_the_list_of_genes_with_their_own_scores():
    section = genes_section(board(*complete("ridge", PCC)), ["GNAS", "ABSENT", "FASN"])
    (row,) = section.rows
    assert row["genes"] == ["GNAS", "FASN", "ERBB2"] and row["n_markers"] == 2
    # The factory's Records hold PCC .1 for FASN, .5 for GNAS and none for ERBB2, on every slide.
    assert row["columns"][0] == [0.5, 0.1, None] and row["columns"][1] == [0.25, 0.0, None]
    assert row["defined"] == [3, 3, 0]


def test_without_markers_the_list_is_as_it_was():
    section = genes_section(board(*complete("ridge", PCC)))
    assert section.rows[0]["genes"] == sorted(GENES) and section.rows[0]["n_markers"] == 0
    assert section.markers is None and section.about_markers == ""


def test_a_table_shows_every_rows_scores_on_the_markers():
    found = board(*complete("ridge", PCC), *complete("spahgc", dict.fromkeys(PATIENTS, 0.1)))
    grid = genes_section(found, ["GNAS", "ABSENT", "FASN"]).markers
    assert grid is not None
    assert [line.cells[:2] for line in grid.lines] == [
        ("GNAS", "ridge"), ("GNAS", "spahgc"), ("FASN", "ridge"), ("FASN", "spahgc"),
    ]  # fmt: skip
    assert grid.lines[0].cells[2:] == ("3", "0.500", "0.250", "–")


def test_what_the_panels_lack_is_said():
    found = board(*with_panels({"B1": "ABX", "B2": "ACX", "C1": "ADX"}))
    assert about_markers(found, "AX") == "Marker genes of this data set: A and X; they stand first."
    assert about_markers(found, "XYZ") == (
        "Marker genes of this data set: X, Y and Z; they stand first. Y and Z are not on the gene panel and are not "
        "scored here."
    )
    assert about_markers(found, "A") == "Marker gene of this data set: A; it stands first."
    absent = "Marker gene of this data set: Y. Y is not on the gene panel and is not scored here."
    assert about_markers(found, "Y") == absent
    assert about_markers(found, "XB").endswith("B is on the panel of 1 of 3 folds.")
    assert about_markers(found, []) == ""
    assert about_markers(board(failed(replace(make_record("ridge", "B1"), panel_genes=()), "no")), "A") == ""


def test_markers_are_drawn_first_behind_those_asked_for():
    slides = [SlideScores("B1", "B", 10, 8, {}, tuple("ABCDE"), {"pcc": (0.9, 0.1, 0.5, 0.2, 0.3)})]
    chosen = chosen_genes(slides, [], 4, ["D", "Z", "B"])
    assert [gene for gene, _ in chosen] == ["D", "B", "A", "E"]
    assert [why for _, why in chosen] == ["marker gene", "marker gene", "among the highest PCC", "median PCC"]
    assert chosen_genes(slides, ["B"], 2, ["D", "B"]) == [("B", "asked for"), ("D", "marker gene")]
    assert [gene for gene, _ in chosen_genes(slides, [], 1, ["D", "B"])] == ["D", "B"]


def test_maps_begin_with_the_markers_and_miss_the_others(tmp_path: Path):
    record = with_arrays(make_record("ridge", "B1"))
    RunStore(tmp_path).save(record)
    section = tissue_section(board(record), StoredArrays([tmp_path]), [], 3, ["ERBB2", "ABSENT"])
    first = section.slides[0]["genes"][0]
    assert (first["gene"], first["why"]) == ("ERBB2", "marker gene")
    assert "ABSENT is not on the gene panel" in section.markers


def test_markers_come_from_the_card_and_from_the_panels_recipe():
    own = replace(TABLE, genes="train-hvg+markers:ESR1,FASN")
    records = [make_record("ridge", "B1"), make_record("ridge", "B1", table=own)]
    assert marker_genes(records)["her2"] == (*registry.dataset_card("her2").marker_genes, "ESR1")
    elsewhere = [
        replace(TABLE, dataset="nowhere"),
        replace(TABLE, dataset="path:ours", genes="train-hvg+markers: "),
    ]
    assert marker_genes([make_record("ridge", "B1", table=t) for t in elsewhere]) == {
        "nowhere": (),
        "path:ours": (),
    }


@pytest.fixture
def page(tmp_path: Path) -> str:
    make_run(tmp_path / "runs", Size(n_methods=2))
    records, _ = RunStore(tmp_path / "runs").records()
    gene = sorted(records[0].panel_genes)[-1]
    markers = {records[0].table.dataset: (gene, "MISSING<1>")}
    folders = [("runs", tmp_path / "runs")]
    with figures_not_drawn():
        written = write_report(folders, build_tables(records), [], tmp_path / "page", markers=markers)
    return written.page.read_text(encoding="utf-8")


def test_the_page_says_so_in_maps_and_in_the_list(page: str):
    maps, genes = page.partition('-maps" class="maps"')[2].split('-genes" class="genes"')[:2]
    for part in (maps, genes):
        assert "MISSING&lt;1&gt; is not on the gene panel and is not scored here." in part
    assert (
        "Marker genes, means over patients" in genes
        and "MISSING<1>" not in page.partition("<main")[2].partition("<script")[0]
    )

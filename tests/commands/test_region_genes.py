"""The page's genes of two regions: those that were made to differ, and what each kind of prediction has of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from reporting.regions.annotated_run import (
    OTHER,
    TUMOUR,
    make_truth,
    measured,
    noise,
    opened,
    regions_alone,
    write_run,
)
from reporting.report.paper_rows import board, rows

from stbench.commands.region_genes import genes_of_regions
from stbench.reporting.report.sections.enrichment import GenesOfRegions, enrichment_section
from stbench.reporting.results.store import RunStore

# Of twelve genes half are twice as high in tumour; of the others the share of all counts is lower there.
RISES = {f"G{place}" for place in range(6)}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> GenesOfRegions:
    truths = {name: make_truth(name) for name in ("S1", "S2", "S3")}
    truths["S3"].annotation[truths["S3"].annotation == OTHER] = "fat"  # type: ignore[index]
    methods = {
        "right": measured,
        "backwards": lambda t: 20 - measured(t),
        "knows": regions_alone,
        "noise": noise,
    }
    run = write_run(tmp_path_factory.mktemp("run"), truths, methods, scored=False)
    genes = genes_of_regions(*opened(run))
    assert genes is not None
    return genes


def test_tumour_stands_first_against_the_largest_other_region(found):
    assert found.regions == (TUMOUR, OTHER) and found.slides == ("S1", "S2")
    assert found.left_out == (f"S3 has 0 spots of {OTHER}; 3 are needed",)


def test_each_row_is_compared_with_what_was_measured(found):
    by_source = {source.source: source for source in found.sources}
    assert found.sources[0].source == "measured" and set(found.sources[0].up) == RISES
    right, backwards = by_source["right"], by_source["backwards"]
    assert set(right.up) == RISES and right.n_surest == found.sources[0].n_surest
    assert (right.same_sign, right.overlap) == (1.0, 1.0) and right.correlation == pytest.approx(1)
    assert set(backwards.down) == RISES and backwards.same_sign == 0.0
    assert by_source["knows"].n_surest == 12  # surer than measured, and of no biology
    assert by_source["noise"].n_surest < right.n_surest


def test_a_row_that_lacks_folds_is_compared_on_its_own_slides_whatever_its_place(tmp_path: Path):
    truths = {name: make_truth(name) for name in ("S1", "S2")}
    run = write_run(tmp_path, truths, {"right": measured, "whole": measured}, scored=False)
    (lacking,) = [r for r in RunStore(run).records()[0] if (r.row.method, r.fold) == ("right", "S2")]
    (run / "records" / f"{lacking.key}.json").unlink()
    genes = genes_of_regions(*opened(run))
    assert genes is not None and genes.slides == ("S1", "S2")
    of_all, *rows_found = genes.sources
    by_source = {source.source: source for source in rows_found}
    assert by_source["whole"].n_surest == of_all.n_surest
    for source in by_source.values():
        assert (source.same_sign, source.overlap) == (1.0, 1.0) and source.correlation == pytest.approx(1)


def test_the_section_says_who_agrees_and_asks_for_more(found):
    section = enrichment_section(board(*rows()), found)
    assert section is not None and section.title == f"{TUMOUR} from {OTHER}"
    first, *others = section.grid.lines
    assert first.cells[0] == "measured" and first.cells[2:6] == ("",) * 4 and len(others) == 4
    assert f"--groups {TUMOUR},{OTHER}" in section.command and "S3 has 0 spots" in section.sentences[-1]
    assert enrichment_section(board(*rows()), None) is None


def test_nothing_is_said_where_nobody_annotated(tmp_path: Path):
    truths = {name: make_truth(name) for name in ("S1", "S2")}
    for truth in truths.values():
        truth.annotation[:] = ""  # type: ignore[index]
    run = write_run(tmp_path, truths, {"right": measured}, scored=False)
    assert genes_of_regions(*opened(run)) is None

"""Ranks and tests of the page, against statistics worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from reporting.record_factory import PATIENTS, TABLE, complete
from reporting.report.paper_rows import BETTER, PCC, board, rows
from scipy import stats

from stbench.reporting.report.boards import build_boards
from stbench.reporting.report.patients import patient_scores
from stbench.reporting.report.sections.bootstrap import bootstrap_section
from stbench.reporting.report.sections.comparisons import comparisons_sections
from stbench.reporting.report.sections.ranking import ranking_sections
from stbench.reporting.tables.leaderboard import build_tables


def test_patients_are_the_blocks_of_ranks_and_tests():
    found = patient_scores(board(*rows()), "pcc")
    assert found.patients == ("B", "C", "D") and found.labels == ("eggn", "ridge", "bleep")
    np.testing.assert_allclose(found.scores, [[0.3, 0.2, 0.15], [0.4, 0.4, 0.35], [0.6, 0.6, 0.55]])


def test_ranks_are_means_over_patients():
    by_pcc = ranking_sections(board(*rows()))[0]
    # eggn: 1, 1.5, 1.5; ridge: 2, 1.5, 1.5; bleep: always last.
    assert by_pcc.grid is not None
    assert [line.cells for line in by_pcc.grid.lines] == [
        ("eggn", "1.33", "1.25 to 1.50"), ("ridge", "1.67", "1.50 to 1.75"), ("bleep", "3.00", "3.00 to 3.00"),
    ]  # fmt: skip
    assert by_pcc.pairwise is None and "at least 6 patients, and here are 3" in by_pcc.why_not
    # Below its n the page says nothing of a test of Friedman's.
    assert "Friedman" not in by_pcc.friedman and "nothing can be tested" in by_pcc.friedman


def test_friedmans_test_is_corrected_for_ties():
    slides = ("B1", "C1", "D1", "E1")
    levels = {"ridge": (0.2, 0.4, 0.6, 0.5), "eggn": (0.3, 0.4, 0.6, 0.6), "bleep": (0.1, 0.3, 0.5, 0.4)}
    table, patients = replace(TABLE, slides=slides), {slide: slide[0] for slide in slides}
    records = [
        record
        for method, values in levels.items()
        for record in complete(method, dict(zip(slides, values, strict=True)), table=table, patients=patients)
    ]
    section = ranking_sections(board(*records))[0]
    # Rank sums 5 (1, 1.5, 1.5, 1), 7 (2, 1.5, 1.5, 2) and 12, squared ranks 55, without correction 6.5:
    # (3 - 1) * ((5 - 8)^2 + (7 - 8)^2 + (12 - 8)^2) / (55 - 4 * 3 * 16 / 4) = 52 / 7.
    assert "4 patients and 3 rows: statistic 7.43" in section.friedman
    assert "by all permutations" in section.friedman


def test_six_patients_have_a_diagram():
    slides = tuple(f"{letter}1" for letter in "ABCDEF")
    patients = {slide: slide[0] for slide in slides}
    table = replace(TABLE, slides=slides)
    levels = {"ridge": 0.1, "eggn": 0.2, "bleep": 0.3}
    records = [
        record
        for method, level in levels.items()
        for record in complete(
            method,
            {slide: level + i / 1000 for i, slide in enumerate(slides)},
            table=table,
            patients=patients,
        )
    ]
    section = ranking_sections(board(*records))[0]
    assert section.pairwise is not None and section.why_not == ""
    # All six patients agree: 2 / 2^6, however many pairs.
    np.testing.assert_allclose(section.pairwise[np.triu_indices(3, 1)], 2 / 64)


def test_two_rows_have_no_ranks():
    section = ranking_sections(board(*complete("ridge", PCC), *complete("eggn", BETTER)))[0]
    assert section.grid is None and "at least three rows" in section.friedman


def test_tests_by_pcc_are_those_of_the_leaderboard():
    records = rows()
    (table,) = build_tables(records, reference="ridge")
    section = comparisons_sections(board(*records), "ridge")[0]
    assert section.grid is not None
    by_method = {c.method: c for c in table.comparisons}
    assert [line.cells[0] for line in section.grid.lines] == ["eggn", "bleep"]
    assert [line.cells[1] for line in section.grid.lines] == [by_method[m].verdict for m in ("eggn", "bleep")]
    assert section.summary == ["cannot be told with n=3: eggn and bleep"]


def test_why_there_are_no_tests():
    (found,) = build_boards(rows(), "stnet")
    assert "no row stnet that is finished on every fold; there are eggn, ridge and bleep" in (
        comparisons_sections(found, "stnet")[0].why_not
    )
    alone = comparisons_sections(board(*complete("ridge", PCC)), "ridge")[0]
    assert "the only row" in alone.why_not
    nobody = board(
        *complete("ridge", PCC, patients=dict.fromkeys(PATIENTS)),
        *complete("eggn", PCC, patients=dict.fromkeys(PATIENTS)),
    )
    assert "patients are not stated" in comparisons_sections(nobody, "ridge")[0].why_not


def eight_patients():
    slides = tuple(f"{letter}{i}" for letter in "ABCDEFGH" for i in (1, 2))
    scores = dict(zip(slides, np.random.default_rng(0).uniform(0.1, 0.4, 16).tolist(), strict=True))
    patients = {slide: slide[0] for slide in slides}
    return complete("ridge", scores, table=replace(TABLE, slides=slides), patients=patients), scores


def test_the_bootstrap_stands_beside_the_interval_from_eight_patients_on():
    records, scores = eight_patients()
    section = bootstrap_section(board(*records))
    assert section.grid is not None
    ((name, by_z, resampled, *_),) = [line.cells for line in section.grid.lines]
    means = np.array(list(scores.values())).reshape(8, 2).mean(axis=1)
    ends = stats.ttest_1samp(np.arctanh(means), 0).confidence_interval()
    assert name == "ridge" and by_z == f"{np.tanh(ends.low):.3f} to {np.tanh(ends.high):.3f}"
    low, high = map(float, resampled.split(" to "))
    assert means.min() < low < means.mean() < high < means.max()


def test_why_there_is_no_bootstrap():
    assert "at least 8 patients, and here are 3" in bootstrap_section(board(*rows())).why_not
    nobody = board(*complete("ridge", PCC, patients=dict.fromkeys(PATIENTS)))
    assert "they are not stated" in bootstrap_section(nobody).why_not

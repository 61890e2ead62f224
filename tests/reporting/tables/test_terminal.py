"""The table that a person meets first: what it shows at 80 columns, and what stands below it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from reporting.record_factory import SLIDES, complete, failed, make_record
from rich.console import Console

from stbench.record import RowIdentity
from stbench.reporting.tables.columns import columns_of
from stbench.reporting.tables.leaderboard import build_tables
from stbench.reporting.tables.terminal import LeaderboardView

GOOD = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}
POOR = {slide: score - 0.1 for slide, score in GOOD.items()}
TWO = {"B1": "B", "B2": "B", "C1": "C", "D1": "C", "D2": "C"}
NULL = {"pcc_null": 0.123}


def records(**fields):
    return [
        *complete("spahgc", GOOD, variant="paper", **fields),
        *complete("smooth", POOR, kind="floor", **fields),
        *complete("smooth", POOR, kind="floor", variant="untuned", **fields),
    ]


def shown(made, width=80, **how) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(LeaderboardView(build_tables(made), **how))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def row_of(lines, name) -> str:
    return next(line for line in lines if f" {name} " in line)


def test_at_80_columns_a_row_has_its_score_interval_null_equal_depth_error_and_cost():
    lines = shown(records(scores=NULL))
    assert max(map(len, lines)) <= 80
    titles = " ".join(" ".join(lines[:5]).split())
    for title in ("# method kind", "PCC [95% CI]", "null", "equal", "RMSE", "fit s"):
        assert title in titles
    # By hand: patients' means .2, .6 and .4; Fisher's z gives the interval.
    words = row_of(lines, "spahgc").split()
    assert words == ["1", "spahgc", "method", "0.400", "[-0.169,", "0.782]", "0.123", "0.010", "0.300", "2.0"]


def test_two_patients_are_shown_as_their_range_and_called_so():
    lines = shown(records(patients=TWO))
    assert "PCC [patient range]" in " ".join(lines)
    # Means of B (.1, .3) and of C (.6, .3, .5), and the mean of the two.
    assert "0.333 [0.200, 0.467]" in row_of(lines, "spahgc")
    titles = {column.title for column in columns_of(build_tables(records(patients=TWO))[0])}
    assert "patient range" in titles and "95% CI" not in titles


def test_where_patients_are_not_stated_nothing_is_called_their_range():
    titles = {column.title for column in columns_of(build_tables(records(patients=dict.fromkeys(TWO)))[0])}
    assert "95% CI" in titles and "patient range" not in titles


def test_untuned_twins_are_folded_away_and_counted_and_come_back_when_asked():
    brief, whole = shown(records()), shown(records(), wide=True)
    assert not any("untuned)" in line for line in brief)
    assert any("1 untuned twin of floors left out" in line for line in brief)
    assert row_of(brief, "smooth").startswith("2")
    assert any("smooth (untuned)" in line for line in whole)


def test_an_untuned_twin_that_is_more_complete_than_the_tuned_row_stays_and_the_rest_is_called_unfinished():
    made = [r for r in records() if r.row.variant == "untuned" or r.fold == "B1"]
    brief = shown(made)
    assert row_of(brief, "smooth (untuned)").startswith("1")
    assert not any("left out" in line for line in brief)
    for lines in (brief, shown(made, wide=True)):
        assert "Unfinished: 2 rows do not have all 5 slides yet; run the same command again" in " ".join(
            lines
        )
    came_to_nothing = [
        failed(r, "no memory") if r.fold == "B1" and r.row.variant != "untuned" else r for r in records()
    ]
    # A score that cannot be had is no lack of a fold; and the same command makes no row of an older protocol.
    no_score = [make_record("spahgc", slide, None if slide == "B1" else 0.2) for slide in SLIDES]
    older = [replace(r, table=replace(r.table, protocol=1)) for r in made]
    for finished in (records(), came_to_nothing, no_score, older):
        assert not any("Unfinished" in line for line in shown(finished))


def test_a_seed_that_lacks_folds_is_called_unfinished():
    second = [make_record("spahgc", slide, 0.2, variant="paper", seed=1) for slide in ("B1", "B2")]
    assert "Unfinished: 1 row does not have all 5 slides yet" in " ".join(shown([*records(), *second]))


def test_little_stands_below_an_ordinary_table():
    lines = shown(records())
    below = lines[lines.index(row_of(lines, "ceiling")) + 1 :]
    assert 0 < len([line for line in below if line]) <= 4
    assert "With 3 patients" in below[0] and "told" in below[0]


def test_names_are_in_full_where_there_is_room_and_else_the_preset_is_said_below():
    wide, narrow = shown(records(), 120), shown(records(), 80)
    assert any("spahgc (published settings) " in line for line in wide)
    assert any("Published settings: spahgc." in line for line in narrow)
    assert not any("paper" in line for line in (*wide, *narrow))


def test_a_method_that_nobody_published_has_no_published_settings():
    made = records(provenance={"finished_at": "2026-01-02T03:04:05Z", "has_publication": False})
    assert not any("published settings" in line.lower() for line in shown(made, 160))


def test_generated_tissue_is_called_synthetic_in_the_first_line():
    made = records(provenance={"finished_at": "2026-01-02T03:04:05Z", "synthetic": True})
    assert "SYNTHETIC" in shown(made)[0] and "SYNTHETIC" in shown(made, wide=True)[0]
    assert "SYNTHETIC" not in shown(records())[0]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_fits_and_keeps_names_and_scores(width):
    made = [*records(), failed(make_record("egn", "B1"), "ValueError: a | b")]
    for lines in (shown(made, width), shown(made, width, wide=True)):
        assert max(map(len, lines)) <= width
        scores = [line.split()[0] for line in lines if "0.400" in line or "0.300 [" in line]
        assert scores[:1] == ["1"]
    assert any("egn failed on B1: ValueError" in line for line in shown(made, 120))


def test_the_whole_table_has_every_column():
    words = " ".join(" ".join(shown(records(), wide=True)).split())
    for title in ("95%", "skill", "deviance", "variance", "seeds", "parameters", "encoder"):
        assert title in words


def test_bounds_and_random_starts_are_said_with_the_rows_that_they_hold_for():
    bound, start = "at most 5 epochs, 4 settings tried", "resnet50: random, no ImageNet weights at hand"
    made = [
        *complete("stnet", GOOD, pretrained=start, row=RowIdentity("stnet", "paper", budget=bound)),
        *complete("bleep", POOR, pretrained=start, row=RowIdentity("bleep", "", budget="at most 5 epochs")),
        *complete("eggn", POOR, row=RowIdentity("eggn", "", budget=bound)),
    ]
    brief, whole = shown(made, 160), shown(made, 160, wide=True)
    assert f"stnet (published settings), bleep: {start}." in brief
    assert any("more remark" in line and "--wide" in line for line in brief)
    assert f"pretrained: {start}: stnet (published settings), bleep" in whole
    assert f"budget: {bound}: stnet (published settings), eggn" in whole
    assert "budget: at most 5 epochs: bleep" in whole


def test_meanings_stand_below_only_when_asked():
    plain, explained = shown(records()), shown(records(), explain=True)
    assert not any("Pearson" in line for line in plain)
    assert any("mean Pearson correlation per gene" in line for line in explained)


def test_every_row_lacks_a_test_where_patients_are_not_stated():
    made = records(patients=dict.fromkeys(SLIDES))
    assert any("Nothing was tested" in line for line in shown(made))

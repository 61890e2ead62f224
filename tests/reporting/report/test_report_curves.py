"""The page's curves: which rows have any, what is averaged, where chosen epochs stand, what older Records give."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reporting.record_factory import TABLE, make_record
from reporting.report.synthetic_run import figures_not_drawn, report_of

from stbench.record import Record
from stbench.reporting.report.boards import build_boards
from stbench.reporting.report.figures.curves import interactive
from stbench.reporting.report.sections.curves import CurvesSection, MethodCurves, curves_section
from stbench.reporting.results.store import RunStore

TWO = replace(TABLE, slides=("B1", "C1"))


def trained(slide: str, chosen: int, inner: tuple[float, ...], **more) -> Record:
    """A Record of a network that was trained for `chosen` epochs, as its inner loop's scores at 1, 2 and 4 say."""
    curves = {
        "training_loss": _curve(range(1, chosen + 1), [1.0 / epoch for epoch in range(1, chosen + 1)]),
        "inner_pcc": _curve((1, 2, 4), inner),
        "inner_pcc_equal_depth": _curve((1, 2, 4), [value / 10 for value in inner]),
    }
    return make_record("net", slide, table=TWO, **{"tuning": tuned(chosen, inner), "curves": curves, **more})


def tuned(chosen: int, curve: tuple[float, ...]) -> dict:
    of_point = {"settings": {"width": 8}, "curve": list(curve), "checkpoints": [1, 2, 4]}
    other = {"settings": {}, "curve": [0.0, 0.0, 0.0], "checkpoints": [1, 2, 4]}
    found = {"settings": {"width": 8}, "epochs": chosen, "score": max(curve), "at_cap": False}
    return found | {"curves": [other, of_point]}


def _curve(epochs, values) -> dict:
    return {"epochs": list(epochs), "values": list(values), "n_points": len(list(values))}


def section_of(*records: Record) -> CurvesSection:
    (board,) = build_boards(records, "smooth")
    return curves_section(board)


def method_of(*records: Record) -> MethodCurves:
    (method,) = section_of(*records).methods
    return method


NET = (trained("B1", 2, (0.1, 0.4, 0.2)), trained("C1", 4, (0.1, 0.2, 0.6)))


def test_losses_stand_by_fold_and_scores_are_means_over_folds():
    method = method_of(*NET)
    assert {(one.name, one.epochs[-1], one.values[-1]) for one in method.losses} == {
        ("B1", 2, 0.5),
        ("C1", 4, 0.25),
    }
    assert [(one.name, one.epochs, one.values) for one in method.scores] == [
        ("PCC", (1, 2, 4), pytest.approx((0.1, 0.3, 0.4))),
        ("equal-depth PCC", (1, 2, 4), pytest.approx((0.01, 0.03, 0.04))),
    ]


def test_folds_that_were_judged_at_other_epochs_are_averaged_where_all_were():
    other = trained("C1", 4, (0.1, 0.2, 0.6))
    other.curves["inner_pcc"]["epochs"][:] = [1, 3, 4]
    pcc = method_of(NET[0], other).scores[0]
    assert (pcc.epochs, pcc.values) == ((1, 4), pytest.approx((0.1, 0.4)))


def test_each_fold_has_a_star_at_its_epoch_and_score():
    method = method_of(*NET)
    assert {(one.fold, one.epoch, one.value) for one in method.chosen} == {("B1", 2, 0.4), ("C1", 4, 0.6)}
    assert method.chosen_by == "PCC"


def test_stars_stand_on_the_score_that_was_tuned_on():
    table = replace(TWO, tune_on="pcc-equal-depth")
    method = method_of(*(replace(record, table=table) for record in NET))
    assert method.chosen_by == "equal-depth PCC"
    assert {one.value for one in method.chosen} == {0.04, 0.06}


def test_older_records_give_the_score_that_they_were_tuned_on():
    method = method_of(*(replace(record, curves={}) for record in NET))
    assert method.losses == ()
    assert [(one.name, one.values) for one in method.scores] == [("PCC", pytest.approx((0.1, 0.3, 0.4)))]
    assert {one.epoch for one in method.chosen} == {2, 4}


def test_inner_scores_without_a_choice_have_no_star():
    method = method_of(*(replace(record, tuning={}) for record in NET))
    assert [one.name for one in method.scores] == ["PCC", "equal-depth PCC"] and method.chosen == ()


def test_methods_without_epochs_have_no_curves():
    at_once = {"settings": {}, "epochs": None, "score": 0.2, "at_cap": False, "curves": []}
    floors = [make_record("ridge", slide, table=TWO, tuning=at_once) for slide in TWO.slides]
    assert section_of(*floors).methods == ()
    assert [method.label for method in section_of(*floors, *NET).methods] == ["net"]


def test_many_folds_seeds_and_epochs_are_cut_and_said_to_be():
    slides = tuple(f"S{place:02}" for place in range(15))
    table = replace(TABLE, slides=slides)
    long = _curve(range(1, 201), [1.0] * 200)
    records = [
        make_record(
            "net",
            slide,
            table=table,
            seed=seed,
            patients=dict.fromkeys(slides),
            curves={"training_loss": long},
        )
        for slide in slides
        for seed in (0, 1)
    ]
    method = method_of(*records)
    assert len(method.losses) == 12 and all(len(one.epochs) <= 61 for one in method.losses)
    assert all(one.epochs[-1] == 200 for one in method.losses)
    for words in ("the first 12 of 15 folds", "seed 0 of 2", "at most 60 epochs"):
        assert words in method.aside


def test_each_method_has_two_figures():
    figures = interactive(section_of(*NET))
    assert set(figures) == {"loss-0", "inner-0"}
    assert [len(figures[name]["data"]) for name in ("loss-0", "inner-0")] == [2, 3]


def test_the_page_shows_curves_only_where_there_are_any(tmp_path):
    pages = []
    for name, records in (
        ("with", NET),
        ("without", [make_record("ridge", s, table=TWO) for s in TWO.slides]),
    ):
        for record in records:
            RunStore(tmp_path / name).save(record)
        with figures_not_drawn():
            pages.append(
                report_of(tmp_path / name, tmp_path / f"{name}-page").page.read_text(encoding="utf-8")
            )
    assert 'data-figure="loss-0"' in pages[0] and 'data-figure="inner-0"' in pages[0]
    assert pages[0].count("<h2>Curves</h2>") == 1 and 'href="#t0-curves"' in pages[0]
    assert "Curves" not in pages[1].split("plotly.js")[0]

"""A Record goes through JSON and comes back equal; what is none is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from stbench.errors import StbenchError
from stbench.record import PROTOCOL_VERSION, Record, RowIdentity, SlideScores, TableIdentity

TABLE = TableIdentity(
    "demo", ("A1", "B1"), "data", "slide", "all", "train-hvg", "panel", "minmax", "logcpm", 100, "224 px", "e@1"
)  # fmt: skip
ROW = RowIdentity("ridge", "untuned", (("penalty", 10.0), ("words", "a b")), "at most 3 epochs", "source")
SCORES = SlideScores("A1", None, 40, 38, {"pcc": 0.25, "ari": None}, ("G1", "G2"), {"pcc": (0.5, None)})
RECORD = Record(
    key="k",
    table=TABLE,
    row=ROW,
    kind="floor",
    seed=3,
    fold="A1",
    n_folds=2,
    train_slides=("B1",),
    test_slides=("A1",),
    panel_genes=("G1", "G2"),
    settings={"penalty": 10.0},
    tuning={
        "settings": {},
        "epochs": 1,
        "score": 0.1,
        "at_cap": False,
        "curves": ({"settings": {}, "curve": [0.1, None]},),
    },
    slides=(SCORES,),
    cost={"fit_seconds": 0.5, "peak_gpu_memory_mb": None},
    notes=("a note",),
    predictions={"A1": np.zeros((40, 2), np.float32)},
)


def test_the_plain_part_survives_json():
    plain = json.loads(json.dumps(RECORD.to_plain(), allow_nan=False))
    back = Record.from_plain(plain)
    assert "predictions" not in plain and "truths" not in plain
    assert (back.table, back.row, back.slides) == (TABLE, ROW, (SCORES,))
    assert json.loads(json.dumps(back.to_plain())) == plain
    assert isinstance(hash(back.row), int) and isinstance(hash(back.table), int)


def test_only_a_record_without_failure_is_finished():
    assert RECORD.finished
    assert not replace(RECORD, failure="reason").finished


def test_a_table_carries_the_protocols_version():
    assert TABLE.protocol == PROTOCOL_VERSION
    assert replace(TABLE, protocol=PROTOCOL_VERSION + 1) != TABLE


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain.pop("table"),
        lambda plain: plain.update(unheard_of=1),
        lambda plain: plain["row"].update(unheard_of=1),
        lambda plain: plain["row"].update(overrides=[["only a name"]]),
        lambda plain: plain.update(slides=[{"slide": "A1"}]),
        lambda plain: plain.update(notes=None),
    ],
)
def test_what_is_no_record_is_refused(change):
    plain = json.loads(json.dumps(RECORD.to_plain()))
    change(plain)
    with pytest.raises(StbenchError, match="not a Record of this version"):
        Record.from_plain(plain)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda plain: plain.update(seed="3"), r"seed is '3', and input should be a valid integer"),
        (lambda plain: plain.update(leaky=1), "leaky is 1, and"),
        (lambda plain: plain.update(n_folds=2.5), "n_folds is 2.5, and"),
        (lambda plain: plain.update(test_slides="A1"), "test_slides is 'A1', and"),
        (lambda plain: plain.update(train_slides=[1]), r"train_slides\.0 is 1, and"),
        (lambda plain: plain.update(failure=["no"]), "failure is .*, and"),
        (lambda plain: plain.update(settings=[]), "settings is .*, and"),
        (lambda plain: plain["cost"].update(fit_seconds="long"), r"cost\.fit_seconds is 'long', and"),
        (lambda plain: plain["cost"].update(fit_seconds=True), r"cost\.fit_seconds is True, and"),
        (lambda plain: plain["table"].update(min_counts=None), r"table\.min_counts is None, and"),
        (lambda plain: plain["row"].update(overrides=[[1, 2]]), r"row\.overrides\.0\.0 is 1, and"),
        (lambda plain: plain["row"].update(overrides=[["a", {}]]), "a setting must be a word, a number"),
        (lambda plain: plain["slides"][0].update(n_spots="40"), r"slides\.0\.n_spots is '40', and"),
        (
            lambda plain: plain["slides"][0]["scores"].update(pcc="0.5"),
            r"slides\.0\.scores\.pcc is '0\.5', and",
        ),
        (lambda plain: plain["slides"][0]["scores"].update(pcc=float("inf")), r"scores\.pcc is inf, and"),
        (lambda plain: plain["slides"][0]["per_gene"].update(pcc=[1.0]), "pcc should have a value for each"),
        (lambda plain: plain["tuning"].update(epochs="3"), r"tuning\.epochs is '3', and"),
        (lambda plain: plain["tuning"].update(epochs=0), r"tuning\.epochs is 0, and"),
        (lambda plain: plain.update(tuning=None), "tuning is None, and"),
        (lambda plain: plain.update(tuning={"settings": {}}), r"tuning\.epochs is missing"),
        (lambda plain: plain["tuning"].pop("curves"), r"tuning\.curves is missing"),
        (lambda plain: plain["tuning"]["curves"][0].pop("curve"), r"tuning\.curves\.0\.curve is missing"),
        (lambda plain: plain["provenance"].update(finished_at=7), r"provenance\.finished_at is 7, and"),
        (
            lambda plain: plain["provenance"].update(finished_at="soon"),
            r"provenance\.finished_at is 'soon', and",
        ),
        (lambda plain: plain.pop("fold"), "fold is missing"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_field(change, named):
    plain = json.loads(json.dumps(RECORD.to_plain()))
    change(plain)
    with pytest.raises(StbenchError, match=rf"not a Record of this version of stbench: .*{named}") as error:
        Record.from_plain(plain)
    assert "\n" not in str(error.value) and "_Plain" not in str(error.value)


def test_numbers_come_back_as_they_were_written():
    plain = json.loads(json.dumps(RECORD.to_plain()))
    plain["cost"] = {"n_spots_predicted": 10, "fit_seconds": 10.0}
    plain["row"]["overrides"] = [["widths", [8, 16.0]], ["deep", True]]
    back = Record.from_plain(plain)
    assert json.dumps(back.to_plain()) == json.dumps(plain)
    assert isinstance(hash(back.row), int)


def test_anything_but_a_mapping_is_refused():
    for plain in (None, [], "text", 3):
        with pytest.raises(StbenchError):
            Record.from_plain(plain)  # type: ignore[arg-type]

"""What MLflow is given keeps its rules for names and lengths, whatever a Record holds."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

import pytest
from plugins.hostile import SLIDES, WORDS
from reporting.record_factory import TABLE, make_record, make_truth, with_arrays

from stbench.reporting.mlflow import entries
from stbench.reporting.mlflow.artifacts import Payload, write_artifacts
from stbench.reporting.tables.leaderboard import build_tables

LONG = WORDS + "x" * 9_000
# Alphanumerics and these, as MLflow's own message says.
ALLOWED = re.compile(r"[\w\-. /]{1,250}", re.ASCII)


@pytest.fixture(scope="module")
def record():
    table = replace(TABLE, slides=tuple(SLIDES), dataset="path:$x$" + "y" * 400)
    slide = list(SLIDES)[-1]
    return make_record(
        WORDS,
        slide,
        table=table,
        patients=SLIDES,
        overrides=((WORDS, LONG), ("../a", "b")),
        settings={WORDS: LONG, "a" * 400: 1},
        notes=(LONG,),
        pretrained=LONG,
        scores={WORDS: 0.5},
    )


def row_of(record):
    return build_tables([record])[0].rows[0]


def test_names_are_those_that_mlflow_takes(record):
    named = [
        entries.parent_params(record),
        entries.child_params(record),
        entries.child_metrics(record),
        entries.parent_tags(row_of(record), "row"),
        entries.child_tags(record, "parent"),
        entries.parent_metrics(row_of(record)),
        entries.row_tags(row_of(record), [record]),
    ]
    for name in (name for values in named for name in values):
        assert ALLOWED.fullmatch(name) and posixpath.normpath(name) == name
    assert entries.child_metrics(record).keys() > {"pcc", "rmse", "fit_seconds"}
    assert len([name for name in entries.child_params(record) if name.startswith("settings.")]) == 3


def test_values_keep_their_lengths_and_hold_no_control_character(record):
    tags = entries.child_tags(record, "parent") | entries.row_tags(
        replace(row_of(record), notes=(LONG,)), [record]
    )
    for longest, values in ((500, entries.child_params(record)), (5_000, tags)):
        assert max(map(len, values.values())) == longest
        assert not any("\x1b" in value or "\0" in value for value in values.values())
    assert len(tags["mlflow.runName"]) <= 250 and len(entries.experiment_name(record.table.dataset)) <= 250
    assert len(entries.parent_tags(row_of(record), "row")["mlflow.runName"]) <= 250


def test_ordinary_names_are_as_they_were():
    assert entries.experiment_name("her2") == "stbench/her2"
    tags = entries.child_tags(make_record("ridge", "B1"), "parent")
    assert tags["mlflow.runName"] == "ridge B1 seed 0" and tags["stbench.stbench"] == "0.1.0"


def test_maps_lie_in_their_folder(record, tmp_path):
    (tmp_path / "a").mkdir()
    slide = record.slides[0].slide
    arrays = with_arrays(make_record("ridge", "B1"))
    payload = Payload({slide: arrays.predictions["B1"]}, {slide: make_truth(slide)})
    write_artifacts(tmp_path / "a", record, lambda _: payload)
    files = [path.relative_to(tmp_path).parts for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(parts[:-1] for parts in files) == [("a",), ("a", "maps")]

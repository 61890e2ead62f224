"""The command beside each row of the page: typed again, it plans the very same Records."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from plugins.command import stbench

from stbench.cli.options import method_settings
from stbench.commands.asked import Asked
from stbench.commands.preparing import prepare
from stbench.commands.where import provenance_of
from stbench.evaluation.outcome import failed_record
from stbench.record import Record
from stbench.reporting.report.boards import Board, Entry, build_boards
from stbench.reporting.report.sections.row_commands import row_command
from stbench.reporting.results.plan_files import PlanFiles

# Options that change a result, other than as their defaults.
TUNED = {
    "methods": ["eggn"], "variant": "paper", "slides": ["A1", "C1", "D1"], "split": "patient", "inner": "2",
    "tune_on": "pcc-equal-depth", "grid": "full", "epochs": 3, "genes": "train-hvg+markers", "n_genes": 14,
    "scale": "zscore", "min_counts": 50, "patch_px": 64, "reference": "mean", "seeds": [0, 3], "device": "cpu",
    "halving": True, "threads": 2,
}  # fmt: skip
BY_HAND = {
    "methods": ["spahgc", "ridge"], "variant": "released", "inner": "none", "n_genes": 12, "target": "pearson",
    "patch_um": 150.0, "um_per_px": 1.5, "device": "cpu",
    "settings": method_settings(["spahgc.reference_metric=l1", "spahgc.cnda=false", "spahgc.neighbours=2"], []),
}  # fmt: skip


@pytest.mark.parametrize("options", [TUNED, BY_HAND])
def test_a_command_plans_the_records_that_its_row_was_made_of(options, quick, tmp_path: Path):
    prepared = prepare(Asked.of(dataset="demo-tiny", **options), tmp_path)
    provenance = provenance_of(prepared, workers=1)
    records = [
        _as_if_made(failed_record(job, seed, "not run", provenance), prepared.asked.reading.given())
        for job in prepared.plan.jobs
        for seed in job.keys
    ]
    (board,) = build_boards(records, prepared.asked.reference)
    assert {entry.row.method for entry in board.entries} == {*options["methods"], "mean"}
    for entry in board.entries:
        assert {record.key for record in entry.records} <= _planned(board, entry, tmp_path / entry.row.method)


def _as_if_made(record: Record, reading: dict) -> Record:
    """What the trial itself adds to the provenance."""
    record.provenance.update({"reading": reading} if reading else {})  # type: ignore[attr-defined]
    return record


def _planned(board: Board, entry: Entry, out: Path) -> set[str]:
    """Keys of what the row's command would do, as `stbench plan` stores them."""
    first, second, *words = shlex.split(row_command(board, entry))
    assert (first, second) == ("stbench", "run")
    planned = stbench("plan", *words, "--out", out)
    assert planned.status == 0, planned.err
    return {key for plan in PlanFiles(out).load_all() for row in plan.rows for key in row.refits}

"""The command that makes a row again, from what its Records say.

Records tell what was asked for since they keep it in their provenance; of older ones the bound on epochs stands in the
budget, and the panel's size is that of its genes.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from stbench.record import Record
from stbench.reporting.report.boards import Board, Entry

_MADE_BY_RUN = ("method", "floor")
_BOUND = re.compile(r"at most (\d+) epoch")
_TRIED = re.compile(r"(\d+) settings tried")
# A card's short list has at most so many settings.
_MOST_IN_SMALL_GRID = 4
# The options that say how slides are read, by their names in Records.
_READING = {"bin_um": "--bin", "drop_outside": "--drop-outside", "um_per_px": "--um-per-px"}


def row_command(board: Board, entry: Entry) -> str:
    """`stbench run ...`, or `stbench score ...` for predictions from elsewhere; "" for a released predictor.

    A folder or file of the user's own stands there by its name, for nobody kept where it lies.
    """
    record = next((record for record in entry.records if record.finished), entry.records[0])
    if entry.row.kind == "external":
        words = ["stbench", "score", "PREDICTIONS", "--name", entry.row.method, *_data(record)]
        return shlex.join([*words, *_panel(record)])
    if entry.row.kind not in _MADE_BY_RUN:
        return ""
    words = ["stbench", "run", "--method", entry.row.method, *_data(record), *_loop(record), *_panel(record)]
    words += [*_picture(record), *_settings(entry), "--seeds", ",".join(map(str, entry.row.seeds))]
    reference = record.provenance.get("reference") or next(iter(board.table.references), "")
    words += ["--reference", str(reference)] if reference else []
    return shlex.join([*words, *_machine(record)])


def _data(record: Record) -> list[str]:
    table = record.table
    words = ["--dataset", table.dataset, "--slides", ",".join(table.slides), "--split", table.split]
    for name, value in (record.provenance.get("reading") or {}).items():
        if name in _READING:
            words += [_READING[name]] if value is True else [_READING[name], _number(value)]
    return words


def _loop(record: Record) -> list[str]:
    """The inner loop, what it tries and up to which epoch."""
    table, asked = record.table, _asked(record)
    words = ["--inner", table.inner or "none"]
    words += ["--tune-on", table.tune_on] if table.tune_on not in ("pcc", "") else []
    words += ["--halving"] if table.halving else []
    tried = _TRIED.search(record.row.budget)
    many = tried is not None and int(tried[1]) > _MOST_IN_SMALL_GRID
    grid = asked.get("grid") or ("full" if many else "small")
    words += ["--grid", grid] if grid != "small" else []
    bound = _BOUND.search(record.row.budget)
    epochs = bound[1] if bound else asked.get("epochs")
    return words + (["--epochs", str(epochs)] if epochs else [])


def _panel(record: Record) -> list[str]:
    """The genes, and what is predicted of them in which spots."""
    table = record.table
    words = ["--genes", table.genes]
    n_genes = _asked(record).get("n_genes") or len(record.panel_genes)
    words += ["--n-genes", str(n_genes)] if n_genes and not table.genes.startswith("file:") else []
    return [*words, "--scale", table.scale, "--target", table.target, "--min-counts", str(table.min_counts)]


def _picture(record: Record) -> list[str]:
    """How much of the picture is looked at, and by which encoder."""
    table = record.table
    words = ["--encoder", table.encoder.partition("@")[0]] if table.encoder else []
    edge, _, unit = table.patch.partition(" ")
    return [*words, "--patch-um" if unit.startswith("um") else "--patch-px", edge]


def _settings(entry: Entry) -> list[str]:
    row = entry.row
    words = ["--variant", str(row.variant)] if row.variant not in (None, "", "untuned") else []
    for name, value in row.overrides.items():
        words += ["--set", f"{row.method}.{name}={_as_yaml(value)}"]
    return words


def _machine(record: Record) -> list[str]:
    """Threads and kind of device, with which the last digits of sums differ."""
    device = str(record.provenance.get("device") or "").partition(":")[0]
    threads = record.provenance.get("threads")
    return [
        *(["--threads", str(threads)] if threads else []),
        *(["--device", device] if device in ("cpu", "cuda", "mps") else []),
    ]


def _asked(record: Record) -> Mapping[str, Any]:
    return record.provenance.get("asked") or {}


def _as_yaml(value: Any) -> str:
    """A setting as `--set` reads it: JSON is YAML, and a plain word needs no quotes."""
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w.+-]*", value)
    return value if plain and value.lower() not in _NO_TEXT else json.dumps(value)


_NO_TEXT = {"null", "true", "false", "yes", "no", "on", "off", "inf", "nan", "infinity"}


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

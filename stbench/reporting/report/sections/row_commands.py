"""The command that makes a row again, from what its Records say."""

from __future__ import annotations

import shlex

from stbench.reporting.report.boards import Board, Entry

_MADE_BY_RUN = ("method", "floor")


def row_command(board: Board, entry: Entry) -> str:
    """`stbench run ...` for a row that such a command makes, "" for one that came from outside.

    A bound on epochs is not part of it: it stands in the row's budget.
    """
    row, identity = entry.row, board.table.identity
    if row.kind not in _MADE_BY_RUN:
        return ""
    words = [
        "stbench",
        "run",
        "--method",
        row.method,
        "--dataset",
        identity.dataset,
        "--split",
        identity.split,
    ]
    words += [
        "--slides",
        ",".join(identity.slides),
        "--inner",
        identity.inner or "none",
        "--genes",
        identity.genes,
    ]
    if identity.tune_on not in ("pcc", ""):
        words += ["--tune-on", identity.tune_on]
    words += ["--halving"] if identity.halving else []
    words += [
        "--scale",
        identity.scale,
        "--target",
        identity.target,
        "--min-counts",
        str(identity.min_counts),
    ]
    if row.variant not in (None, "", "untuned"):
        words += ["--variant", str(row.variant)]
    for name, value in row.overrides.items():
        words += ["--set", f"{row.method}.{name}={value}"]
    return shlex.join([*words, "--seeds", ",".join(map(str, row.seeds))])

"""`stbench verify`: the stored predictions scored again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stbench.cli.options import Json, print_json
from stbench.errors import StbenchError, UsageError


def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle, or a results folder.")], json: Json = False
) -> None:
    """Recompute every metric from the stored predictions and report any difference."""
    from stbench.cli.consoles import output
    from stbench.commands.verify import verify as verified

    rows, n_numbers = [], 0
    for found in verified(bundle):
        if isinstance(found, str):
            rows.append({"method": None, "fold": None, "problem": found})
            continue
        n_numbers += found.n_numbers
        rows.append({"method": found.record.row.method, "fold": found.record.fold, "problem": found.problem})
    if not rows:
        raise UsageError(f"There are no finished Records in {bundle}.")
    wrong = [row for row in rows if row["problem"]]
    if json:
        print_json({"bundle": str(bundle), "n_records": len(rows), "n_numbers": n_numbers, "problems": wrong})
    else:
        for row in wrong:
            whose = f"{row['method']}, fold {row['fold']}: " if row["method"] else ""
            output().print(f"{whose}{row['problem']}", markup=False)
        output().print(f"{len(rows) - len(wrong)} of {len(rows)} Records verified, {n_numbers:,} numbers.")
    if wrong:
        raise StbenchError(f"{len(wrong)} Records of {bundle} do not follow from what is stored.")

"""`stbench verify`: the stored predictions scored again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stbench.cli.options import Json, print_json
from stbench.errors import StbenchError, UsageError


def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle, or a results folder.")],
    data_root: Annotated[
        Path | None,
        typer.Option("--data-root", help="Where the data sets lie: truths, panels and folds are made anew."),
    ] = None,
    json: Json = False,
) -> None:
    """Score the stored predictions again and report any difference; with the data, against the provider's files."""
    from stbench.cli.consoles import output
    from stbench.commands.verify import verify as verified

    rows, n_numbers, by_itself = [], 0, 0
    for found in verified(bundle, data_root):
        if isinstance(found, str):
            rows.append({"method": None, "fold": None, "problem": found})
            continue
        n_numbers += found.n_numbers
        by_itself += not found.against_data
        rows.append({"method": found.record.row.method, "fold": found.record.fold, "problem": found.problem})
    if not rows:
        raise UsageError(f"There are no finished Records in {bundle}.")
    wrong = [row for row in rows if row["problem"]]
    if json:
        counts = {"n_records": len(rows), "n_numbers": n_numbers, "n_truth_not_checked": by_itself}
        print_json({"bundle": str(bundle), **counts, "problems": wrong})
    else:
        for row in wrong:
            whose = f"{row['method']}, fold {row['fold']}: " if row["method"] else ""
            output().print(f"{whose}{row['problem']}", markup=False)
        right = len(rows) - len(wrong)
        if by_itself:
            output().print(
                f"{right} of {len(rows)} Records follow from what lies beside them, {n_numbers:,} numbers. The truth "
                f"of {by_itself} was not checked: --data-root scores them against the data set's own files.",
                markup=False,
            )
        else:
            output().print(
                f"{right} of {len(rows)} Records verified against the data, {n_numbers:,} numbers."
            )
    if wrong:
        raise StbenchError(f"{len(wrong)} Records of {bundle} do not follow from what is stored.")

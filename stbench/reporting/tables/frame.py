"""Leaderboards as a pandas DataFrame that shows, where it is printed, what a row is and what it scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from stbench.names import SYNTHETIC, shown_name
from stbench.reporting.tables.leaderboard import Table

# What stands first: all else is there as columns behind it.
FIRST = (
    "method",
    "variant",
    "kind",
    "pcc",
    "pcc_ci",
    "pcc_null",
    "pcc_given_depth",
    "pcc_equal_depth",
    "rmse",
)
_SHOWN = ("label", "kind", "pcc", "pcc_null", "pcc_equal_depth", "rmse", "fit_seconds")


class LeaderboardFrame(pd.DataFrame):
    """A DataFrame; whatever is taken from it is an ordinary one."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        if self.empty:
            return "No results yet."
        if not {"table", "synthetic", *_SHOWN} <= set(self.columns):  # changed in place since then
            return super().__repr__()
        several = ["table"] if self["table"].nunique() > 1 else []
        columns = [*several, *_SHOWN]
        brief = (
            pd.DataFrame(self)
            .loc[:, columns]
            .set_axis(["method" if name == "label" else name for name in columns], axis="columns")
        )
        grid = brief.to_string(index=False, na_rep="", float_format="{:.3f}".format)
        of_what = f"{SYNTHETIC} tissue; " if any(self["synthetic"]) else ""
        return f"{grid}\n\n{of_what}{len(self)} rows, {self.shape[1]} columns (.columns names them)"


def to_dataframe(tables: Sequence[Table]) -> LeaderboardFrame:
    """One line for each row of each table: its name and scores first, then its other fields, the table's facts last.

    Slides are left out.
    """
    lines: list[dict[str, Any]] = []
    for table in tables:
        facts = {"table": table.id, **{name: value for name, value in table.facts().items() if name != "id"}}
        for row in table.rows:
            fields = {name: value for name, value in vars(row).items() if name != "slides"}
            found = {"label": shown_name(row.label), **fields}
            lines.append({name: found[name] for name in FIRST} | found | facts)
    return LeaderboardFrame(lines)

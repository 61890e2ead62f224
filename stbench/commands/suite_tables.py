"""Which tables are those of a frozen suite: by what made them, not by how they were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from stbench.commands.suites import Suite, read_suite, shipped_suites
from stbench.errors import UsageError
from stbench.files import hash_value, write_text
from stbench.preprocess.genes import spec_identity
from stbench.preprocess.patches import PatchSize
from stbench.record import TableIdentity
from stbench.reporting.tables.leaderboard import Table

_FOLDER = "suites"


def keep_suite(out: Path, content: Mapping[str, Any]) -> None:
    """Write a suite below a results folder, so that its tables are known by its name later."""
    suite = Suite.model_validate(content)
    write_text(out / _FOLDER / f"{suite.label.replace(' ', '-')}.yaml", yaml.safe_dump(dict(content)))


def with_suites(tables: Iterable[Table], folders: Iterable[Path] = ()) -> list[Table]:
    """The tables with the name and hash of the suite that each one is of, of those shipped and kept below `folders`."""
    paths = [*shipped_suites().values()]
    paths += [path for folder in folders for path in sorted((folder / _FOLDER).glob("[!.]*.yaml"))]
    suites = {suite.label: suite for suite in _readable(paths)}
    return [
        replace(table, suite=next((s.label for s in suites.values() if _is_of(table, s)), ""))
        for table in tables
    ]


def _readable(paths: Iterable[Path]) -> Iterable[Suite]:
    for path in paths:
        try:
            yield read_suite(path)
        except UsageError:  # a suite of one's own that was edited, or whose panel is gone, names no table
            continue


def _is_of(table: Table, suite: Suite) -> bool:
    """Whether all that the suite fixes and a table can tell agrees; the grid stands in each row's budget."""
    seeds = {row.seeds for row in table.rows if row.kind == "method"}
    return _fits(table.identity, suite) and seeds <= {tuple(sorted(suite.seeds))}


def _fits(identity: TableIdentity, suite: Suite) -> bool:
    fixed = suite.options
    same = ("dataset", "split", "inner", "tune_on", "halving", "target", "scale", "min_counts")
    if any(getattr(identity, name) != fixed[name] for name in same):
        return False
    panel = hash_value([spec_identity(suite.recipe, suite.n_genes), identity.data])
    return (
        set(identity.slides) == set(suite.slides)
        and identity.panel == panel
        and identity.encoder == suite.encoder
        and identity.patch == str(PatchSize(fixed["patch_px"], fixed["patch_um"]))
    )

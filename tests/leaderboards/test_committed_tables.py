"""Every committed table is what its Records say, and the README shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stbench.reporting.formats import to_markdown
from stbench.reporting.leaderboard import build_tables
from stbench.reporting.store import RunStore

CHECKOUT = Path(__file__).resolve().parents[2]
RUNS = sorted(path.parent for path in (CHECKOUT / "leaderboards").glob("*/leaderboard.md"))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_committed_table_is_rebuilt_from_its_records(run):
    records, problems = RunStore(run).records()
    assert not problems
    assert to_markdown(build_tables(records)) == (run / "leaderboard.md").read_text(encoding="utf-8")


def test_the_readme_shows_a_committed_table():
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    tables = [(run / "leaderboard.md").read_text(encoding="utf-8").strip() for run in RUNS]
    assert tables
    assert any(table in readme for table in tables)

"""Every committed table and figure is what its Records say, and the README shows the newest."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stbench.reporting.formats import to_markdown
from stbench.reporting.leaderboard import build_tables
from stbench.reporting.store import RunStore

CHECKOUT = Path(__file__).resolve().parents[2]
REBUILD = CHECKOUT / "leaderboards" / "rebuild.py"
RUNS = sorted(path.parent for path in (CHECKOUT / "leaderboards").glob("*/records"))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_committed_table_is_rebuilt_from_its_records(run):
    records, problems = RunStore(run).records()
    assert not problems
    page = (run / "README.md").read_text(encoding="utf-8")
    tables = build_tables(records)
    assert tables and all(to_markdown([table]) in page for table in tables)


def test_all_that_is_generated_is_up_to_date():
    done = subprocess.run([sys.executable, REBUILD, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "page", [CHECKOUT / "README.md", *(run / "README.md" for run in RUNS)], ids=lambda page: page.parent.name
)
def test_the_figures_that_a_page_shows_are_there(page):
    figures = re.findall(r"!\[[^]]+\]\(([^)]+\.svg)\)", page.read_text(encoding="utf-8"))
    assert figures
    for figure in figures:
        assert (page.parent / figure).read_text(encoding="utf-8").rstrip().endswith("</svg>")

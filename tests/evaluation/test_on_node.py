"""What a worker on a compute node refuses: a folder that it does not see, another source, a disk that is full."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from evaluation.tiny_methods import Plane, card
from tiny_slides import make_slides, sources_of

from stbench.commands.shelf import Keep
from stbench.errors import StorageError, UsageError
from stbench.evaluation.cluster.on_node import Place, do, embed
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.executors import Workbench
from stbench.evaluation.plan import Plan, inner_trials, make_plan
from stbench.evaluation.trials.benches import InProcessBench
from stbench.reporting.results.claims import Claims
from stbench.reporting.results.trial_store import TrialStore


@pytest.fixture
def planned(tmp_path: Path, cache: Path) -> tuple[Plan, Workbench]:
    sources = sources_of(make_slides(tmp_path / "slides"))
    design = Design("tiny", genes="highest", n_genes=5)
    plane = Contestant("plane", card(grid=({}, {"shift": 1.0})), "", "", {}, {})
    plan = make_plan(design, "", sources, [plane], [0])
    bench = InProcessBench(lambda _: Plane)
    return plan, Workbench(design, tuple(sources), bench, {"workers": 1}, made_from=plan.made_from)


def test_a_trial_is_stored_with_the_workers_own_provenance(planned, tmp_path: Path):
    plan, workbench = planned
    trial = next(iter(inner_trials(plan.jobs).values()))
    with Claims(tmp_path / "out") as claims:
        key = do(Place(workbench, claims.sign, Keep(tmp_path / "out", {})), trial)
    stored = TrialStore(tmp_path / "out").load(key)
    assert key == trial.key and stored["failure"] is None
    assert stored["provenance"]["packages"]["numpy"] and stored["provenance"]["worker"]


def test_a_node_without_the_results_folder_says_so(planned, tmp_path: Path):
    plan, workbench = planned
    place = Place(workbench, tmp_path / "out" / "claims" / "beats" / "run.json", Keep(tmp_path / "out", {}))
    with pytest.raises(UsageError, match="does not see the results folder"):
        do(place, next(iter(inner_trials(plan.jobs).values())))
    with pytest.raises(UsageError, match="all nodes share"):
        embed(place, [card()], "S0")


def test_a_node_with_another_source_says_so(planned, tmp_path: Path):
    plan, workbench = planned
    other = replace(workbench, made_from=plan.made_from._replace(harness="another"))
    with Claims(tmp_path / "out") as claims, pytest.raises(UsageError, match="The source of stbench itself"):
        place = Place(other, claims.sign, Keep(tmp_path / "out", {}))
        do(place, next(iter(inner_trials(plan.jobs).values())))
    assert TrialStore(tmp_path / "out").names() == (set(), set())


def test_a_disk_on_which_nothing_can_be_stored_is_named(planned, tmp_path: Path):
    plan, workbench = planned
    with Claims(tmp_path / "out") as claims:
        (tmp_path / "out" / "trials").write_text("in the way")
        place = Place(workbench, claims.sign, Keep(tmp_path / "out", {}))
        with pytest.raises(StorageError, match="Cannot write"):
            do(place, next(iter(inner_trials(plan.jobs).values())))

"""What can be done when: refits wait for their trials, halving stops what trails, and shared work is done once."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from stbench.contract import MethodCard, SlideSource
from stbench.evaluation.agenda import Agenda
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.curves import Curves
from stbench.evaluation.design import Design
from stbench.evaluation.inner_trials import InnerTrial
from stbench.evaluation.plan import Plan, inner_trials, make_plan
from stbench.evaluation.runner import Refit
from stbench.evaluation.shelf import Result

GRID = ({}, {"a": 1}, {"a": 2}, {"a": 3})


@pytest.fixture
def sources(tmp_path: Path, cache: Path) -> list[SlideSource]:
    (tmp_path / "file").write_text("x")
    return [
        SlideSource(f"S{i}", None, {"image": tmp_path / "file"}, lambda: None)  # type: ignore[arg-type, return-value]
        for i in range(4)
    ]


def plan_of(sources: list[SlideSource], **design: object) -> Plan:
    card = MethodCard(title="T", summary="S", family="F", grid=GRID, staged=True)
    return make_plan(Design("tiny", **design), "", sources, [Contestant("m", card, "", "", {}, {})], [0])  # type: ignore[arg-type]


def agenda_of(
    plan: Plan, sources: list[SlideSource], known: dict[str, Curves] | None = None, shelf=None
) -> Agenda:
    return Agenda(plan.jobs, known or {}, "pcc", {s.id: None for s in sources}, shelf)


def judged(trial: InnerTrial, best: dict[str, int]) -> Curves:
    """Curves in which each slide likes one setting best, and later stages better than earlier ones."""
    stage = trial.stage or 0
    setting = int(trial.points[0].get("a", 0))
    points = {
        slide: {"pcc": (0.1 * (stage + 1) + 0.5 * (best[slide] == setting),)} for slide in trial.fold.test
    }
    return Curves(trial.key, {}, (stage + 1,), (points,))


def worked_through(agenda: Agenda, best: dict[str, int]) -> tuple[list[InnerTrial], list[Refit]]:
    trials, refits = [], []
    while agenda.n_left:
        task = agenda.take()
        if isinstance(task, InnerTrial):
            trials.append(task)
            agenda.put(judged(task, best))
        else:
            assert task is not None, "what is left waits for nothing"
            refits.append(task)
            agenda._under_way.pop(task.key)
    return trials, refits


def test_refits_come_when_their_trials_are_known_and_fold_by_fold(sources):
    plan = plan_of(sources)
    trials, refits = worked_through(agenda_of(plan, sources), dict.fromkeys(("S0", "S1", "S2", "S3"), 2))
    assert len(trials) == 6 * 4 and {t.key for t in trials} == inner_trials(plan.jobs).keys()
    assert [work.job.fold.name for work in refits] == ["S0", "S1", "S2", "S3"]
    assert {work.choice.tuning.settings.get("a") for work in refits if work.choice.tuning} == {2}
    assert all(work.job.judgements == () for work in refits)


def test_known_trials_are_not_done_again(sources):
    plan = plan_of(sources)
    best = dict.fromkeys(("S0", "S1", "S2", "S3"), 1)
    known = {key: judged(trial, best) for key, trial in inner_trials(plan.jobs).items()}
    lost = known.popitem()[0]
    trials, refits = worked_through(agenda_of(plan, sources, known), best)
    assert [trial.key for trial in trials] == [lost] and len(refits) == 4


def test_halving_stops_what_trails_for_both_blocks_and_chooses_as_without(sources):
    """Three blocks' slides like setting 1, one likes setting 3: pairs with it go on with what either keeps."""
    best = {"S0": 1, "S1": 1, "S2": 1, "S3": 3}
    trials, refits = worked_through(agenda_of(plan_of(sources, halving=True), sources), best)
    of_stage = [[t for t in trials if t.stage == stage] for stage in range(3)]
    assert len(of_stage[0]) == 6 * 4
    # Each block keeps two of four, then one of two; block S3 is judged by the others and keeps 1 all the same.
    assert 6 * 2 <= len(of_stage[1]) <= 6 * 4 and 6 <= len(of_stage[2]) <= 6 * 2
    assert len(of_stage[2]) < len(of_stage[1]) < len(of_stage[0])
    chosen = [work.choice.tuning.settings for work in refits if work.choice.tuning]
    whole = worked_through(agenda_of(plan_of(sources), sources), best)[1]
    assert chosen == [work.choice.tuning.settings for work in whole if work.choice.tuning]
    for trial in trials:
        assert (trial.before != "") == (trial.stage != 0)


def test_a_block_uses_only_the_checkpoints_that_it_asked_for(sources):
    """What another block goes on with may look ever so well later."""
    best = {"S0": 1, "S1": 1, "S2": 1, "S3": 3}
    _, refits = worked_through(agenda_of(plan_of(sources, halving=True), sources), best)
    for work in refits:
        assert work.choice.tuning
        lengths = sorted(len(curve["curve"]) for curve in work.choice.tuning.curves)
        assert lengths == [1, 1, 2, 3]


class Shelf:
    """Work that somebody else has claimed, and what they come to."""

    def __init__(self, claimed: set[str]):
        self.theirs, self.results, self.released = claimed, dict[str, Curves](), list[str]()
        self.kept: list[str] = []

    def claim(self, key: str) -> bool:
        return key not in self.theirs

    def claimed(self) -> set[str]:
        return self.theirs

    def there(self, keys: Collection[str]) -> set[str]:
        return self.results.keys() & set(keys)

    def keep(self, result: Result) -> None:
        self.kept.append(result.key)

    def release(self, key: str) -> None:
        self.released.append(key)

    def look(self, key: str) -> Curves | None:
        return self.results.get(key)


def test_what_another_run_has_claimed_is_left_to_it_and_its_result_is_taken(sources, monkeypatch):
    monkeypatch.setattr("stbench.evaluation.agenda._PAUSE", 0.0)
    plan, best = plan_of(sources), dict.fromkeys(("S0", "S1", "S2", "S3"), 1)
    theirs = list(inner_trials(plan.jobs).values())[:3]
    shelf = Shelf({trial.key for trial in theirs})
    agenda = agenda_of(plan, sources, shelf=shelf)
    done = []
    while (task := agenda.take()) is not None:
        done.append(task)
        if isinstance(task, InnerTrial):
            agenda.put(judged(task, best))
        agenda.from_elsewhere()
    assert len([task for task in done if isinstance(task, InnerTrial)]) == 6 * 4 - 3
    refitted = [task.job.fold.name for task in done if isinstance(task, Refit)]
    assert refitted == ["S2", "S3"], "their pairs are all known"
    shelf.results = {theirs[0].key: judged(theirs[0], best), theirs[1].key: judged(theirs[1], best)}
    shelf.theirs = set()  # the third was given up
    task = agenda.take()
    assert isinstance(task, InnerTrial) and task.key == theirs[2].key
    agenda.put(judged(task, best))
    assert {found.key for found in agenda.from_elsewhere()} == {theirs[0].key, theirs[1].key}
    assert isinstance(agenda.take(), Refit)


def test_what_comes_to_nothing_through_nobodys_fault_is_done_by_another(sources):
    agenda = agenda_of(plan_of(sources), sources)
    task = agenda.take()
    assert task is not None
    agenda.give_back(task)
    again = agenda.take()
    assert again is not None and again.key == task.key


def test_what_another_run_ended_just_before_our_claim_is_not_done_again(sources):
    plan = plan_of(sources)
    shelf = Shelf(set())
    agenda = agenda_of(plan, sources, shelf=shelf)
    first = next(iter(inner_trials(plan.jobs).values()))
    shelf.results = {first.key: judged(first, dict.fromkeys(("S0", "S1", "S2", "S3"), 1))}
    task = agenda.take()
    assert task is not None and task.key != first.key
    assert shelf.released == [first.key] and [found.key for found in agenda.from_elsewhere()] == [first.key]

"""What a fit on all slides goes by: the nested protocol's rule, over every inner trial of a run that lies there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from stbench.commands.prepared_run import PreparedRun
from stbench.errors import StbenchError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.curves import Curves
from stbench.evaluation.plan import Job, Judgement
from stbench.evaluation.tuning import Loop, choose
from stbench.evaluation.validation import SCORES
from stbench.reporting.results.trial_store import TrialStore

_PUBLISHED = "published settings"


class Chosen(NamedTuple):
    """Settings over the method's defaults, a bound on its epochs (None for its own), and where they come from."""

    settings: Mapping[str, Any]
    epochs: int | None
    words: str


def chosen_on_all(prepared: PreparedRun, contestant: Contestant) -> Chosen:
    """What the inner loops of all outer folds choose together.

    Every inner trial counts once for each slide that it judged, whichever outer fold it served: a model that is
    kept is tested on none of these slides. Where trials are lacking, published settings, and the words say so.
    """
    jobs = [job for job in prepared.plan.jobs if job.contestant == contestant]
    published = Chosen(dict(contestant.settings), jobs[0].epochs, _PUBLISHED)
    judgements = tuple(judgement for job in jobs for judgement in job.judgements)
    if not judgements:
        return published._replace(words=f"{_PUBLISHED}: {_why_no_loop(jobs, prepared)}")
    stages, lacking = _stages_there(judgements, prepared.trials)
    if lacking:
        return published._replace(words=f"{_PUBLISHED}: {_how_many(lacking, judgements, prepared.store.out)}")
    found = _curves(judgements, stages, prepared.trials)
    whole = replace(jobs[0], judgements=judgements)
    tuning = choose(Loop(whole, found, SCORES[prepared.design.tune_on], prepared.patients, stages)).tuning
    if tuning is None:
        return published._replace(words=f"{_PUBLISHED}: in the inner trials no setting was left")
    epochs = tuning.epochs if tuning.epochs is not None else jobs[0].epochs
    words = f"chosen by {prepared.design.tune_on} on {len(found)} inner trials of all slides"
    return Chosen(tuning.settings, epochs, words)


def _why_no_loop(jobs: Sequence[Job], prepared: PreparedRun) -> str:
    if prepared.design.inner == "none":
        return "no inner loop was asked for"
    return jobs[0].note or "there is nothing to choose"


def _stages_there(judgements: Sequence[Judgement], trials: TrialStore) -> tuple[dict[int, int], set[str]]:
    """Setting -> how many stages of all its fits lie there; and the first trials that lie nowhere, by key.

    A setting that was stopped early has fewer stages than the fit has, which is no lack.
    """
    names = trials.names()[0]
    stages: dict[int, int] = {}
    for judgement in judgements:
        there = [trial.key in names for trial in judgement.stages]
        n = there.index(False) if False in there else len(there)
        for setting in judgement.settings:
            stages[setting] = min(n, stages.get(setting, n))
    lacking = {j.stages[0].key for j in judgements if j.stages[0].key not in names}
    if not any(stages[setting] == max(len(j.stages) for j in judgements) for setting in stages):
        lacking |= {trial.key for j in judgements for trial in j.stages if trial.key not in names}
    return stages, lacking


def _how_many(lacking: set[str], judgements: Sequence[Judgement], out: Path) -> str:
    every = {trial.key for judgement in judgements for trial in judgement.stages}
    if len(lacking) >= len({judgement.stages[0].key for judgement in judgements}):
        return f"no inner trial of this method and design lies under {out.name}"
    return f"{len(lacking)} of {len(every)} inner trials are not under {out.name}"


def _curves(
    judgements: Sequence[Judgement], stages: Mapping[int, int], trials: TrialStore
) -> dict[str, Curves]:
    """The stored curves of the trials that count; StbenchError for one that cannot be read."""
    keys = dict.fromkeys(
        trial.key for j in judgements for setting in j.settings for trial in j.stages[: stages[setting]]
    )
    found = {}
    for key in keys:
        try:
            found[key] = Curves.from_plain(trials.load(key))
        except StbenchError as error:
            raise StbenchError(
                f"Inner trial {key}: {error} Delete its file and run the benchmark again."
            ) from error
    return found

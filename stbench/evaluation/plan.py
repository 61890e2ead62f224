"""The work of a run: inner trials, each once however many folds need it, and refits, each seed with its Record's key.

A key is the hash of everything that the result depends on: the protocol, the harness's and the plugins' source, the
data, the folds, the settings, the seed. Edited code, other data or another bound give another key.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from stbench.contract import SlideSource
from stbench.evaluation.checkpoints import RULE
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.folds import Fold, outer_folds
from stbench.evaluation.freshness import MadeFrom
from stbench.evaluation.inner_loop import InnerLoop, inner_loop
from stbench.evaluation.inner_trials import InnerTrial
from stbench.evaluation.trial_keys import TrialKeys
from stbench.files import hash_value
from stbench.preprocess.encoders import encoder_label
from stbench.preprocess.genes import spec_identity
from stbench.preprocess.weights import weights_at_hand
from stbench.record import PROTOCOL_VERSION, RowIdentity, TableIdentity


class Judgement(NamedTuple):
    """What an inner fit says of a job: its point k is the job's setting `settings[k]`, judged on `slides`.

    stages  the fit's trials: one, or one a stage where settings that trail are stopped
    """

    stages: tuple[InnerTrial, ...]
    slides: tuple[str, ...]
    settings: tuple[int, ...]


@dataclass(frozen=True)
class Job:
    """One contestant on one outer fold, for one or several seeds; `keys` maps each seed to its Record's key.

    settings    what the inner loop tries; where there is none, the published settings alone
    judgements  what the inner loop's trials say of them, none where there is no inner loop
    note        what the inner loop had to do without
    ablation    which ablation of the method it is ("Table 2: w/o E_TS"), "" for the method itself
    """

    contestant: Contestant
    fold: Fold
    settings: tuple[Mapping[str, Any], ...]
    judgements: tuple[Judgement, ...]
    keys: Mapping[int, str]
    table: TableIdentity
    row: RowIdentity
    n_folds: int
    epochs: int | None
    note: str = ""
    ablation: str = ""

    @property
    def trials(self) -> list[InnerTrial]:
        """The inner trials that choose for this job; some of later stages may turn out not to be needed."""
        return [trial for judgement in self.judgements for trial in judgement.stages]

    @property
    def n_stages(self) -> int:
        """How many times the inner loop halves its settings, and once more."""
        return max((len(judgement.stages) for judgement in self.judgements), default=0)

    def for_seeds(self, seeds: Sequence[int]) -> Job:
        """The same job for some of its seeds only."""
        return replace(self, keys={seed: self.keys[seed] for seed in seeds})


@dataclass(frozen=True)
class Plan:
    """All jobs of a run, fold by fold and method by method; `made_from` is what they were planned on."""

    jobs: tuple[Job, ...]
    folds: tuple[Fold, ...]
    table: TableIdentity
    made_from: MadeFrom

    @property
    def n_trials(self) -> int:
        """Inner trials and refits."""
        return len(inner_trials(self.jobs)) + sum(len(job.keys) for job in self.jobs)


def inner_trials(jobs: Iterable[Job]) -> dict[str, InnerTrial]:
    """The inner trials of some jobs by key, each once, in the jobs' order."""
    return {trial.key: trial for job in jobs for trial in job.trials}


def make_plan(
    design: Design,
    dataset_source: str,
    sources: Sequence[SlideSource],
    contestants: Sequence[Contestant],
    seeds: Sequence[int],
) -> Plan:
    """Enumerate the work of a run; nothing is read but the files' hashes."""
    made_from = MadeFrom.today(dataset_source, sources)
    patients = {source.id: source.patient for source in sources}
    folds = outer_folds(patients, design.split)
    table = _table(design, sources, made_from)
    keys = TrialKeys(design, made_from, patients)
    common = hash_value([made_from.harness, asdict(table), design.threads, design.device.partition(":")[0]])
    loops = {fold: inner_loop(fold, patients, design.split, design.inner) for fold in folds}
    jobs = [
        _job(design, contestant, fold, loops[fold], seeds, table, common, keys, len(folds))
        for fold in folds  # fold by fold, so that panel and truth are made once for all methods
        for contestant in contestants
    ]
    return Plan(tuple(jobs), tuple(folds), table, made_from)


def _table(design: Design, sources: Sequence[SlideSource], made_from: MadeFrom) -> TableIdentity:
    data = hash_value([made_from.dataset, {s.id: [s.patient, made_from.slides[s.id]] for s in sources}])
    panel = spec_identity(design.genes, design.n_genes)
    return TableIdentity(
        dataset=design.dataset,
        slides=tuple(source.id for source in sources),
        data=data,
        split=design.split,
        inner=design.inner,
        tune_on=design.tune_on,
        checkpoints=RULE if design.inner != "none" else "",
        halving=design.halving,
        genes=design.genes if not design.genes.startswith("file:") else f"file:{Path(design.genes[5:]).name}",
        panel=hash_value([panel, data]),
        scale=design.scale,
        target=design.target,
        min_counts=design.min_counts,
        patch=str(design.patch),
        encoder=encoder_label(design.encoder),
        protocol=PROTOCOL_VERSION,
    )


def _job(
    design: Design,
    contestant: Contestant,
    fold: Fold,
    loop: InnerLoop,
    seeds: Sequence[int],
    table: TableIdentity,
    common: str,
    keys: TrialKeys,
    n_folds: int,
) -> Job:
    if contestant.is_floor or contestant.released:  # which draw nothing at random
        seeds = (0,)
    settings = _settings_to_try(contestant, design)
    loop = _usable(loop, contestant, settings)
    settings = settings if loop.folds else (dict(contestant.settings),)
    epochs = None if contestant.is_floor or contestant.released else design.epochs
    judgements = tuple(
        Judgement(stages, inner.judging, positions)
        for inner in loop.folds
        for stages, positions in keys.trials(contestant, inner, settings, epochs)
    )
    row = RowIdentity(
        method=contestant.name,
        variant=contestant.variant,
        overrides=tuple(sorted(contestant.overrides.items())),
        budget=_budget(design, contestant),
        source=contestant.source,
    )
    shared = [
        common,
        asdict(row),
        dict(contestant.settings),
        list(settings),
        fold,
        [[judgement.stages[-1].key, judgement.slides] for judgement in judgements],
        epochs,
        weights_at_hand(contestant.card.pretrained),
    ]
    if contestant.released:
        shared.append(contestant.released.identity())
        table = replace(table, **contestant.released.of_table(design.encoder))
    record_keys = {seed: hash_value([*shared, seed]) for seed in seeds}
    return Job(contestant, fold, settings, judgements, record_keys, table, row, n_folds, epochs, loop.note)


def _usable(loop: InnerLoop, contestant: Contestant, settings: Sequence[Mapping[str, Any]]) -> InnerLoop:
    """The loop as this contestant can use it: none where there is nothing to choose, or too little to train on."""
    if not contestant.tuned or (contestant.is_floor and len(settings) == 1):
        return InnerLoop(())
    least = contestant.card.needs.min_train_slides
    if all(len(inner.fold.train) >= least for inner in loop.folds):
        return loop
    return InnerLoop((), f"no inner loop: it would leave fewer than {least} training slides")


def _settings_to_try(contestant: Contestant, design: Design) -> tuple[dict[str, Any], ...]:
    """The grid over the contestant's settings; a setting given by hand stays as given."""
    if design.grid == "full" and contestant.card.full_grid:
        names, values = zip(*contestant.card.full_grid.items(), strict=True)
        grid = [dict(zip(names, point, strict=True)) for point in itertools.product(*values)]
    else:
        grid = list(contestant.card.grid)
    tried: list[dict[str, Any]] = []
    for point in grid[: design.max_settings]:
        settings = dict(contestant.settings) | point | dict(contestant.overrides)
        if settings not in tried:
            tried.append(settings)
    return tuple(tried)


def _budget(design: Design, contestant: Contestant) -> str:
    """The bounds that a reader of the row must know; the same on every fold."""
    parts = []
    if not contestant.is_floor and not contestant.released and design.epochs is not None:
        parts.append(f"at most {design.epochs} epoch{'' if design.epochs == 1 else 's'}")
    if design.inner != "none" and contestant.tuned:
        n_settings = len(_settings_to_try(contestant, design))
        parts.append(f"{n_settings} settings tried" if n_settings > 1 else "")
    return ", ".join(filter(None, parts))

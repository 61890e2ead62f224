"""The jobs of a run: every (method, settings, fold), each seed with the key of its Record.

A key is the hash of everything that the Record depends on: the protocol, the harness's and the plugins' source,
the data, the fold, the settings, the seed. Edited code, other data or another bound give another key.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stbench.contract import MethodCard, SlideSource
from stbench.evaluation.design import Design
from stbench.evaluation.folds import Fold, InnerFolds, inner_folds, outer_folds
from stbench.evaluation.trials.plugins import PluginPlace
from stbench.files import hash_files, hash_tree, hash_value
from stbench.preprocess.encoders import encoder_identity
from stbench.preprocess.genes import spec_identity
from stbench.preprocess.weights import weights_at_hand
from stbench.record import PROTOCOL_VERSION, RowIdentity, TableIdentity

# Source that a number passes through on its way from slide to Record.
_HARNESS = (
    "slide.py",
    "slide_files",
    "contract.py",
    "nn",
    "preprocess",
    "metrics",
    "evaluation",
)


_NOWHERE = PluginPlace("", "", Path())


@dataclass(frozen=True)
class Contestant:
    """A method as it enters a run.

    source     hash of the plugin's source
    place      where that source lies
    settings   preset and settings given by hand, over the method's defaults
    tuned      whether the inner loop chooses further settings
    """

    name: str
    card: MethodCard
    source: str
    variant: str
    settings: Mapping[str, Any]
    overrides: Mapping[str, Any]
    tuned: bool = True
    place: PluginPlace = _NOWHERE


@dataclass(frozen=True)
class Job:
    """One contestant on one outer fold, for one or several seeds; `keys` maps each seed to its Record's key.

    settings    what the inner loop tries; where there is none, the published settings alone
    tuning      what the inner loop found earlier (from a Record of another seed), None where it must run
    """

    contestant: Contestant
    fold: Fold
    inner: InnerFolds
    settings: tuple[Mapping[str, Any], ...]
    keys: Mapping[int, str]
    tuning_seed: int
    table: TableIdentity
    row: RowIdentity
    n_folds: int
    epochs: int | None
    tuning: Mapping[str, Any] | None = None

    @property
    def n_fits(self) -> int:
        """Fits of the inner loop and one refit a seed."""
        tuning = 0 if self.tuning is not None else len(self.inner.folds) * len(self.settings)
        return tuning + len(self.keys)


@dataclass(frozen=True)
class Plan:
    """All jobs of a run, fold by fold and method by method."""

    jobs: tuple[Job, ...]
    folds: tuple[Fold, ...]
    table: TableIdentity

    @property
    def n_fits(self) -> int:
        return sum(job.n_fits for job in self.jobs)


def harness_hash() -> str:
    """Hash of the harness's own source, as far as numbers pass through it."""
    package = Path(__file__).resolve().parents[1]
    return hash_value({name: hash_tree(package / name) for name in _HARNESS})


def make_plan(
    design: Design,
    dataset_source: str,
    sources: Sequence[SlideSource],
    groups: Mapping[str, str],
    contestants: Sequence[Contestant],
    seeds: Sequence[int],
) -> Plan:
    """Enumerate the jobs of a run; nothing is read but the files' hashes."""
    data = hash_value([dataset_source, {s.id: [s.patient, hash_files(s.files)] for s in sources}])
    folds = outer_folds({source.id: source.patient for source in sources}, design.split)
    table = _table(design, sources, data)
    common = hash_value([harness_hash(), asdict(table)])
    jobs = [
        _job(design, contestant, fold, groups, seeds, table, common, len(folds))
        for fold in folds  # fold by fold, so that panel and truth are made once for all methods
        for contestant in contestants
    ]
    return Plan(tuple(jobs), tuple(folds), table)


def _table(design: Design, sources: Sequence[SlideSource], data: str) -> TableIdentity:
    panel = spec_identity(design.genes, design.n_genes)
    return TableIdentity(
        dataset=design.dataset,
        slides=tuple(source.id for source in sources),
        data=data,
        split=design.split,
        inner=design.inner,
        genes=design.genes if not design.genes.startswith("file:") else f"file:{Path(design.genes[5:]).name}",
        panel=hash_value([panel, data]),
        scale=design.scale,
        target=design.target,
        min_counts=design.min_counts,
        patch=str(design.patch),
        encoder=f"{design.encoder}@{hash_value(encoder_identity(design.encoder))[:8]}",
        protocol=PROTOCOL_VERSION,
    )


def _job(
    design: Design,
    contestant: Contestant,
    fold: Fold,
    groups: Mapping[str, str],
    seeds: Sequence[int],
    table: TableIdentity,
    common: str,
    n_folds: int,
) -> Job:
    floor = contestant.card.kind == "floor"
    seeds = (0,) if floor else seeds  # a floor draws nothing at random
    inner = inner_folds(fold.train, groups, design.inner if contestant.tuned else "none")
    inner = _enough_slides(inner, contestant.card.needs.min_train_slides)
    settings = _settings_to_try(contestant, design)
    if floor and len(settings) == 1:
        inner = InnerFolds(())  # no settings and no epochs: nothing to choose between
    settings = settings if inner.folds else (dict(contestant.settings),)
    epochs = None if floor else design.epochs
    row = RowIdentity(
        method=contestant.name,
        variant=contestant.variant,
        overrides=tuple(sorted(contestant.overrides.items())),
        budget=_budget(design, contestant),
        source=contestant.source,
    )
    started_from = weights_at_hand(contestant.card.pretrained)
    shared = [
        common,
        asdict(row),
        dict(contestant.settings),
        list(settings),
        fold,
        inner,
        epochs,
        started_from,
    ]
    tuning_seed = seeds[0] if inner.folds else None
    keys = {seed: hash_value([*shared, seed, tuning_seed]) for seed in seeds}
    return Job(contestant, fold, inner, settings, keys, seeds[0], table, row, n_folds, epochs)


def _enough_slides(inner: InnerFolds, least: int) -> InnerFolds:
    """No inner loop where its training slides are fewer than the method can be fitted on."""
    if all(len(fold.train) >= least for fold in inner.folds):
        return inner
    return InnerFolds((), f"no inner loop: it would leave fewer than {least} training slides")


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
    if contestant.card.kind != "floor" and design.epochs is not None:
        parts.append(f"at most {design.epochs} epoch{'' if design.epochs == 1 else 's'}")
    if design.inner != "none" and contestant.tuned:
        n_settings = len(_settings_to_try(contestant, design))
        parts.append(f"{n_settings} settings tried" if n_settings > 1 else "")
    return ", ".join(filter(None, parts))

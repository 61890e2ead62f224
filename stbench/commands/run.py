"""run() for Python users: ties evaluation and reporting together.

A run has two halves. `prepare` reads names and hashes only and makes the plan; `execute` does what the store does
not hold yet, writes each Record the moment it exists, and then logs to MLflow.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stbench import registry
from stbench.commands.asked import DEFAULT_PRESET, DEFAULT_REFERENCE, Asked, asked_for
from stbench.commands.choosing import (
    capped,
    check_seeds,
    check_settings,
    choose_contestants,
    choose_device,
    dataset_name,
    device_elsewhere,
    find_slides,
    slides_on_disk,
)
from stbench.commands.means import Means, cluster_of
from stbench.commands.printed_words import print_words
from stbench.commands.released import check_target
from stbench.commands.suite_tables import keep_suite
from stbench.contract import DatasetCard, SlideSource, UnmeasuredSlide
from stbench.errors import PluginError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.inner_trials import InnerTrial
from stbench.evaluation.plan import Job, Plan, inner_trials, make_plan
from stbench.evaluation.shipped_data import shipped_data
from stbench.evaluation.threads import threads_for
from stbench.preprocess.encoders import have_weights, weights_known
from stbench.preprocess.marker_genes import written_out
from stbench.preprocess.weights import fetch_weights, weights_at_hand
from stbench.record import Record
from stbench.reporting.results.store import RunStore
from stbench.reporting.results.trial_store import TrialStore

if TYPE_CHECKING:
    from stbench.commands.expected import Expected
    from stbench.evaluation.curves import Curves
    from stbench.reporting.tables.leaderboard import Table

DEFAULT_OUT = Path("stbench-runs")


class Listener:
    """Hears how a run goes; every method may be left as it is."""

    def encoding(self, slide: str, done: int, total: int) -> None:
        """Patches of a slide embedded so far."""

    def slide_made(self, done: int, total: int) -> None:
        """On a cluster, slides whose embeddings and patches are made so far."""

    def starting(self, expected: Expected, workers: int) -> None:
        """What the trials to do are expected to take, and by how many workers they will be done."""

    def fitting(self, label: str, done: int, total: int, score: float | None) -> None:
        """Epochs of a fit done so far, and its latest validation score."""

    def tried(self, curves: Curves) -> None:
        """An inner trial was stored."""

    def found(self, key: str) -> None:
        """Another run came to the result of that key."""

    def recorded(self, record: Record, done: int, total: int) -> None:
        """A Record was stored; that many of those that were asked for are done."""

    def warning(self, sentence: str) -> None:
        """Something a person should know that does not stop the run."""

    def printed(self, words: str) -> None:
        """What a method printed during a trial."""
        print_words(words)


@dataclass(frozen=True)
class PreparedRun:
    """A run that is ready to start: what was asked, its design, slides, plan and store.

    missing     slides of the dataset that are not complete on disk, and what they lack
    unmeasured  slides that have no expression, and are left out for that
    """

    asked: Asked
    design: Design
    card: DatasetCard
    sources: tuple[SlideSource, ...]
    missing: Mapping[str, str]
    contestants: tuple[Contestant, ...]
    plan: Plan
    store: RunStore
    overwrite: bool = False
    unmeasured: tuple[UnmeasuredSlide, ...] = ()

    @property
    def keys(self) -> set[str]:
        """Keys of all Records that the plan asks for."""
        return {key for job in self.plan.jobs for key in job.keys.values()}

    @property
    def patients(self) -> dict[str, str | None]:
        """slide -> patient"""
        return {source.id: source.patient for source in self.sources}

    @property
    def trials(self) -> TrialStore:
        """Where inner trials lie, those of other runs too."""
        return TrialStore(self.store.out)

    def pending(self) -> list[Job]:
        """The jobs, or the seeds of jobs, that the store does not hold yet."""
        finished = set() if self.overwrite else self._finished()
        pending = []
        for job in self.plan.jobs:
            seeds = [seed for seed, key in job.keys.items() if key not in finished]
            if seeds:
                pending.append(job.for_seeds(seeds))
        return pending

    def trials_to_do(self, pending: Sequence[Job]) -> dict[str, InnerTrial]:
        """The inner trials that pending jobs wait for and that do not lie there finished, by key."""
        done = set() if self.overwrite else self.trials.names()[0]
        return {key: trial for key, trial in inner_trials(pending).items() if key not in done}

    @property
    def n_inner_stored(self) -> int:
        """Inner trials of this plan that lie there finished."""
        return len(inner_trials(self.plan.jobs).keys() & self.trials.names()[0])

    def records(self) -> list[Record]:
        """What the store holds of this plan."""
        keys = self.keys
        return [record for record in self.store.records()[0] if record.key in keys]

    def where_mlflow_is(self) -> str:
        """The server that results are logged to, or the command that shows the database beside them; "" without one."""
        from stbench.reporting.mlflow.tracking import MlflowTracker

        out = self.store.out
        server = MlflowTracker(out).name
        if server != "local":
            return server
        # In that folder, from where the database's paths to files go.
        return f"cd {shlex.quote(str(out))} && mlflow ui" if (out / "mlflow.db").is_file() else ""

    def _finished(self) -> set[str]:
        """Keys of Records of this plan that need not be made again: finished, with all their files."""
        return {key for key in self.keys & self.store.names() if self.store.has_finished(key)}


def run(
    methods: Sequence[str],
    dataset: str | None = None,
    *,
    suite: Path | str | None = None,
    data_root: Path | str | None = None,
    out: Path | str = DEFAULT_OUT,
    split: str = "slide",
    inner: str | int = "pairs",
    grid: str = "small",
    genes: str = "train-hvg",
    n_genes: int = 250,
    scale: str = "minmax",
    target: str = "logcpm",
    tune_on: str = "pcc",
    halving: bool = False,
    encoder: str | Sequence[str] = "efficientnet_lite0",
    patch_px: int = 224,
    patch_um: float | None = None,
    variant: str = DEFAULT_PRESET,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    min_counts: int = 100,
    epochs: int | None = None,
    seeds: Sequence[int] = (0,),
    slides: Sequence[str] | None = None,
    reference: str = DEFAULT_REFERENCE,
    bin_um: float | None = None,
    drop_outside: bool = False,
    um_per_px: float | None = None,
    workers: int | None = None,
    threads: int | None = None,
    device: str = "auto",
    per_device: int | None = None,
    overwrite: bool = False,
    time_limit: float | None = None,
    in_process: bool = False,
    cluster: Path | str | None = None,
    listener: Listener | None = None,
) -> list[Record]:
    """Evaluate methods on a dataset under the nested protocol and return the Records, old and new.

    Parameters are the options of `stbench run`; `settings` maps a method to hyperparameters given by hand. With a
    `suite`, whatever is given other than as its default may not contradict it.
    Floor methods join every run. Raises UsageError for unusable input; a method that fails leaves a failed Record.
    """
    given = {
        "dataset": dataset,
        "data_root": data_root,
        "split": split,
        "inner": str(inner),
        "grid": grid,
        "genes": genes,
        "n_genes": n_genes,
        "scale": scale,
        "target": target,
        "encoder": encoder if isinstance(encoder, str) else ",".join(encoder),
        "patch_px": patch_px,
        "patch_um": patch_um,
        "min_counts": min_counts,
        "epochs": epochs,
        "tune_on": tune_on,
        "halving": halving,
        "variant": variant,
        "settings": settings or {},
        "seeds": seeds,
        "slides": slides,
        "threads": threads,
        "device": device,
        "reference": reference,
        "bin_um": bin_um,
        "drop_outside": drop_outside,
        "um_per_px": um_per_px,
    }
    from stbench.commands.several_encoders import all_with_weights, prepare_each, records_of

    asked = asked_for(methods, suite, given)
    means = Means(workers, per_device, time_limit, in_process, cluster_of(cluster))
    means.check()
    runs = prepare_each(means.fitting(asked), out, overwrite, elsewhere=cluster is not None)
    runs = all_with_weights(runs, listener)
    for prepared in runs:
        execute(prepared, means, listener)
    return records_of(runs)


def prepare(
    asked: Asked, out: Path | str = DEFAULT_OUT, overwrite: bool = False, elsewhere: bool = False
) -> PreparedRun:
    """Plan a run: look up names, find the slides, enumerate the jobs. Reads no slide and imports no method.

    elsewhere  its trials run on other machines, which may have devices that this one lacks
    """
    contestants = choose_contestants(
        asked.methods, asked.variant, asked.settings, tuned=asked.inner != "none"
    )
    if asked.only_with_embeddings:  # and the reference, of which each encoder has its own
        contestants = [c for c in contestants if c.card.needs.embeddings or c.name == asked.reference]
    name = dataset_name(asked.dataset)
    card = registry.dataset_card(name)
    resolved = {
        "device": device_elsewhere(asked.device) if elsewhere else choose_device(asked.device),
        "threads": threads_for(asked.threads),
        "genes": written_out(asked.genes, card.marker_genes, name),
    }
    for contestant in contestants:
        check_target(contestant, asked.target)
    fixed = capped(Design(**{**asked.design(), **resolved, "dataset": name}), card)
    sources, missing = find_slides(asked.dataset, asked.data_root, asked.slides, asked.reading)
    check_seeds(asked.seeds)
    source_hash = registry.source_hash("dataset", name)
    plan = make_plan(fixed, source_hash, sources, contestants, list(dict.fromkeys(asked.seeds)))
    store = RunStore(Path(out).absolute())  # whatever becomes of the working folder
    unmeasured = slides_on_disk(asked.dataset, asked.data_root, asked.reading).unmeasured
    return PreparedRun(
        asked,
        fixed,
        card,
        tuple(sources),
        missing,
        tuple(contestants),
        plan,
        store,
        overwrite,
        tuple(unmeasured),
    )


def _warm_up(prepared: PreparedRun) -> None:
    """Have the libraries that trials need loaded, by the processes that will start them, while this one loads its own.

    A run that has nothing to do starts none.
    """
    from stbench.evaluation.trials.launcher import station

    wanted = prepared.keys if prepared.overwrite else prepared.keys - prepared._finished()
    jobs = [job for job in prepared.plan.jobs if not wanted.isdisjoint(job.keys.values())]
    for light in {job.contestant.is_floor for job in jobs}:
        station(light)


def with_weights(
    prepared: PreparedRun, listener: Listener | None = None, warm_up: bool = True
) -> PreparedRun:
    """The run with its encoder's weights, and as far as they can be had the published ones that methods start from.

    What a method starts from is part of its job's key, so that the run is planned anew where weights arrived.
    EncoderError where the encoder's cannot be had.
    warm_up  whether its trials are about to begin here
    """
    if warm_up:
        _warm_up(prepared)
    wanted = {name for job in prepared.pending() for name in job.contestant.card.pretrained}
    lacking = [name for name, here in weights_at_hand(sorted(wanted)).items() if not here]
    for name in lacking:
        problem = fetch_weights(name)
        if problem:
            (listener or Listener()).warning(problem)
    encoder_arrived = _have_encoder(prepared)
    if not encoder_arrived and not any(weights_at_hand(lacking).values()):
        return prepared
    seeds = sorted({seed for job in prepared.plan.jobs for seed in job.keys})
    source_hash = registry.source_hash("dataset", prepared.design.dataset)
    plan = make_plan(prepared.design, source_hash, prepared.sources, prepared.contestants, seeds)
    return replace(prepared, plan=plan)


def _have_encoder(prepared: PreparedRun) -> bool:
    """Have the encoder's weights known where a pending method takes embeddings; whether they arrived just now."""
    encoder = prepared.design.encoder
    if weights_known(encoder) or not any(job.contestant.card.needs.embeddings for job in prepared.pending()):
        return False
    have_weights(encoder)
    return True


def execute(
    prepared: PreparedRun,
    means: Means | None = None,
    listener: Listener | None = None,
    tracked: bool = True,
) -> None:
    """Do what a prepared run lacks, store each result as it comes, and log what MLflow lacks.

    tracked  whether MLflow is told; of many processes at one run's work only one should
    """
    from stbench.reporting.mlflow.pace import PacedTracker

    listener, means = listener or Listener(), means or Means()
    means.check()
    pending = prepared.pending()
    prepared.store.check_writable()
    if prepared.asked.suite:
        keep_suite(prepared.store.out, prepared.asked.suite)
    if not means.in_process:
        check_values(pending, prepared.sources)
    tracker = PacedTracker(prepared.store, listener.warning) if tracked else None
    records = {record.key: record for record in _complete(prepared)} if tracked else {}
    if pending:
        from stbench.commands.pending import do_pending  # what it needs takes a second to load

        for record in do_pending(prepared, pending, means, listener):
            # The arrays lie in the store now.
            records[record.key] = replace(record, predictions={}, training={}, truths={})
            if tracker is not None:
                tracker.log_if_due(list(records.values()))
    if tracker is not None:
        tracker.log(list(records.values()), lambda: _tables_below(prepared.store))


def _complete(prepared: PreparedRun) -> list[Record]:
    """The Records that lie there, with the inner loop's curves also where a process died between the two."""
    records = prepared.records()
    without = {
        r.key for r in records if r.finished and r.tuning.get("epochs") and "inner_pcc" not in r.curves
    }
    if not without:
        return records
    from stbench.commands.pending import with_curves

    jobs = {key: job for job in prepared.plan.jobs for key in job.keys.values()}
    return [with_curves(prepared, r, jobs[r.key]) if r.key in without else r for r in records]


def _tables_below(store: RunStore) -> list[Table]:
    """The tables of all that lies below a results folder, as `stbench leaderboard` shows them."""
    from stbench.commands.leaderboard import tables_of

    return tables_of(store.records()[0], store.out)


def check_values(jobs: Sequence[Job], sources: Sequence[SlideSource] = ()) -> None:
    """Have the jobs' methods looked at; UsageError for a setting that one does not take, or a value out of its range.

    A plugin that does not load is the failure of its own rows where others are asked for beside it.
    """
    by_row = {(job.row.method, job.row.variant): job for job in jobs}
    asked = {job.row.method for job in jobs if job.contestant.card.kind != "floor"}
    broken = {}
    for job in by_row.values():
        try:
            _check_own_files(job.contestant, sources)
            check_settings(job.contestant, job.settings, job.epochs)
        except PluginError as error:
            broken[job.row.method] = error
    if broken and asked <= broken.keys():
        raise next(iter(broken.values()))


def _check_own_files(contestant: Contestant, sources: Sequence[SlideSource]) -> None:
    """PluginError for a plugin whose folder holds files of the dataset, which its trials could read."""
    if shipped := shipped_data(contestant.place.folder, sources):
        raise PluginError(
            f"Plugin {contestant.name} holds the data that it would be tested on: {shipped[0]}."
        )

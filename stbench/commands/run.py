"""run() for Python users: ties evaluation and reporting together.

A run has two halves. `prepare` reads names and hashes only and makes the plan; `execute` does what the store does
not hold yet, writes each Record the moment it exists, and then logs to MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stbench import registry
from stbench.commands.choosing import (
    DEFAULT_PRESET,
    capped,
    check_seeds,
    check_settings,
    choose_contestants,
    choose_device,
    dataset_name,
    find_slides,
)
from stbench.commands.printed_words import print_words
from stbench.contract import DatasetCard, SlideSource
from stbench.errors import PluginError, UsageError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.inner_trials import InnerTrial
from stbench.evaluation.plan import Job, Plan, inner_trials, make_plan
from stbench.evaluation.shipped_data import shipped_data
from stbench.evaluation.threads import threads_for
from stbench.preprocess.patches import PatchSize
from stbench.preprocess.weights import fetch_weights, weights_at_hand
from stbench.record import Record
from stbench.reporting.results.store import RunStore
from stbench.reporting.results.trial_store import TrialStore

if TYPE_CHECKING:
    from stbench.commands.expected import Expected
    from stbench.evaluation.curves import Curves
    from stbench.evaluation.trials.benches import Bench

DEFAULT_OUT = Path("stbench-runs")


class Listener:
    """Hears how a run goes; every method may be left as it is."""

    def encoding(self, slide: str, done: int, total: int) -> None:
        """Patches of a slide embedded so far."""

    def starting(self, expected: Expected, workers: int) -> None:
        """What the trials to do are expected to take, and by how many workers they will be done."""

    def fitting(self, label: str, done: int, total: int, score: float | None) -> None:
        """Epochs of a fit done so far, and its latest validation score."""

    def tried(self, curves: Curves) -> None:
        """An inner trial was stored."""

    def recorded(self, record: Record, done: int, total: int) -> None:
        """A Record was stored; that many of those that were asked for are done."""

    def warning(self, sentence: str) -> None:
        """Something a person should know that does not stop the run."""

    def printed(self, words: str) -> None:
        """What a method printed during a trial."""
        print_words(words)


@dataclass(frozen=True)
class PreparedRun:
    """A run that is ready to start: its design, slides, plan and store.

    missing  slides of the dataset that are not complete on disk, and what they lack
    """

    design: Design
    card: DatasetCard
    sources: tuple[SlideSource, ...]
    missing: Mapping[str, str]
    contestants: tuple[Contestant, ...]
    plan: Plan
    store: RunStore
    overwrite: bool = False

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
        finished = set() if self.overwrite else self._finished().keys()
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
        return (
            f"mlflow ui --backend-store-uri sqlite:///{out}/mlflow.db"
            if (out / "mlflow.db").is_file()
            else ""
        )

    def _finished(self) -> dict[str, Record]:
        """Records of this plan that need not be made again: finished, with all their files."""
        records = {record.key: record for record in self.records()}
        return {key: record for key, record in records.items() if self.store.has_finished(key)}


def run(
    methods: Sequence[str],
    dataset: str,
    *,
    data_root: Path | str | None = None,
    out: Path | str = DEFAULT_OUT,
    split: str = "slide",
    inner: str | int = "pairs",
    grid: str = "small",
    genes: str = "train-hvg",
    n_genes: int = 250,
    scale: str = "minmax",
    tune_on: str = "pcc",
    halving: bool = False,
    encoder: str = "efficientnet_lite0",
    patch_px: int = 224,
    patch_um: float | None = None,
    variant: str = DEFAULT_PRESET,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    min_counts: int = 100,
    epochs: int | None = None,
    seeds: Sequence[int] = (0,),
    slides: Sequence[str] | None = None,
    workers: int | None = None,
    threads: int | None = None,
    device: str = "auto",
    overwrite: bool = False,
    time_limit: float | None = None,
    in_process: bool = False,
    listener: Listener | None = None,
) -> list[Record]:
    """Evaluate methods on a dataset under the nested protocol and return the Records, old and new.

    Parameters are the options of `stbench run`; `settings` maps a method to hyperparameters given by hand.
    Floor methods join every run. Raises UsageError for unusable input; a method that fails leaves a failed Record.
    """
    design = {
        "split": split, "inner": str(inner), "grid": grid, "genes": genes, "n_genes": n_genes, "scale": scale,
        "encoder": encoder, "patch": PatchSize(patch_px, patch_um), "min_counts": min_counts, "epochs": epochs,
        "device": device, "tune_on": tune_on, "halving": halving, "threads": threads,
    }  # fmt: skip
    prepared = prepare(
        methods, dataset, data_root, out, design, variant, settings or {}, seeds, slides, overwrite
    )
    prepared = with_weights(prepared, listener)
    execute(prepared, workers, listener, time_limit, in_process)
    return prepared.records()


def prepare(
    methods: Sequence[str],
    dataset: str,
    data_root: Path | str | None,
    out: Path | str,
    design: Mapping[str, Any],
    variant: str = DEFAULT_PRESET,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    seeds: Sequence[int] = (0,),
    slides: Sequence[str] | None = None,
    overwrite: bool = False,
) -> PreparedRun:
    """Plan a run: look up names, find the slides, enumerate the jobs. Reads no slide and imports no method."""
    methods = [methods] if isinstance(methods, str) else methods
    slides = [slides] if isinstance(slides, str) else slides
    contestants = choose_contestants(methods, variant, settings or {}, tuned=design.get("inner") != "none")
    name = dataset_name(dataset)
    card = registry.dataset_card(name)
    resolved = {
        "device": choose_device(design.get("device", "auto")),
        "threads": threads_for(design.get("threads")),
    }
    fixed = capped(Design(dataset=name, **{**design, **resolved}), card)
    sources, missing = find_slides(dataset, data_root, slides)
    check_seeds(seeds)
    source_hash = registry.source_hash("dataset", name)
    plan = make_plan(fixed, source_hash, sources, contestants, list(dict.fromkeys(seeds)))
    store = RunStore(Path(out).absolute())  # whatever becomes of the working folder
    return PreparedRun(fixed, card, tuple(sources), missing, tuple(contestants), plan, store, overwrite)


def _warm_up(prepared: PreparedRun) -> None:
    """Have the libraries that trials need loaded, by the processes that will start them, while this one loads its own.

    A run that has nothing to do starts none.
    """
    from stbench.evaluation.trials.launcher import station

    wanted = prepared.keys if prepared.overwrite else prepared.keys - prepared._finished().keys()
    jobs = [job for job in prepared.plan.jobs if not wanted.isdisjoint(job.keys.values())]
    for light in {job.contestant.is_floor for job in jobs}:
        station(light)


def with_weights(prepared: PreparedRun, listener: Listener | None = None) -> PreparedRun:
    """The run with the published weights that its pending methods start from fetched, as far as they can be.

    What a method starts from is part of its job's key, so that the run is planned anew where weights arrived.
    """
    _warm_up(prepared)
    wanted = {name for job in prepared.pending() for name in job.contestant.card.pretrained}
    lacking = [name for name, here in weights_at_hand(sorted(wanted)).items() if not here]
    for name in lacking:
        problem = fetch_weights(name)
        if problem:
            (listener or Listener()).warning(problem)
    if not any(weights_at_hand(lacking).values()):
        return prepared
    seeds = sorted({seed for job in prepared.plan.jobs for seed in job.keys})
    source_hash = registry.source_hash("dataset", prepared.design.dataset)
    plan = make_plan(prepared.design, source_hash, prepared.sources, prepared.contestants, seeds)
    return replace(prepared, plan=plan)


def execute(
    prepared: PreparedRun,
    workers: int | None = None,
    listener: Listener | None = None,
    time_limit: float | None = None,
    in_process: bool = False,
) -> None:
    """Do what a prepared run lacks, store each result as it comes, and log what MLflow lacks.

    workers     processes, None for as many as there are cores and work for
    time_limit  minutes that a trial may take
    in_process  conduct trials here, for a debugger; their rows say "not sealed"
    """
    from stbench.commands.pending import do_pending
    from stbench.reporting.mlflow.pace import PacedTracker

    listener = listener or Listener()
    if workers is not None and workers < 1:
        raise UsageError(f"--workers must be at least 1; found {workers}.")
    if time_limit is not None and not time_limit > 0:
        raise UsageError(f"--time-limit must be positive; found {time_limit:g}.")
    pending = prepared.pending()
    prepared.store.check_writable()
    if not in_process:
        check_values(pending, prepared.sources)
    tracker = PacedTracker(prepared.store, listener.warning)
    records = {record.key: record for record in prepared.records()}
    if pending:
        bench = _bench(listener, time_limit, in_process)
        for record in do_pending(prepared, pending, bench, workers, listener):
            # The arrays lie in the store now.
            records[record.key] = replace(record, predictions={}, training={}, truths={})
            tracker.log_if_due(list(records.values()))
    tracker.log(list(records.values()))


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


def _bench(listener: Listener, time_limit: float | None, in_process: bool) -> Bench:
    """Where the run's trials are conducted."""
    from stbench.evaluation.trials.benches import InProcessBench, SealedBench

    if in_process:
        return InProcessBench(registry.load_method)
    return SealedBench(None if time_limit is None else 60 * time_limit, listener.printed)

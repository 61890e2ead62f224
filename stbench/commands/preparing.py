"""From what was asked to a run that can start: names, slides, the plan, and published weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stbench import registry
from stbench.commands.asked import Asked
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
from stbench.commands.listener import Listener
from stbench.commands.prepared_run import PreparedRun
from stbench.commands.released import check_target
from stbench.contract import SlideSource
from stbench.errors import PluginError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.folds import outer_folds
from stbench.evaluation.inner_loop import inner_as_done
from stbench.evaluation.plan import Job, make_plan
from stbench.evaluation.shipped_data import shipped_data
from stbench.evaluation.threads import threads_for
from stbench.preprocess.encoders import have_weights, weights_known
from stbench.preprocess.marker_genes import written_out
from stbench.preprocess.weights import fetch_weights, weights_at_hand
from stbench.reporting.results.store import RunStore

DEFAULT_OUT = Path("stbench-runs")


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
    fixed = _with_inner_as_done(fixed, sources)
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


def _with_inner_as_done(design: Design, sources: Sequence[SlideSource]) -> Design:
    """The design with its inner loop called what it comes to on these slides, so that tables say what was done."""
    patients = {source.id: source.patient for source in sources}
    folds = outer_folds(patients, design.split)
    return replace(design, inner=inner_as_done(folds, patients, design.split, design.inner))


def _warm_up(prepared: PreparedRun) -> None:
    """Have the libraries that trials need loaded, by the processes that will start them, while this one loads its own.

    A run that has nothing to do starts none.
    """
    from stbench.evaluation.trials.launcher import station

    wanted = prepared.keys if prepared.overwrite else prepared.keys - prepared.finished()
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

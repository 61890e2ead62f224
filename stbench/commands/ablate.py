"""A method's ablations: the full method first, then each part changed, at what the full method's inner loop chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stbench import registry
from stbench.commands.asked import Asked
from stbench.commands.choosing import check_settings
from stbench.commands.listener import Listener
from stbench.commands.means import Means
from stbench.commands.prepared_run import PreparedRun
from stbench.commands.preparing import prepare, with_weights
from stbench.commands.run import execute
from stbench.contract import Ablation
from stbench.errors import EncoderError, UnknownName, UsageError
from stbench.evaluation.ablations import ablated, full_records
from stbench.evaluation.plan import Job
from stbench.reporting.tables.ablations import AblationTable, ablation_tables


@dataclass(frozen=True)
class LeftOut:
    """An ablation that could not be run here, or that changes nothing, and why."""

    ablation: Ablation
    reason: str


def ablations_of(method: str, table: str | None = None) -> tuple[Ablation, ...]:
    """The ablations that a method's card lists, of one table of its paper or of all.

    UsageError where it lists none, UnknownName for a table that it does not name.
    """
    listed = registry.method_card(registry.find("method", method).name).ablations
    if not listed:
        raise UsageError(
            f"The card of {method} lists no ablations; those of {', '.join(_with_ablations())} do. Add yours to the "
            "card under `ablations`."
        )
    if table is None:
        return listed
    named = {ablation.table.lower(): ablation.table for ablation in listed}
    wanted = named.get(table.lower()) or named.get(f"table {table}".lower())
    if wanted is None:
        raise UnknownName(f"table of {method}'s ablations", table, set(named.values()))
    return tuple(ablation for ablation in listed if ablation.table == wanted)


def _with_ablations() -> list[str]:
    broken = registry.broken_plugins("method")
    names = (name for name in registry.plugins("method") if name not in broken)
    return [name for name in names if registry.method_card(name).ablations]


def ablate(
    asked: Asked,
    table: str | None,
    out: Path,
    means: Means | None = None,
    listener: Listener | None = None,
) -> tuple[list[AblationTable], list[LeftOut]]:
    """Run what is missing of a method and its ablations, and pair them.

    asked  one method; its floors are left out of the ablations
    Raises UsageError for several methods, a setting that the method has not, or a full method that failed.
    """
    if len(asked.methods) != 1:
        raise UsageError(f"ablate takes one method; found {', '.join(asked.methods)}.")
    wanted, means, listener = ablations_of(asked.methods[0], table), means or Means(), listener or Listener()
    means.check()
    prepared = with_weights(prepare(means.fitting(asked), out), listener)
    full = [job for job in prepared.plan.jobs if not job.contestant.is_floor]
    check_settings(full[0].contestant, [ablation.settings for ablation in wanted if ablation.settings], None)
    execute(prepared, means, listener)
    left_out: list[LeftOut] = []
    records = prepared.records()
    for encoder in dict.fromkeys(ablation.encoder for ablation in wanted):
        alike = [ablation for ablation in wanted if ablation.encoder == encoder]
        try:
            run = _run(prepared, _beside(prepared, asked, means, encoder), alike, left_out)
            execute(run, means, listener, tracked=False)  # MLflow shows contestants, which ablations are not
            records += run.records()
        except EncoderError as error:
            left_out += [LeftOut(ablation, str(error)) for ablation in alike]
    return ablation_tables(records), left_out


def _beside(prepared: PreparedRun, asked: Asked, means: Means, encoder: str) -> PreparedRun:
    """The full method's run with another encoder, itself where none is named."""
    if not encoder:
        return prepared
    return prepare(means.fitting(asked.model_copy(update={"encoder": encoder})), prepared.store.out)


def _run(
    prepared: PreparedRun, other: PreparedRun, wanted: Sequence[Ablation], left_out: list[LeftOut]
) -> PreparedRun:
    """A run of these ablations on the slides, and with the encoder, of `other`."""
    jobs: list[Job] = []
    for ablation in wanted:
        found = [job for job in _jobs(prepared, other, ablation) if job is not None]
        if not found:
            left_out.append(
                LeftOut(ablation, "it changes nothing: the full method was run with this setting")
            )
        jobs += found
    return replace(other, plan=replace(other.plan, jobs=tuple(jobs)))


def _jobs(prepared: PreparedRun, other: PreparedRun, ablation: Ablation) -> Iterator[Job | None]:
    records, differs = prepared.records(), other.design.encoder != prepared.design.encoder
    counterparts = {job.fold.name: job for job in other.plan.jobs if not job.contestant.is_floor}
    for job in prepared.plan.jobs:
        if job.contestant.is_floor:
            continue
        full = full_records(records, job)
        if len(full) < len(job.keys):
            raise UsageError(
                f"{job.row.method} itself has no result on fold {job.fold.name}, so that there is nothing to pair its "
                "ablations with; see what `stbench leaderboard` says of it."
            )
        counterpart = counterparts[job.fold.name]
        keys = dict(zip(job.keys, counterpart.keys.values(), strict=True))
        yield ablated(replace(counterpart, keys=keys), ablation, full, differs)

"""Runs of several encoders that make rows of one table: a run for each, one after the other.

Methods that take no embeddings are the first encoder's alone: another encoder would change nothing of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stbench.commands.asked import Asked
from stbench.commands.listener import Listener
from stbench.commands.prepared_run import PreparedRun
from stbench.commands.preparing import DEFAULT_OUT, prepare, with_weights
from stbench.errors import UsageError
from stbench.preprocess.encoders import find_encoder
from stbench.record import Record


def each_encoder(asked: Asked) -> list[Asked]:
    """What is asked of each encoder by itself; UnknownName for one that is not there, UsageError for none."""
    names = list(dict.fromkeys(find_encoder(name).name for name in asked.encoders))
    if not names:
        raise UsageError("--encoder names no encoder; see `stbench encoders`.")
    if len(names) == 1:
        return [asked.model_copy(update={"encoder": names[0]})]
    return [
        asked.model_copy(
            update={"encoder": name, "only_with_embeddings": asked.only_with_embeddings or place > 0}
        )
        for place, name in enumerate(names)
    ]


def prepare_each(
    asked: Asked, out: Path | str = DEFAULT_OUT, overwrite: bool = False, elsewhere: bool = False
) -> list[PreparedRun]:
    """A run for each encoder, as `prepare` plans one; those that have nothing to do with the encoder are left out."""
    first, *others = [prepare(one, out, overwrite, elsewhere) for one in each_encoder(asked)]
    return [first, *(run for run in others if run.plan.jobs)]


def all_with_weights(
    runs: Sequence[PreparedRun], listener: Listener | None = None, warm_up: bool = True
) -> list[PreparedRun]:
    """The runs with all weights fetched, so that what cannot be had is told before any of them starts."""
    return [with_weights(run, listener, warm_up) for run in runs]


def records_of(runs: Sequence[PreparedRun]) -> list[Record]:
    """What the store holds of these runs, which share it."""
    keys = {key for run in runs for key in run.keys}
    return [record for record in runs[0].store.records()[0] if record.key in keys]

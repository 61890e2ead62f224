"""Working on stored plans, beside any number of others that share their folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stbench.commands.asked import Asked
from stbench.commands.listener import Listener
from stbench.commands.means import Means
from stbench.commands.plan import made_from
from stbench.commands.prepared_run import PreparedRun
from stbench.commands.preparing import prepare, with_weights
from stbench.commands.run import execute
from stbench.commands.status import stored_plans
from stbench.errors import UsageError
from stbench.evaluation.plan import inner_trials
from stbench.reporting.results.plan_files import StoredPlan


def prepare_stored(
    stored: StoredPlan,
    out: Path,
    data_root: Path | None = None,
    device: str | None = None,
    listener: Listener | None = None,
) -> PreparedRun:
    """A stored plan prepared on this machine; UsageError, one sentence, where it comes to other trials here."""
    asked = Asked.of(**stored.asked)
    given: dict[str, Any] = {"data_root": data_root} if data_root is not None else {}
    if device is not None:
        given["device"] = device
    prepared = with_weights(prepare(asked.model_copy(update=given), out), listener)
    if prepared.keys | inner_trials(prepared.plan.jobs).keys() != stored.keys:
        raise UsageError(_why_others(stored, prepared))
    return prepared


def work(
    out: Path,
    means: Means | None = None,
    data_root: Path | None = None,
    device: str | None = None,
    listener: Listener | None = None,
) -> Iterator[PreparedRun]:
    """Work on each plan below `out` until nothing of it is left, and yield it then.

    What others have claimed is left to them, and what they leave behind when they die is taken up.
    """
    for stored in stored_plans(out):
        prepared = prepare_stored(stored, out, data_root, device, listener)
        execute(prepared, means, listener, tracked=False)
        yield prepared


def _why_others(stored: StoredPlan, prepared: PreparedRun) -> str:
    """In a sentence, why this machine's trials have other keys than the plan's."""
    there, here = stored.made_from, made_from(prepared)
    slides, methods, weights = (
        _differing(there[part], here[part]) for part in ("slides", "methods", "weights")
    )
    kind = prepared.design.device.partition(":")[0]
    if here["stbench"] != there["stbench"]:
        what = "another stbench than the plan was made with; install the same one here"
    elif here["dataset"] != there["dataset"]:
        what = f"another source of dataset {stored.dataset} than the plan was made with; install the same one here"
    elif slides:
        what = (
            f"other files of slide {', '.join(slides)} than the plan was made with; copy the same ones here"
        )
    elif methods:
        what = (
            f"another source of {', '.join(methods)} than the plan was made with; install the same one here"
        )
    elif weights:
        lacks = "no" if there["weights"].get(weights[0]) else "the"
        what = f"{lacks} published weights {', '.join(weights)}, unlike where the plan was made; see `stbench doctor`"
    elif here["encoder"] != there["encoder"]:
        what = f"other weights of encoder {prepared.design.encoder} than the plan was made with"
    elif kind != stored.asked.get("device"):
        what = f"{kind} to run on and the plan is for {stored.asked.get('device')}; leave --device out"
    else:
        what = "another version of something than the plan was made with"
    return f"This machine has {what}, or make the plan anew with `stbench plan`."


def _differing(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """The names that do not mean the same on both sides."""
    return sorted(name for name in {*there, *here} if there.get(name) != here.get(name))

"""A suite and what was typed beside it: contradictions are refused, all that the suite leaves open passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stbench.commands.suites import Suite, canonical
from stbench.errors import UsageError


def apply(suite: Suite, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a run under a suite, by their names.

    given   the options that were typed, as text or as values; None stands for one that was not
    Returns what the suite fixes (slides and seeds as tuples) and, of `given`, what it leaves open (methods, workers,
    out, device, ...). UsageError where a typed option says something else than the suite, where the encoder's weights
    at hand are not the suite's, or where the folder of a path: data set is not said.
    """
    fixed = suite.options
    typed = {option: value for option, value in given.items() if value is not None}
    for option in typed.keys() & fixed.keys():
        _refuse_contradiction(suite, option, typed[option], fixed[option])
    if ":" in suite.dataset:
        if "dataset" not in typed:
            raise UsageError(
                f"Suite {suite.label} is on {suite.dataset}: say where that folder lies, with --dataset path:DIR."
            )
        fixed["dataset"] = typed["dataset"]
    check_weights(suite)
    return {**typed, **fixed}


def _refuse_contradiction(suite: Suite, option: str, typed: Any, fixed: Any) -> None:
    if fixed is not None and canonical(option, typed) == canonical(option, fixed):
        return
    name = f"--{option.replace('_', '-')}"
    states = f"{name} {_shown(fixed)}" if fixed is not None else f"no {name}"
    raise UsageError(
        f"{name} {_shown(typed)} contradicts suite {suite.label}, which fixes {states}; leave out the option, or "
        "--suite."
    )


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def check_weights(suite: Suite) -> None:
    """UsageError where the encoder's weights at hand have another hash than the suite's."""
    from stbench.preprocess.encoders import encoder_label

    name, _, stated = suite.encoder.partition("@")
    found = encoder_label(name).rpartition("@")[2]
    if found != stated:
        raise UsageError(
            f"Suite {suite.label} fixes encoder {suite.encoder}, and the weights of {name} at hand are {found}; take "
            "the version of stbench and of the weights that the suite was made with, or run without --suite."
        )

"""A method's defaults, and whether it takes the settings that it is to be given, asked of a sealed child."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from stbench.contract import Method
from stbench.errors import PluginError, UsageError
from stbench.evaluation.trials.child import Loading, Task, Voice
from stbench.evaluation.trials.conduct import build
from stbench.evaluation.trials.launcher import Errand, TrialFailed, run_in_child
from stbench.evaluation.trials.plugins import PluginPlace

_TASK = f"{__name__}:look_at"
# Nobody waits for a plugin that hangs while it is imported.
_TIME_LIMIT = 300.0


class Description(NamedTuple):
    """A method's defaults by name, and in a sentence what is wrong with a setting ("" for nothing)."""

    defaults: Mapping[str, Any]
    problem: str


def describe(
    plugin: PluginPlace,
    points: Sequence[Mapping[str, Any]] = (),
    given: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    light: bool = False,
) -> Description:
    """Ask a sealed child; PluginError where the plugin does not load.

    points  settings that the method will be built with;  given  those that were set by hand
    light   the plugin trains no network
    """
    work = {
        "name": plugin.name,
        "points": [dict(p) for p in points],
        "given": dict(given or {}),
        "epochs": epochs,
    }
    try:
        value = run_in_child(Errand(_TASK, plugin, work, light=light, time_limit=_TIME_LIMIT)).value
    except TrialFailed as error:
        if error.kind == "plugin":
            raise PluginError(str(error)) from error
        raise PluginError(f"Plugin {plugin.name} does not load: {error}.") from error
    return Description(dict(value["defaults"]), str(value["problem"]))


@cache
def defaults_of(plugin: PluginPlace) -> Mapping[str, Any]:
    """A method's defaults, asked once; PluginError where it does not load."""
    return describe(plugin).defaults


def look_at(work: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Task:
    """The child's side of `describe`."""

    def task(load: Loading, voice: Voice) -> tuple[Any, Sequence[np.ndarray]]:
        method_class = load()
        defaults = {name: _plain(value) for name, value in method_class.defaults().items()}
        try:
            _check(method_class, work)
            problem = ""
        except UsageError as error:
            problem = str(error)
        return {"defaults": defaults, "problem": problem}, []

    return task


def _plain(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return str(type(value).__name__)


def _check(method_class: type[Method], work: Mapping[str, Any]) -> None:
    """UsageError for an unknown setting, or a value that the method does not take."""
    given, name = work["given"], work["name"]
    method_class.check_settings(given)
    _check_kinds(name, given, method_class.defaults())
    for point in work["points"]:
        method_class.check_settings(point)
        try:
            build(method_class, point, work["epochs"])
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
        except Exception:  # whatever else goes wrong becomes the row of who meets it
            continue


def _check_kinds(method: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """UsageError for a setting whose value is of another kind than its default: a text for a number, say."""
    for name, value in given.items():
        default = defaults[name]
        if value is not None and default is not None and _kind(value) != _kind(default):
            raise UsageError(
                f"--set {method}.{name}={value} is {_kind(value)}; it must be {_kind(default)}, such as {default}."
            )


def _kind(value: Any) -> str:
    kinds = ((bool, "true or false"), ((int, float), "a number"), (str, "a text"), ((list, tuple), "a list"))
    return next((kind for types, kind in kinds if isinstance(value, types)), "a mapping")

"""Hyperparameters in their range: a method calls these at the end of `__init__`, so that no fit starts out of it.

Each check raises UsageError in one sentence: the hyperparameter's name, what it is, and what it must be. `none` is
what None stands for, in words, where None is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

from stbench.contract import Method
from stbench.errors import UnknownName, UsageError


def check_whole(method: Method, least: int, *names: str, none: str = "") -> None:
    """Whole numbers of at least `least`."""
    wanted = f"a whole number of at least {least}"
    _check(method, names, wanted, lambda value: isinstance(value, int) and value >= least, none)


def check_positive(method: Method, *names: str, none: str = "") -> None:
    """Finite numbers above 0."""
    _check(method, names, "positive", lambda value: value > 0, none)


def check_not_negative(method: Method, *names: str, none: str = "") -> None:
    """Finite numbers of at least 0."""
    _check(method, names, "at least 0", lambda value: value >= 0, none)


def check_share(method: Method, *names: str, below_one: bool = False) -> None:
    """Numbers from 0 to 1; `below_one` excludes 1, at which dropout would leave nothing."""
    wanted = "at least 0 and below 1" if below_one else "between 0 and 1"
    _check(method, names, wanted, lambda value: 0 <= value <= 1 and not (below_one and value == 1))


def check_multiple(method: Method, name: str, of: int, what: str = "") -> None:
    """A multiple of `of`; `what` these are, in a word."""
    wanted = f"a multiple of {of} {what}".rstrip()
    _check(method, (name,), wanted, lambda value: value % of == 0)


def check_choice(method: Method, name: str, choices: Collection[str]) -> None:
    """One of the names; UnknownName otherwise."""
    value = getattr(method, name)
    if value not in choices:
        raise UnknownName(name, str(value), choices)


def _check(
    method: Method, names: Collection[str], wanted: str, is_right: Callable[[Any], bool], none: str = ""
) -> None:
    alternative = f", or None for {none}" if none else ""
    for name in names:
        value = getattr(method, name)
        if value is None and none:
            continue
        if not (_is_finite_number(value) and is_right(value)):
            raise UsageError(f"{name} is {value}; it must be {wanted}{alternative}.")


def _is_finite_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)

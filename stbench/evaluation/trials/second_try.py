"""A trial whose process was killed from outside is tried once more: that says nothing about its method."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stbench.evaluation.trials.launcher import KILLED, TrialFailed

Result = TypeVar("Result")


def tried_twice(attempt: Callable[[], Result]) -> Result:
    """What `attempt` comes to, from the start again where its child was killed (by kill -9, or for want of memory).

    One that kills itself does so again, and fails with its reason.
    """
    try:
        return attempt()
    except TrialFailed as error:
        if error.kind != KILLED:
            raise
    return attempt()

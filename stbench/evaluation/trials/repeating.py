"""Work on a CUDA device that comes out the same each time, as far as torch can; what it cannot is named."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from stbench.evaluation.devices import kind_of

Result = TypeVar("Result")
# Of the largest prediction: what two fits of a method that cannot be made repeatable on CUDA may differ by.
TOLERANCE = 2e-2
_NOT_REPEATABLE = "not repeatable on CUDA: no deterministic "


@contextlib.contextmanager
def on_device(device: str) -> Iterator[None]:
    """Whatever asks for "cuda" without a number gets this card inside, and is measured there."""
    import torch

    # Where there is none, the method says so itself.
    if kind_of(device) != "cuda" or not torch.cuda.is_available():
        yield
        return
    torch.cuda.init()
    with torch.cuda.device(device):
        yield


def done_repeatably(work: Callable[[], Result], device: str) -> tuple[Result, list[str]]:
    """The result of `work`, and on CUDA the operations in it that torch has no deterministic algorithm for.

    There it is done with deterministic algorithms alone. Where an operation has none, which shows at its first use,
    it is done again from the start with what there is: then attention, too, takes an algorithm that is not.
    """
    if kind_of(device) != "cuda":
        return work(), []
    from stbench.nn.determinism import deterministic, lacking_heard, operation_lacking

    try:
        with deterministic("cuda"):
            return work(), []
    except RuntimeError as error:
        first = operation_lacking(str(error))
        if not first:
            raise
    with deterministic("cuda", or_warn=True), lacking_heard() as operations:
        result = work()
    return result, list(dict.fromkeys([first, *operations]))


def only_warned_now(device: str) -> bool:
    """Whether what is being done on a CUDA device has an operation that cannot be repeated, and goes on with it."""
    if kind_of(device) != "cuda":
        return False
    import torch

    return torch.is_deterministic_algorithms_warn_only_enabled()


def note_on(operations: Sequence[str]) -> tuple[str, ...]:
    """A sentence for the row of a method that cannot be made repeatable, none of one that can."""
    return (_NOT_REPEATABLE + ", ".join(operations),) if operations else ()


def says_not_repeatable(notes: Sequence[str]) -> str:
    """The sentence among a trial's notes that says that it cannot be repeated bit for bit; "" where none does."""
    return next((note for note in notes if note.startswith(_NOT_REPEATABLE)), "")


def allowance(difference: float) -> str:
    """In words, a difference of predictions that was allowed for."""
    return f"differences of up to {difference:.1g} of the largest prediction were found, {TOLERANCE:g} is allowed"


def relative_difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of two predictions, over the largest prediction; infinite between other shapes."""
    if np.shape(one) != np.shape(other):
        return np.inf
    largest = max(np.abs(one).max(initial=0.0), np.abs(other).max(initial=0.0))
    return float(np.abs(np.asarray(one) - other).max(initial=0.0) / largest) if largest else 0.0

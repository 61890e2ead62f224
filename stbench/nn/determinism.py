"""Arithmetic that repeats bit for bit: deterministic algorithms where torch has them, and what has none."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Iterator
from typing import Any

import torch

# How torch says that an operation has no deterministic algorithm, or is not set up for one.
_LACKING = (
    r"(.+?) does not have a deterministic implementation",
    r"(.+?) defaults to a non-deterministic algorithm",
    r"this operation is not deterministic because it uses (CuBLAS)",
)
# So much memory of their own for products, which then sum in one order; read when a card is first used.
_WORKSPACE = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@contextlib.contextmanager
def deterministic(kind: str, or_warn: bool = False) -> Iterator[None]:
    """Deterministic algorithms on a kind of device inside; fresh memory is not filled, which costs time.

    or_warn  torch warns where it has none, instead of an error
    On CUDA products and convolutions are of full single precision too, which TF32 is not.
    """
    memory: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    filled = memory.fill_uninitialized_memory
    try:
        torch.use_deterministic_algorithms(True, warn_only=or_warn)
        memory.fill_uninitialized_memory = False
        with _of_a_card() if kind == "cuda" else contextlib.nullcontext():
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)
        memory.fill_uninitialized_memory = filled


@contextlib.contextmanager
def _of_a_card() -> Iterator[None]:
    """What a card's libraries need besides: kernels that are not chosen by racing them, and no TF32."""
    os.environ.setdefault(*_WORKSPACE)
    convolutions: Any = torch.backends.cudnn
    products: Any = torch.backends.cuda.matmul
    wanted = (
        (convolutions, "deterministic", True),
        (convolutions, "benchmark", False),
        (convolutions, "allow_tf32", False),
        (products, "allow_tf32", False),
    )
    before = [getattr(library, name) for library, name, _ in wanted]
    try:
        for library, name, value in wanted:
            setattr(library, name, value)
        yield
    finally:
        for (library, name, _), value in zip(wanted, before, strict=True):
            setattr(library, name, value)


def operation_lacking(words: str) -> str:
    """The operation that torch has no deterministic algorithm for, by its error's or warning's words; "" of others."""
    found = next(filter(None, (re.search(pattern, words) for pattern in _LACKING)), None)
    return found[1].strip() if found else ""


@contextlib.contextmanager
def lacking_heard() -> Iterator[list[str]]:
    """A list that has, once it is left, the operations that torch warned of; other warnings go where they would go."""
    operations: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        for pattern in _LACKING:
            warnings.filterwarnings("default", message=pattern, category=UserWarning)
        yield operations
    for warning in caught:
        operation = operation_lacking(str(warning.message))
        if not operation:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        elif operation not in operations:
            operations.append(operation)

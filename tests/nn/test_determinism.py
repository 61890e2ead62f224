"""Arithmetic that repeats: settings that hold inside and are back afterwards, and what torch says of the rest."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from stbench.contract import FitContext
from stbench.nn.determinism import deterministic, lacking_heard, operation_lacking
from stbench.nn.random_states import random_states, random_states_kept
from stbench.nn.training import seeded


def settings() -> dict[str, Any]:
    """Everything that decides whether arithmetic repeats, and how precise it is."""
    return {
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "only a warning": torch.is_deterministic_algorithms_warn_only_enabled(),
        "convolutions": torch.backends.cudnn.deterministic,
        "raced": torch.backends.cudnn.benchmark,
        "tf32": (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32),
    }


def no_deterministic_way() -> torch.Tensor:
    """An operation that torch has no deterministic algorithm for, on any device."""
    return torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))


@pytest.mark.parametrize("or_warn", [False, True])
def test_a_card_is_set_up_inside_and_left_as_it_was(or_warn: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    before = settings()
    with pytest.raises(ZeroDivisionError), deterministic("cuda", or_warn):
        assert settings() == {
            "deterministic": True,
            "only a warning": or_warn,
            "convolutions": True,
            "raced": False,
            "tf32": (False, False),
        }
        raise ZeroDivisionError
    assert settings() == before


def test_the_cpu_is_an_error_where_it_cannot_repeat():
    with seeded(FitContext()), pytest.raises(RuntimeError, match="deterministic"):
        no_deterministic_way()
    no_deterministic_way()


def test_what_cannot_repeat_is_heard_once_and_other_warnings_pass():
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        with deterministic("cuda", or_warn=True), lacking_heard() as operations:
            for _ in range(3):
                no_deterministic_way()
            warnings.warn("the moon is full", stacklevel=1)
    assert operations == ["put_"]
    assert [str(warning.message) for warning in others] == ["the moon is full"]


@pytest.mark.parametrize(
    ("words", "operation"),
    [
        (
            "cumsum_cuda_kernel does not have a deterministic implementation, but you set",
            "cumsum_cuda_kernel",
        ),
        (
            "Memory Efficient attention defaults to a non-deterministic algorithm. To explicitly",
            "Memory Efficient attention",
        ),
        (
            "but this operation is not deterministic because it uses CuBLAS and you have CUDA >= 10.2.",
            "CuBLAS",
        ),
        ("CUDA out of memory.", ""),
    ],
)
def test_an_operation_is_named_by_the_words_of_torch(words: str, operation: str):
    assert operation_lacking(words) == operation


def test_random_states_are_back_on_the_cpu():
    device = torch.device("cpu")
    before = random_states(device)["torch"]
    with random_states_kept(device):
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)

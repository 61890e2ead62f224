"""Work that is to repeat on a GPU: with deterministic algorithms alone, else again with a note of what has none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stbench.evaluation.trials.repeating import (
    done_repeatably,
    note_on,
    on_device,
    relative_difference,
    says_not_repeatable,
)


def test_what_can_be_repeated_is_done_once_with_deterministic_algorithms_alone():
    modes = []

    def work() -> int:
        modes.append(torch.is_deterministic_algorithms_warn_only_enabled())
        assert torch.are_deterministic_algorithms_enabled()
        return 7

    assert done_repeatably(work, "cuda:1") == (7, [])
    assert modes == [False]
    assert not torch.are_deterministic_algorithms_enabled()


def test_what_cannot_is_begun_anew_and_named():
    begun = []

    def work() -> float:
        begun.append(None)
        return torch.zeros(3).put_(torch.tensor([0]), torch.tensor([1.0])).sum().item()

    assert done_repeatably(work, "cuda") == (1.0, ["put_"])
    assert len(begun) == 2


def test_errors_of_other_kinds_pass():
    def work() -> None:
        begun.append(None)
        raise RuntimeError("CUDA out of memory. Tried to allocate 500.00 GiB.")

    begun: list[None] = []
    with pytest.raises(RuntimeError, match="out of memory"):
        done_repeatably(work, "cuda")
    assert len(begun) == 1


def test_other_devices_are_left_alone():
    with on_device("cpu"):
        assert done_repeatably(torch.are_deterministic_algorithms_enabled, "cpu") == (False, [])


def test_a_row_says_what_cannot_be_repeated():
    (note,) = note_on(["cumsum_cuda_kernel", "put_"])
    assert note == "not repeatable on CUDA: no deterministic cumsum_cuda_kernel, put_"
    assert says_not_repeatable(["12 optimiser steps.", note]) == note
    assert says_not_repeatable(["12 optimiser steps."]) == "" and note_on([]) == ()


def test_two_predictions_differ_by_a_share_of_the_largest():
    one = np.array([[0.0, -4.0], [1.0, 2.0]])
    assert relative_difference(one, one) == 0.0
    assert relative_difference(one, one + np.array([[0.0, 0.0], [0.0, 0.04]])) == pytest.approx(0.01)
    assert relative_difference(np.zeros((2, 2)), np.zeros((2, 2))) == 0.0
    assert relative_difference(one, one[:1]) == np.inf

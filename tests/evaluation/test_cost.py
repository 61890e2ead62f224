"""Operations of attention against products by hand: fused kernels and explicit products, forward and backward."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import flop_counter

from stbench.evaluation.cost import counting, operations

BATCH, HEADS, QUERIES, KEYS, WIDTH = 2, 3, 5, 7, 8
PRODUCT = 2 * BATCH * HEADS * QUERIES * KEYS * WIDTH
FORWARD = 2 * PRODUCT  # the scores, and the values that they weigh
FUSED_BACKWARD = 5 * PRODUCT  # the scores again; the gradients of the weights, values, queries and keys
EXPLICIT_BACKWARD = 4 * PRODUCT  # the scores were kept
FUSED = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward,
}


def drawn(tokens: int, heads: int = HEADS, device: str = "cpu") -> Tensor:
    return torch.randn(BATCH, heads, tokens, WIDTH, device=device, requires_grad=True)


def counted(work: Callable[[], object]) -> tuple[int, set[Any]]:
    """The operations of `work`, and which operators they were counted for."""
    with counting() as counter:
        work()
    return counter.get_total_flops(), set(counter.get_flop_counts().get("Global", {}))


def explicit(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.mT / WIDTH**0.5).softmax(-1) @ value


def unfused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    with sdpa_kernel(SDPBackend.MATH):
        return F.scaled_dot_product_attention(query, key, value)


def test_a_fused_kernel_counts_as_by_hand():
    query, key, value = drawn(QUERIES), drawn(KEYS), drawn(KEYS)
    work = partial(F.scaled_dot_product_attention, query, key, value)
    forward, operators = counted(work)
    assert forward == FORWARD and operators <= FUSED
    backward, operators = counted(work().sum().backward)
    assert backward == FUSED_BACKWARD == 2.5 * FORWARD and operators <= FUSED
    with torch.no_grad():
        assert operations(work) == FORWARD


@pytest.mark.parametrize("attend", [explicit, unfused])
def test_an_explicit_product_counts_as_by_hand(attend: Callable[[Tensor, Tensor, Tensor], Tensor]):
    query, key, value = drawn(QUERIES), drawn(KEYS), drawn(KEYS)
    work = partial(attend, query, key, value)
    forward, operators = counted(work)
    assert forward == FORWARD and not operators & FUSED
    assert counted(work().sum().backward)[0] == EXPLICIT_BACKWARD
    with torch.no_grad():
        assert operations(work) == FORWARD


@pytest.mark.parametrize(
    "kernel", ["flash_attention_for_cpu", "flash_attention", "efficient_attention", "cudnn_attention"]
)
def test_the_kernels_of_a_gpu_count_as_those_of_the_cpu(kernel: str):
    """The formulas that the counter goes by, asked without the kernels."""
    aten = torch.ops.aten
    query, key, value = drawn(QUERIES), drawn(KEYS), drawn(KEYS)
    with counting() as counter:
        formulas = counter.flop_registry
    forward = formulas[getattr(aten, f"_scaled_dot_product_{kernel}")]
    assert forward(query, key, value, out_val=None) == FORWARD
    backward = formulas[getattr(aten, f"_scaled_dot_product_{kernel}_backward")]
    assert backward(query, query, key, value, out_val=None) == FUSED_BACKWARD


def test_shared_keys_count_for_every_query_that_meets_them():
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    query, key, value = (drawn(n, heads, "meta") for n, heads in ((QUERIES, 4), (KEYS, 2), (KEYS, 2)))
    with torch.no_grad():
        assert counted(partial(kernel, query, key, value))[0] == FORWARD * 4 // HEADS


def test_what_torch_counts_itself_counts_once(monkeypatch: pytest.MonkeyPatch):
    """From 2.15 on its registry has the kernels of the CPU."""
    own = {flop: flop_counter.shape_wrapper(lambda *shapes, **rest: 10**9) for flop in FUSED}
    monkeypatch.setattr(flop_counter, "flop_registry", {**flop_counter.flop_registry, **own})
    query, key, value = drawn(QUERIES), drawn(KEYS), drawn(KEYS)
    assert counted(lambda: F.scaled_dot_product_attention(query, key, value).sum().backward())[0] == (
        FORWARD + FUSED_BACKWARD
    )


COUNTED = """
import sys, torch
from stbench.evaluation.cost import operations
print(operations(lambda: torch.ones(2, 3) @ torch.ones(3, 4)), "torch._dynamo" in sys.modules)
"""


def test_counting_does_not_load_the_compiler():
    """Two seconds of every trial of a method that trains no network, whose process is forked without it."""
    done = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["48.0", "False"]

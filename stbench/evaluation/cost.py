"""What a piece of work costs: wall seconds, peak memory, floating-point operations."""

from __future__ import annotations

import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

from stbench.evaluation.devices import kind_of

if TYPE_CHECKING:
    from torch.utils.flop_counter import FlopCounterMode

Result = TypeVar("Result")
_SAMPLE_SECONDS = 0.02


@dataclass
class Cost:
    """Wall seconds; peak resident memory of the process and peak memory of the GPU in MB (None without one)."""

    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    peak_gpu_memory_mb: float | None = None


def measured(work: Callable[[], Result], device: str = "cpu") -> tuple[Result, Cost]:
    """The result of `work` and what it cost; memory is sampled every 20 ms, that of a CUDA device is its process's.

    Of a card's memory everything counts that torch took, what it keeps for later too: others cannot have it.
    """
    process, cost, done = psutil.Process(), Cost(), threading.Event()

    def watch() -> None:
        while True:
            cost.peak_memory_mb = max(cost.peak_memory_mb, process.memory_info().rss / 1e6)
            if done.wait(_SAMPLE_SECONDS):
                return

    cuda = _cuda() if kind_of(device) == "cuda" else None
    if cuda:
        cuda.init()
        cuda.reset_peak_memory_stats(device)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    started = time.perf_counter()
    try:
        result = work()
        if cuda:
            cuda.synchronize(device)
    finally:
        cost.seconds = time.perf_counter() - started
        done.set()
        watcher.join()
    if cuda:
        cost.peak_gpu_memory_mb = cuda.max_memory_reserved(device) / 1e6
    return result, cost


def operations(work: Callable[[], object]) -> float | None:
    """Floating-point operations counted in `work`; None where none are counted (no network)."""
    if "torch" not in sys.modules:
        return None
    with counting() as counter:
        work()
    return float(counter.get_total_flops()) or None


@contextlib.contextmanager
def counting() -> Iterator[FlopCounterMode]:
    """A counter of the floating-point operations inside, forward and backward, a multiply-add counted as two.

    Counted are matrix products, convolutions, attention and LSTMs. Not counted are elementwise work, products of a
    matrix and a vector, `cdist`, most kinds of sparse products, and whatever is not done by torch.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    _spare_the_compiler()
    # The counter has no formula for fused attention layers, but for all that they are made of.
    mha: Any = torch.backends.mha
    fused = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        counter = FlopCounterMode(display=False, custom_mapping=_formulas())
        counter.mod_tracker = _NoModules()  # type: ignore[assignment]
        with counter:
            yield counter
    finally:
        mha.set_fastpath_enabled(fused)


def _spare_the_compiler() -> None:
    """Let the counter count without torch's compiler, two seconds to load, which it would shield itself from.

    Nothing is compiled here. A counter of another build is left as it is.
    """
    from torch.utils import flop_counter

    dispatch = getattr(getattr(flop_counter, "_FlopCounterMode", None), "__torch_dispatch__", None)
    shielded = getattr(dispatch, "__wrapped__", None)
    if shielded is not None and "torch._dynamo" not in sys.modules:
        shielded.__dynamo_disable = shielded


class _NoModules:
    """In place of the counter's record of modules, whose hooks keep activations that are to be recomputed."""

    parents = frozenset({"Global"})

    def __enter__(self) -> _NoModules:
        return self

    def __exit__(self, *error: object) -> None:
        return None


def _formulas() -> dict[Any, Callable[..., int]]:
    """Formulas that torch's counter lacks or has wrong, by operator."""
    import torch

    aten = torch.ops.aten
    return {
        aten.mm: _product,
        aten.convolution_backward: _convolution_backward,
        aten.mkldnn_rnn_layer: _lstm_layer,
        aten.mkldnn_rnn_layer_backward: lambda *shapes, **rest: 2 * _lstm_layer(*shapes),
        aten._cudnn_rnn: _recurrent_layers,
        aten._cudnn_rnn_backward: lambda *shapes, **rest: 2 * _recurrent_layers(*shapes),
        # Torch counts those of the CPU from 2.15 on, and not yet in 2.4 those of cuDNN; these replace its own.
        aten._scaled_dot_product_flash_attention_for_cpu: _fused_attention,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: _fused_attention_backward,
        aten._scaled_dot_product_cudnn_attention: _fused_attention,
        aten._scaled_dot_product_cudnn_attention_backward: _fused_attention_backward,
    }


def _product(a: Any, b: Any, *rest: Any, **more: Any) -> int:
    """(n, k) @ (k, m); of a sparse matrix, its stored entries only, where torch counts all."""
    import torch

    sparse, other = (a, b.shape[1]) if a.layout != torch.strided else (b, a.shape[0])
    if sparse.layout == torch.strided:
        return 2 * a.shape[0] * a.shape[1] * b.shape[1]
    return 2 * sparse._nnz() * other


_product._get_raw = True  # type: ignore[attr-defined]  # torch hands it tensors, not their shapes


def _convolution_backward(
    gradient: Sequence[int], x: Sequence[int], weight: Sequence[int], *rest: Any, **more: Any
) -> int:
    """As much as the forward convolution for each of input and weight; torch multiplies the latter by the groups."""
    from torch.utils.flop_counter import conv_flop_count

    transposed, output_mask = rest[4], rest[7]
    forward = conv_flop_count(list(x), list(weight), list(gradient), transposed=transposed)
    return forward * (bool(output_mask[0]) + bool(output_mask[1]))


def _lstm_layer(
    x: Sequence[int], input_weight: Sequence[int], hidden_weight: Sequence[int], *rest: Any, **more: Any
) -> int:
    """One direction of an LSTM layer on the CPU: both weights, once for each step and row of the batch."""
    return _recurrent_layers(x, [input_weight, hidden_weight])


def _recurrent_layers(x: Sequence[int], weights: Sequence[Sequence[int]], *rest: Any, **more: Any) -> int:
    """All layers and directions of a recurrent network on the GPU; its biases are not matrices."""
    entries = sum(math.prod(weight) for weight in weights if len(weight) == 2)
    return 2 * math.prod(x[:-1]) * entries


def _fused_attention(
    query: Sequence[int], key: Sequence[int], value: Sequence[int], *rest: Any, **more: Any
) -> int:
    """Every head's scores and its sums of values; masked scores count too, as torch counts the kernels of a GPU."""
    scores = math.prod(query[:-1]) * key[-2]
    return 2 * scores * (query[-1] + value[-1])


def _fused_attention_backward(
    gradient: Sequence[int],
    query: Sequence[int],
    key: Sequence[int],
    value: Sequence[int],
    *rest: Any,
    **more: Any,
) -> int:
    """Four products as without a fused kernel, and the scores again, since it does not keep them."""
    scores = math.prod(query[:-1]) * key[-2]
    return 2 * scores * (3 * query[-1] + 2 * value[-1])


def _cuda() -> Any:
    """torch.cuda where a GPU is there, else None."""
    import torch

    return torch.cuda if torch.cuda.is_available() else None

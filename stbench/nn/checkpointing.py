"""Stages of a network whose activations are dropped and computed again on the way back.

What whole-slide training of thousands of spots needs to fit one accelerator: memory of one stage at a time, for
a second forward pass. Gradients are the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def run_stage(stage: nn.Module, *inputs: Tensor, recompute: bool = False) -> Tensor:
    """`stage(*inputs)`; with `recompute` only the inputs are kept for the backward pass.

    The second pass draws the same dropout and leaves the running statistics of batch normalisation alone, so that
    they see each batch once.
    """
    if not recompute:
        return stage(*inputs)
    again = lambda: (contextlib.nullcontext(), _statistics_kept(stage))  # noqa: E731 - the form checkpoint wants
    return checkpoint(stage, *inputs, use_reentrant=False, context_fn=again)


@contextlib.contextmanager
def _statistics_kept(stage: nn.Module) -> Iterator[None]:
    """Batch normalisation inside does not move its running statistics.

    A momentum of 0 does that and keeps the same tensors for the backward pass, which the second pass must.
    """
    norms = [layer for layer in stage.modules() if isinstance(layer, _BatchNorm)]
    kept = [(layer.momentum, layer.num_batches_tracked) for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
        layer.num_batches_tracked = None
    try:
        yield
    finally:
        for layer, (momentum, batches) in zip(norms, kept, strict=True):
            layer.momentum, layer.num_batches_tracked = momentum, batches

"""The training loop that neural methods share: seeds, device, precision, epochs, checkpoints, progress.

A method's fit is a few lines:

    with seeded(context) as generator:
        network = Network(...).to(generator.device)
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)

        def losses(epoch):                       # the losses of one epoch, one optimiser step each
            for spots in shuffled_batches(n, 128, generator):
                yield mse_loss(network(patches[spots]), expression[spots])

        return train(network, optimiser, losses, epochs, context, Checkpoints(predict, queries, checkpoints))

What happens once an epoch (a learning-rate schedule, say) stands in `losses`, before or after its loop. There
is no early stopping: the runner chooses the epoch by what was predicted at checkpoints. Where a publication has a
stopping rule of its own on training spots, `own_loss` keeps the weights of the epoch at which it was lowest.

A training may run in stages, in different processes, as the context says, and ends up bit for bit where one without
stages does. For this a stage's fit does all again that stands before `train`, which then puts the kept state in place.
What has a state of its own that epochs change, besides network and optimiser, is named to `train` in `also`.
"""

from __future__ import annotations

import contextlib
import copy
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from stbench.contract import FitContext, FitReport, ParameterCount
from stbench.errors import MethodError, UsageError
from stbench.nn.determinism import deterministic
from stbench.nn.random_states import random_states_kept
from stbench.nn.staging import Progress, Stages, Stateful, check_tensors
from stbench.slide import QuerySlide

# The generator that the innermost `seeded` gave, from which batches are drawn.
_generator: ContextVar[torch.Generator | None] = ContextVar("generator", default=None)


class Checkpoints(NamedTuple):
    """What is handed over after each of `epochs` (1, 2, ...): what `predict` gives for each of `slides`."""

    predict: Callable[[QuerySlide], np.ndarray]
    slides: Sequence[QuerySlide] = ()
    epochs: Sequence[int] = ()

    def include(self, epoch: int) -> bool:
        """Whether something is to be predicted after that epoch."""
        return bool(self.slides) and epoch in self.epochs

    def predictions(self) -> list[np.ndarray]:
        """The predictions of today's weights, in the order of the slides."""
        return [self.predict(slide) for slide in self.slides]


class _BestWeights:
    """The network's weights of the epoch at which `loss`, a method's own, was lowest."""

    def __init__(self, network: nn.Module, loss: Callable[[], float]):
        self.network, self.loss = network, loss
        self.lowest, self.epoch, self.state = math.inf, 0, copy.deepcopy(network.state_dict())

    def update(self, epoch: int) -> None:
        """Today's weights are the best where the loss is lower than ever."""
        loss = self.loss()
        if loss < self.lowest:
            self.lowest, self.epoch, self.state = loss, epoch + 1, copy.deepcopy(self.network.state_dict())

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The network has the best weights inside, and those of today again afterwards."""
        today = copy.deepcopy(self.network.state_dict())
        self.network.load_state_dict(self.state)
        try:
            yield
        finally:
            self.network.load_state_dict(today)

    def restore(self) -> str:
        """Give the network the best weights; returns which they are, for the result's row."""
        self.network.load_state_dict(self.state)
        return f"The method's own rule kept the weights of epoch {self.epoch}."

    def state_dict(self) -> dict[str, Any]:
        """What later epochs are compared with, and the weights to keep if none is better."""
        return {"lowest": self.lowest, "epoch": self.epoch, "weights": self.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        check_tensors("best weights", state["weights"], self.state)
        self.lowest, self.epoch = state["lowest"], state["epoch"]
        self.state.update(
            {name: value.to(self.state[name].device) for name, value in state["weights"].items()}
        )


def train(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    losses: Callable[[int], Iterable[Tensor]],
    epochs: int,
    context: FitContext,
    checkpoints: Checkpoints | None = None,
    accumulate: int = 1,
    mixed_precision: bool = False,
    own_loss: Callable[[], float] | None = None,
    also: Mapping[str, Stateful] | None = None,
) -> FitReport:
    """Train `network` for `epochs` epochs, and hand predictions for the queries to the context at the checkpoints.

    losses           called with the epoch (0, 1, ...); yields scalar losses, each computed when it is asked for
    accumulate       so many losses are averaged into one optimiser step; a shorter last group counts as a step
    mixed_precision  losses are computed under bfloat16 autocast
    own_loss         a stopping rule of the method's own: called after each epoch, in eval mode without gradients; the
                     weights at which it was lowest are kept, and a checkpoint's predictions are those weights'
    also             what else epochs change, by name: learning-rate schedules, moving averages, teachers, scalers
    Queries are predicted in eval mode, and the random state is left alone, so that a fit without queries follows the
    same path. The network's mode is restored at the end. Where the context stops or resumes the training, only the
    epochs of this stage are trained and handed over; the report is of the training so far.
    Raises MethodError for a loss that is not finite, for an epoch without a loss, and for a state to resume from that
    is not of this training.
    """
    if epochs < 0:
        raise UsageError(f"epochs is {epochs}; it must be 0 or more.")
    device = device_of(context)
    was_training = network.training
    best = _BestWeights(network, own_loss) if own_loss else None
    parts = _parts(network, optimiser, best, also or {})
    stages = Stages(parts, epochs, context, device, _generator.get())
    progress = stages.begin()
    optimiser.zero_grad(set_to_none=True)
    for epoch in range(progress.epochs, stages.last_epoch(progress)):
        network.train()
        epoch_losses = _under_autocast(losses(epoch), device, mixed_precision)
        trained = _train_epoch(optimiser, epoch_losses, accumulate, f"epoch {epoch + 1} of {epochs}")
        progress = progress.after(*trained)
        with evaluating(network), random_states_kept(device):
            _after_epoch(epoch, context, checkpoints, best)
        if context.progress:
            context.progress(epoch + 1, epochs)
    network.train(was_training)
    stages.end(progress)
    return _report(progress, best)


def _parts(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    best: _BestWeights | None,
    also: Mapping[str, Stateful],
) -> dict[str, Stateful]:
    """All that has a state, by name; what the plugin names cannot be taken for the others."""
    parts: dict[str, Stateful] = {"network": network, "optimiser": optimiser}
    if best:
        parts["best weights"] = best
    if taken := parts.keys() & also.keys():
        raise MethodError(f"`also` names {min(taken)!r}, which `train` itself keeps; choose another name.")
    return {**parts, **also}


def _after_epoch(
    epoch: int, context: FitContext, checkpoints: Checkpoints | None, best: _BestWeights | None
) -> None:
    """The method's own rule has its look, and predictions are handed over where the epoch is a checkpoint."""
    if best:
        best.update(epoch)
    if checkpoints and context.hand_over and checkpoints.include(epoch + 1):
        with best.in_place() if best else contextlib.nullcontext():
            context.hand_over(epoch + 1, checkpoints.predictions())


def _report(progress: Progress, best: _BestWeights | None) -> FitReport:
    """The report of the training so far, after the network was given the best weights if there is a rule for them."""
    notes = (best.restore(),) if best else ()
    return FitReport(losses=progress.losses, epochs=progress.epochs, steps=progress.steps, notes=notes)


def _train_epoch(
    optimiser: torch.optim.Optimizer, losses: Iterable[Tensor], accumulate: int, name: str
) -> tuple[int, float]:
    """One epoch: a gradient for each loss, a step for each `accumulate` of them; returns steps and mean loss."""
    pending = steps = 0
    values: list[float] = []
    for loss in losses:
        value = loss.item()
        values.append(value)
        if not math.isfinite(value):
            raise MethodError(f"The training loss was {value} in {name}; a smaller learning rate may help.")
        (loss / accumulate if accumulate > 1 else loss).backward()
        pending += 1
        if pending == accumulate:
            _step(optimiser)
            pending, steps = 0, steps + 1
    if pending:
        _step(optimiser, scale=accumulate / pending)
        steps += 1
    if steps == 0:
        raise MethodError(f"There was nothing to train on in {name}: the training slides gave no batch.")
    return steps, math.fsum(values) / len(values)


def _step(optimiser: torch.optim.Optimizer, scale: float = 1.0) -> None:
    """Step on the gathered gradients, times `scale`, and drop them."""
    if scale != 1.0:
        for group in optimiser.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.mul_(scale)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def _under_autocast(losses: Iterable[Tensor], device: torch.device, enabled: bool) -> Iterator[Tensor]:
    """The same losses, computed under bfloat16 autocast; their gradients are not."""
    iterator = iter(losses)
    while True:
        with torch.autocast(device.type, torch.bfloat16, enabled=enabled):
            loss = next(iterator, None)
        if loss is None:
            return
        yield loss


def adam(network: nn.Module, learning_rate: float, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """Adam over all parameters; weight decay is part of the gradient."""
    return torch.optim.Adam(
        network.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=_may_fuse(network)
    )


def adamw(network: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """Adam over all parameters; weight decay is apart from the gradient."""
    return torch.optim.AdamW(
        network.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=_may_fuse(network)
    )


def _may_fuse(network: nn.Module) -> bool:
    """One pass over each parameter instead of one an operation, which MPS lacks."""
    return not next(network.parameters()).is_mps


def count_parameters(network: nn.Module | None) -> ParameterCount:
    """What a network holds, none before fit: parameters that it learns, and those plus the frozen ones."""
    parameters = [] if network is None else list(network.parameters())
    return ParameterCount(
        sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        sum(parameter.numel() for parameter in parameters),
    )


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; afterwards the mode is what it was. Predictions are made inside."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)


def shuffled_batches(
    n: int, size: int, generator: torch.Generator, drop_incomplete: bool = False
) -> Iterator[Tensor]:
    """0 to n - 1 in random order, `size` at a time, on the generator's device.

    `drop_incomplete` leaves out a last batch of fewer than `size`, unless it is the only one.
    """
    order = torch.randperm(n, generator=generator, device=generator.device)
    if drop_incomplete and n > size:
        order = order[: n - n % size]
    yield from order.split(size)


def device_of(context: FitContext) -> torch.device:
    """The device that the context names; UsageError where it is not known or not there."""
    name = context.device.partition(":")[0]
    if name not in ("cpu", "cuda", "mps"):
        raise UsageError(f"There is no device named {context.device!r}; there are cpu, cuda and mps.")
    if name != "cpu" and not getattr(torch, name).is_available():
        raise UsageError(f"Device {context.device} was asked for, but torch finds none here; use cpu.")
    return torch.device(context.device)


@contextlib.contextmanager
def seeded(context: FitContext) -> Iterator[torch.Generator]:
    """Draw everything random inside from `context.seed`: python, numpy, torch, and the generator it gives.

    On the CPU only deterministic algorithms run, or it is an error; on CUDA too as far as torch has them, which warns
    where it has none unless the caller asks for an error. Afterwards the caller's random state and settings are back.
    """
    device = device_of(context)
    with random_states_kept(device), _deterministic(device.type):
        random.seed(context.seed)
        np.random.seed(context.seed % 2**32)
        torch.manual_seed(context.seed)
        # A seed of its own, so that what it draws does not repeat the draws of the initial weights.
        generator = torch.Generator(device).manual_seed(int(torch.randint(2**62, ())))
        outer = _generator.set(generator)  # `train` keeps its state between stages
        try:
            yield generator
        finally:
            _generator.reset(outer)


def _deterministic(kind: str) -> contextlib.AbstractContextManager[None]:
    """Deterministic algorithms on that kind of device; on CUDA, a caller who asked for them is asked no more."""
    asked_for = torch.are_deterministic_algorithms_enabled()
    if kind == "mps" or (kind == "cuda" and asked_for):
        return contextlib.nullcontext()
    return deterministic(kind, or_warn=kind == "cuda")

"""What a training's next epoch depends on, gathered when a stage ends and put in place when the next begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from stbench.contract import FitContext
from stbench.errors import MethodError, UsageError
from stbench.nn.random_states import random_states, set_random_states
from stbench.nn.training_state import pack, unpack


class Stateful(Protocol):
    """What can say its state and take it back: networks, optimisers, schedules, gradient scalers."""

    def state_dict(self) -> Mapping[str, Any]: ...

    def load_state_dict(self, state_dict: Any, /) -> Any: ...


class Progress(NamedTuple):
    """Epochs trained so far, the mean loss of each, and the optimiser steps that they took."""

    epochs: int = 0
    losses: tuple[float, ...] = ()
    steps: int = 0

    def after(self, steps: int, loss: float) -> Progress:
        """One epoch further."""
        return Progress(self.epochs + 1, (*self.losses, loss), self.steps + steps)


class Stages(NamedTuple):
    """One training, seen as stages that may run in different processes.

    parts      everything with a state, by name
    epochs     those of the whole training
    generator  the one that `seeded` gave, from which the order of batches is drawn
    """

    parts: Mapping[str, Stateful]
    epochs: int
    context: FitContext
    device: torch.device
    generator: torch.Generator | None

    def begin(self) -> Progress:
        """Put the context's state in place where there is one; MethodError where it is not this training's."""
        if self.context.keep or self.context.resume:
            _check_schedules(self.parts)
        if not self.context.resume:
            return Progress()
        state = unpack(self.context.resume)
        _check_names("It", state, (*self._facts(), *Progress._fields, "states", "random", "generator"))
        self._check_facts(state)
        _check_names("What was trained", state["states"], self.parts)
        for name, part in self.parts.items():
            _load(name, part, state["states"][name])
        if self.generator:
            self.generator.set_state(state["generator"])
        set_random_states(self.device, state["random"])  # last, for what stands above may draw
        return Progress(*(state[field] for field in Progress._fields))

    def last_epoch(self, begun: Progress) -> int:
        """The epoch after which this stage stops; UsageError for one that is over or beyond the training's last."""
        until = self.epochs if self.context.until is None else self.context.until
        if not begun.epochs <= until <= self.epochs:
            raise UsageError(f"until is {until}; it must be from {begun.epochs} to {self.epochs}.")
        return until

    def end(self, progress: Progress) -> None:
        """Hand over the state to go on from, to whoever keeps it."""
        if not self.context.keep:
            return
        states = {name: part.state_dict() for name, part in self.parts.items()}
        generator = self.generator and self.generator.get_state()
        random = random_states(self.device)
        found = {"states": states, "random": random, "generator": generator}
        self.context.keep(pack({**self._facts(), **progress._asdict(), **found}))

    def _facts(self) -> dict[str, Any]:
        """What must be the same in all stages, besides names and shapes."""
        return {"seed": self.context.seed, "device": self.device.type, "epochs in all": self.epochs}

    def _check_facts(self, state: Mapping[str, Any]) -> None:
        for fact, here in self._facts().items():
            if state[fact] != here:
                raise _misfit(f"It was kept with {fact} {state[fact]!r}, but this fit has {here!r}")
        if (state["generator"] is None) != (self.generator is None):
            raise _misfit("Only one of the two trains inside `seeded`")


def _load(name: str, part: Any, state: Mapping[str, Any]) -> None:
    """Give a part its state; MethodError where it does not fit."""
    try:
        if isinstance(part, nn.Module):
            part.load_state_dict(_for_network(name, state, part.state_dict()))
            return
        if isinstance(part, torch.optim.Optimizer):
            _check_groups(name, state["param_groups"], part.param_groups)
        part.load_state_dict(dict(state))
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(". ")
        raise _misfit(f"The {name} did not take what is kept of it ({reason})") from error


def _for_network(name: str, found: Mapping[str, Any], here: dict[str, Any]) -> dict[str, Any]:
    """`here`, a network's own state with what torch notes beside it, holding the values of `found`."""
    check_tensors(name, found, here)
    here.update(found)
    return here


def check_tensors(name: str, found: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """MethodError where a kept state's tensors have other names, shapes or kinds of number than a network's."""
    _check_names(f"The {name}", found, here)
    for key, value in here.items():
        if _form(found[key]) != _form(value):
            raise _misfit(f"The {name} has {key} as {_form(found[key])}, which is {_form(value)} here")


def _check_groups(name: str, found: Iterable[Mapping[str, Any]], here: Iterable[Mapping[str, Any]]) -> None:
    """MethodError where an optimiser's groups have other settings, as those of another kind of optimiser do."""
    for theirs, own in zip(found, here, strict=False):  # how many there are, torch checks
        _check_names(f"The {name}", theirs, own)


def _check_names(whose: str, found: Iterable[str], here: Iterable[str]) -> None:
    found, here = list(found), list(here)
    if lacking := [name for name in here if name not in found]:
        raise _misfit(f"{whose} has no {lacking[0]!r} there, but has one here")
    if surplus := [name for name in found if name not in here]:
        raise _misfit(f"{whose} has {surplus[0]!r} there, but has none here")


def _check_schedules(parts: Mapping[str, Stateful]) -> None:
    """MethodError for a learning-rate schedule whose own state would be forgotten between stages."""
    optimisers = [part for part in parts.values() if isinstance(part, torch.optim.Optimizer)]
    scheduled = any("initial_lr" in group for part in optimisers for group in part.param_groups)
    if scheduled and not any(isinstance(part, LRScheduler | ReduceLROnPlateau) for part in parts.values()):
        raise MethodError(
            "The method cannot be trained in stages: its optimiser has a learning-rate schedule that `train` was not "
            "told of; name it in `also`."
        )


def _form(value: Any) -> str:
    """Kind of number and shape of a tensor, in words."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"


def _misfit(reason: str) -> MethodError:
    return MethodError(
        f"The training state to go on from does not fit this fit: {reason[0].lower()}{reason[1:]}."
    )

"""Devices: what this machine has, which of it a run is given, and how many trials go on each.

"cuda" is every CUDA device that torch sees, "cuda:1" the second of them alone. A result's key holds a device's kind
only: two cards of a kind give what two runs on one of them give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from stbench.errors import UnknownName, UsageError

NAMES = ("auto", "cpu", "cuda", "cuda:N", "mps")
# Of a card's memory, trials may fill so much; what a process takes of it before it has done anything; and beyond so
# many trials a card they wait for each other.
_FILLED, _OF_A_PROCESS_MB, _MOST = 0.9, 600.0, 8


class Card(NamedTuple):
    """A CUDA device as torch names it, "cuda:0" say: its model, and its memory in MB."""

    name: str
    model: str
    memory_mb: float

    def __str__(self) -> str:
        return f"{self.name} ({self.model}, {self.memory_mb / 1000:.0f} GB)"


class Machine(NamedTuple):
    """What there is besides the CPU."""

    cards: tuple[Card, ...] = ()
    mps: bool = False


def this_machine() -> Machine:
    """What torch sees here; CUDA_VISIBLE_DEVICES hides and renumbers cards."""
    import torch

    n_cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    about = [torch.cuda.get_device_properties(number) for number in range(n_cards)]
    cards = (Card(f"cuda:{i}", found.name, found.total_memory / 1e6) for i, found in enumerate(about))
    return Machine(tuple(cards), torch.backends.mps.is_available())


def kind_of(device: str) -> str:
    """ "cuda" of "cuda:1"; the name itself of others."""
    return device.partition(":")[0]


def check_name(device: str) -> None:
    """UnknownName for what is no device's name, whatever this machine has."""
    kind, colon, number = device.partition(":")
    if device not in NAMES[:3] + NAMES[4:] and not (kind == "cuda" and colon and number.isdecimal()):
        raise UnknownName("device", device, NAMES)


def found_on(machine: Machine, device: str) -> str:
    """The device by name, "auto" for the best there is; UsageError for one that is not there."""
    check_name(device)
    if device == "auto":
        return "cuda" if machine.cards else "mps" if machine.mps else "cpu"
    if device == "cpu" or (device == "mps" and machine.mps) or (device == "cuda" and machine.cards):
        return device
    named = f"cuda:{int(device.partition(':')[2])}" if ":" in device else device
    if named in [card.name for card in machine.cards]:
        return named
    there = ", ".join(map(str, machine.cards)) or "no CUDA device"
    if kind_of(device) == "mps":
        raise UsageError("--device mps is not available on this machine; use --device auto.")
    raise UsageError(
        f"--device {device} is not available on this machine: torch sees {there}; use --device auto."
    )


def given_to(device: str, machine: Machine) -> tuple[Card, ...]:
    """The cards that a run on that device works on, none where it uses no CUDA."""
    if kind_of(device) != "cuda":
        return ()
    return tuple(card for card in machine.cards if device in ("cuda", card.name))


def trials_per_card(cards: Sequence[Card], peak_mb: float | None) -> int:
    """As many trials as the smallest card's memory holds of the largest, 1 where nobody has measured one.

    peak_mb  what the largest trial took of a card at its peak; its process takes some more
    """
    if peak_mb is None:
        return 1
    room = min(card.memory_mb for card in cards) * _FILLED
    return max(1, min(_MOST, int(room / (peak_mb + _OF_A_PROCESS_MB))))


def dealt_out(cards: Sequence[Card], workers: int) -> tuple[str, ...]:
    """The device of each worker, card by card in turn; empty without cards."""
    return tuple(cards[number % len(cards)].name for number in range(workers)) if cards else ()


def next_of(dealt: Sequence[str], taken: Sequence[str]) -> str:
    """Of the devices dealt out, the one for the next worker: it has fewer than it should, and the fewest.

    taken  the devices of the workers that there are
    """
    free = Counter(dealt) - Counter(taken)
    return min((device for device in dealt if free[device]), key=taken.count)


def give_back_memory(device: str) -> None:
    """Let other processes have what this one no longer needs of a card's memory."""
    if kind_of(device) == "cuda":
        import torch

        torch.cuda.empty_cache()

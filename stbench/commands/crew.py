"""How many workers a run has, and on which device each one's trials run."""

from __future__ import annotations

from typing import NamedTuple

from stbench.commands.expected import Expected
from stbench.errors import UsageError
from stbench.evaluation.design import Design
from stbench.evaluation.devices import Machine, dealt_out, given_to, kind_of, this_machine, trials_per_card
from stbench.evaluation.threads import cores

# Below this much expected work for each, a further worker's start costs more than it brings.
_SECONDS_A_WORKER = 20.0


class Crew(NamedTuple):
    """The number of workers, and the device of each; the first device is this process's too."""

    workers: int
    devices: tuple[str, ...]


def crew_for(
    design: Design,
    expected: Expected,
    workers: int | None = None,
    per_device: int | None = None,
    machine: Machine | None = None,
) -> Crew:
    """The crew for so much expected work: as asked for, else as many as cores, memory, cards and work allow.

    workers     as asked for, None for as many as pay
    per_device  trials at a time on each CUDA device, None for as many of the largest as its memory holds
    machine     what there is, None for what this machine has
    UsageError where more workers were asked for than these devices may have.
    """
    if per_device is not None and per_device < 1:
        raise UsageError(f"--per-device must be at least 1; found {per_device}.")
    if kind_of(design.device) != "cuda":
        number = workers or workers_for(expected.total, expected.peak_memory_mb, design.threads)
        return Crew(number, (design.device,) * number)
    cards = given_to(design.device, machine or this_machine())
    most = len(cards) * (per_device or trials_per_card(cards, expected.peak_gpu_memory_mb))
    if workers is not None and per_device is not None and workers > most:
        raise UsageError(
            f"--workers {workers} is more than --per-device {per_device} allows on {len(cards)} "
            f"CUDA device{'' if len(cards) == 1 else 's'}; ask for at most {most}, or leave one of the two out."
        )
    number = workers or min(most, workers_for(expected.total, expected.peak_memory_mb, design.threads))
    return Crew(number, dealt_out(cards, number))


def workers_for(seconds: float, peak_memory_mb: float, threads: int = 1) -> int:
    """Workers for so much expected work: as many as cores, where memory holds as many of the largest trial."""
    import psutil

    room = int(psutil.virtual_memory().available / 1e6 / max(peak_memory_mb, 1.0))
    return max(1, min(cores() // threads, room, int(seconds / _SECONDS_A_WORKER)))

"""One method's costs on named slides, measured in a sealed child whose memory no other method has used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from stbench.contract import SlideSource
from stbench.errors import MethodError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.fit_inputs import fit_inputs
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.evaluation.outcome import reason_of
from stbench.evaluation.trials import handouts
from stbench.evaluation.trials.frames import Frame
from stbench.evaluation.trials.launcher import Errand, run_in_child
from stbench.evaluation.trials.stopwatch import Timed, time_trial

_TASK = f"{time_trial.__module__}:{time_trial.__name__}"


@dataclass(frozen=True)
class Trial:
    """A method to be timed: it trains on the slides named `train` and predicts `query`.

    sources       these slides, unread
    epochs_timed  epochs timed after the first; fits, where the method has no epochs
    """

    contestant: Contestant
    design: Design
    sources: tuple[SlideSource, ...]
    train: tuple[str, ...]
    query: str
    threads: int
    epochs_timed: int

    @property
    def fold(self) -> Fold:
        """The slides as a fold of an evaluation."""
        return Fold(self.query, self.train, (self.query,))

    @property
    def timed(self) -> Timed:
        return Timed(dict(self.contestant.settings), self.design.device, self.epochs_timed)

    def materials(self) -> Materials:
        """The slides, to be read when first needed."""
        return Materials(self.design, self.sources, {source.id: source.id for source in self.sources})

    def slides(self, materials: Materials | None = None) -> list[handouts.Handout]:
        """The query, and the slides that train; of `materials` where these are read already."""
        fold, card = (materials or self.materials()).fold(self.fold), self.contestant.card
        return [fold.query_handout(self.query, "query-0", card), *fit_inputs(fold, card, self.train).train]


def measure(
    trial: Trial,
    on_output: Callable[[str], None] = lambda words: None,
    materials: Materials | None = None,
) -> dict[str, Any]:
    """What the trial costs, by the names of `stbench time --json`, and "matrix_gflops", the machine's rate.

    materials  its slides, None where they are still to be read
    For a method that fails there is its reason under "failed" instead.
    """
    rates: list[float] = []

    def hear(frame: Frame) -> None:
        if frame.kind == "matrix_gflops":
            rates.append(float(frame.value))

    try:
        slides, arrays = handouts.packed(trial.slides(materials))
        work = {"slides": slides, "timed": asdict(trial.timed)}
        light = trial.contestant.card.kind == "floor"
        errand = Errand(_TASK, trial.contestant.place, work, arrays, trial.threads, light)
        found = _numbers(run_in_child(errand, hear, on_output).value)
    except Exception as error:
        found = {"failed": reason_of(error)}
    return {**found, **({"matrix_gflops": max(rates)} if rates else {})}


def _numbers(costs: Any) -> dict[str, float | None]:
    """Costs that a child sent, believed only where they are numbers."""
    if not isinstance(costs, dict) or any(type(v) not in (int, float, type(None)) for v in costs.values()):
        raise MethodError("It sent something that is no result.")
    return costs

"""The unit of the inner loop: one fit on an inner fold's training slides, judged at checkpoints.

Its key holds everything that changes a prediction and nothing else, so that whoever needs the same fit again, for
another outer fold, split, seed or list of methods, finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stbench.evaluation.contestant import Contestant
from stbench.evaluation.folds import Fold
from stbench.evaluation.inner_loop import KeptTogether

TUNING_SEED = 0  # whatever seeds are asked for, so that rows of two commands never hold two tunings


@dataclass(frozen=True)
class InnerTrial:
    """One fit of the inner loop.

    points   the settings that it judges, over the method's defaults: the first is trained, the others differ from it
             in what matters at prediction only
    epochs   a bound on the method's own number of epochs
    stage    which stage of its training this is, None for all of it at once
    before   the key of the stage before, "" for none
    """

    key: str
    contestant: Contestant
    fold: Fold
    kept_together: KeptTogether
    points: tuple[Mapping[str, Any], ...]
    epochs: int | None
    stage: int | None = None
    before: str = ""

    @property
    def sweep(self) -> tuple[dict[str, Any], ...]:
        """How the further points differ from the first."""
        first = self.points[0]
        return tuple(
            {name: value for name, value in point.items() if name not in first or first[name] != value}
            for point in self.points[1:]
        )

    def about(self) -> dict[str, Any]:
        """What a person who finds the stored trial wants to know."""
        return {
            "method": self.contestant.name,
            "variant": self.contestant.variant,
            "points": [dict(point) for point in self.points],
            "train": list(self.fold.train),
            "judged": list(self.fold.test),
            "stage": self.stage,
        }


def sharing_a_fit(
    settings: Sequence[Mapping[str, Any]], at_prediction: Sequence[str]
) -> list[tuple[int, ...]]:
    """Which of `settings`, by position, one fit can judge: those that differ in `at_prediction` alone.

    The first of each is the one to train; the others say all of these names that it says, so that nothing has to be
    set back to a default that nobody here knows.
    """
    found: list[list[int]] = []
    for position in sorted(range(len(settings)), key=lambda i: len(settings[i].keys() & set(at_prediction))):
        point = settings[position]
        joined = next((g for g in found if _can_join(point, settings[g[0]], at_prediction)), None)
        if joined is None:
            found.append([position])
        else:
            joined.append(position)
    return sorted(map(tuple, found))


def _can_join(point: Mapping[str, Any], trained: Mapping[str, Any], at_prediction: Sequence[str]) -> bool:
    """Whether a fit with the settings `trained` can judge `point`."""
    names = {name for name in {*point, *trained} if name not in at_prediction}
    alike = all(name in point and name in trained and point[name] == trained[name] for name in names)
    return alike and trained.keys() <= point.keys()

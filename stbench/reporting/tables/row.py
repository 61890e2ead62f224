"""What a leaderboard row holds, as plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SlideResult:
    """One test slide of a row, averaged over seeds; `failed` is None or the reason."""

    slide: str
    patient: str | None
    pcc: float | None
    rmse: float | None
    ari: float | None
    failed: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of a leaderboard; None stands for a value that does not exist.

    kind               "method", "floor", "ceiling" or "published"
    steps              fewest optimiser steps of any fold, None where there are none or nobody recorded them
    published_steps    those of the publication's own training
    steps_unknown      whether it trained for epochs and nobody recorded the steps
    sealed             how far its processes were shut in, the least of all folds; None in rows made before that was so
    audited            what the leakage audit said of this very source, None where nobody asked
    changed            whether the plugin's source is another today than when the row was made
    pcc, rmse, ...     means over patients (over slides where patients are not stated)
    pcc_ci             95 % t interval over patient means
    pcc_seed_sd        standard deviation of pcc over seeds
    fit_seconds        mean over folds, the inner loop not included
    n_constant         genes predicted as a constant, summed over slides (averaged over seeds, rounded up)
    n_failed           folds that failed, over all seeds
    ranked             whether every fold of every seed is finished
    """

    method: str
    kind: str
    variant: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    pcc: float | None = None
    pcc_ci: tuple[float, float] | None = None
    pcc_seed_sd: float | None = None
    pcc_slide_mean: float | None = None
    pcc_null: float | None = None
    pcc_given_depth: float | None = None
    pcc_given_depth_null: float | None = None
    pcc_equal_depth: float | None = None
    pcc_equal_depth_null: float | None = None
    skill: float | None = None
    skill_equal_depth: float | None = None
    rmse: float | None = None
    rmse_log: float | None = None
    ari: float | None = None
    variance_ratio: float | None = None
    structure: float | None = None
    fit_seconds: float | None = None
    predict_seconds_per_1000_spots: float | None = None
    parameters: int | None = None
    steps: int | None = None
    published_steps: int | None = None
    steps_unknown: bool = False
    n_slides: int = 0
    n_patients: int | None = None
    n_folds: int | None = None
    n_failed: int = 0
    n_constant: int | None = None
    leaky: bool = False
    changed: bool = False
    sealed: str | None = None
    audited: str | None = None
    pretrained: str | None = None
    budget: str | None = None
    seeds: tuple[int, ...] = ()
    ranked: bool = False
    note: str = ""
    slides: tuple[SlideResult, ...] = ()

    @property
    def few_steps(self) -> bool:
        """Whether it took less than half of the optimiser steps of its publication."""
        return bool(self.steps and self.published_steps and 2 * self.steps < self.published_steps)

    @property
    def is_faint(self) -> bool:
        """Whether it is shown in grey: too few steps, or nobody knows how many."""
        return self.few_steps or self.steps_unknown

    @property
    def marks(self) -> tuple[str, ...]:
        """Words that stand beside the row's name, because none of its numbers may be read without them."""
        marks = {
            "leaky": self.leaky,
            "few steps": self.few_steps,
            "steps unknown": self.steps_unknown,
            "plugin changed": self.changed,
            "not sealed": self.sealed == "not sealed",
            "leak": self.audited == "leak",
            "not repeatable": self.audited == "not repeatable",
        }
        return tuple(mark for mark, holds in marks.items() if holds)

    @property
    def label(self) -> str:
        """The row's name in running text: 'ridge', 'ridge (untuned)', 'spahgc (paper, lr=0.01)'."""
        choices = [self.variant or "", *(f"{name}={value}" for name, value in self.overrides.items())]
        choices = [choice for choice in choices if choice]
        return f"{self.method} ({', '.join(choices)})" if choices else self.method

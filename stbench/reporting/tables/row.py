"""What a leaderboard row holds, as plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stbench.reporting.tables.presets import in_words, preset_words

# Two ends, or None where there are too few patients for them.
Interval = tuple[float, float] | None


@dataclass(frozen=True)
class SlideResult:
    """One test slide of a row, averaged over seeds; `failed` is None or the reason."""

    slide: str
    patient: str | None
    pcc: float | None = None
    pcc_null: float | None = None
    pcc_given_depth: float | None = None
    pcc_equal_depth: float | None = None
    rmse: float | None = None
    ari: float | None = None
    failed: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of a leaderboard; None stands for a value that does not exist.

    kind               "method", "floor", "released", "external", "ceiling" or "published"
    encoder            name and hash of what made its embeddings
    has_publication    whether the method's card names one, so that its preset `paper` is the settings of it
    tuned              whether the table's inner loop chose its settings
    apart              what tells it from rows that are called the same: a budget, a source, an encoder
    source             hash of the plugin that made it
    steps              fewest optimiser steps of any fold, None where there are none or nobody recorded them
    published_steps    those of the publication's own training
    steps_unknown      whether it trained for epochs and nobody recorded the steps
    sealed             how far its processes were shut in, the least of all folds; None in rows made before that was so
    audited            what the leakage audit said of this very source, None where nobody asked
    changed            whether the plugin's source is another today than when the row was made
    seen               of a released predictor: test slide -> "yes", "patient", "unknown" or "no", was it trained on
    saw_test           whether that makes a test slide one that it was trained on
    replaced           whether a row of the plugin as it is today stands beside it
    pcc, rmse, ...     means over patients (over slides where patients are not stated)
    pcc_ci, ...        95 % interval over patient means by Fisher's z, None below three patients
    pcc_range, ...     least and greatest patient mean
    pcc_seed_sd, ...   standard deviation over seeds
    pcc_common_genes   pcc over the genes that all folds have in common
    surplus_over_depth_smooth   pcc_equal_depth less that of the floor depth-smooth on the same slides
    reference_mean     of a row that lacks folds: the reference's pcc on the slides that it has
    truth              "" or that nobody here has checked what it was scored against
    fit_seconds        mean over folds, the inner loop not included
    n_constant         genes predicted as a constant, summed over slides (averaged over seeds, rounded up)
    n_failed           folds that failed, over all seeds
    ranked             whether every fold of every seed is finished, and no test slide was trained on
    """

    method: str
    kind: str
    variant: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    encoder: str | None = None
    has_publication: bool = True
    tuned: bool = True
    apart: str = ""
    source: str = ""
    pcc: float | None = None
    pcc_ci: Interval = None
    pcc_range: Interval = None
    pcc_seed_sd: float | None = None
    pcc_slide_mean: float | None = None
    pcc_null: float | None = None
    pcc_median: float | None = None
    pcc_common_genes: float | None = None
    pcc_given_depth: float | None = None
    pcc_given_depth_ci: Interval = None
    pcc_given_depth_range: Interval = None
    pcc_given_depth_seed_sd: float | None = None
    pcc_equal_depth: float | None = None
    pcc_equal_depth_ci: Interval = None
    pcc_equal_depth_range: Interval = None
    pcc_equal_depth_seed_sd: float | None = None
    surplus_over_depth_smooth: float | None = None
    skill: float | None = None
    skill_equal_depth: float | None = None
    spearman: float | None = None
    rmse: float | None = None
    rmse_centred: float | None = None
    rmse_log: float | None = None
    mae: float | None = None
    deviance_explained: float | None = None
    ari: float | None = None
    variance_ratio: float | None = None
    slope: float | None = None
    structure: float | None = None
    structure_null: float | None = None
    reference_mean: float | None = None
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
    replaced: bool = False
    seen: Mapping[str, str] = field(default_factory=dict)
    saw_test: bool = False
    truth: str = ""
    sealed: str | None = None
    audited: str | None = None
    pretrained: str | None = None
    budget: str | None = None
    seeds: tuple[int, ...] = ()
    ranked: bool = False
    notes: tuple[str, ...] = ()
    slides: tuple[SlideResult, ...] = ()

    @property
    def note(self) -> str:
        """All that must be known of the row, on one line."""
        return "; ".join(self.notes)

    @property
    def few_steps(self) -> bool:
        """Whether it took less than half of the optimiser steps of its publication."""
        return bool(self.steps and self.published_steps and 2 * self.steps < self.published_steps)

    @property
    def is_faint(self) -> bool:
        """Whether it is shown in grey: too few steps, or nobody knows how many; or it saw test slides."""
        return self.few_steps or self.steps_unknown or self.saw_test

    @property
    def _seen_is_unknown(self) -> bool:
        return not self.saw_test and (not self.seen or "unknown" in self.seen.values())

    @property
    def marks(self) -> tuple[str, ...]:
        """Words that stand beside the row's name, because none of its numbers may be read without them."""
        marks = {
            "saw test slides": self.saw_test,
            "may have seen test slides": self.kind == "released" and self._seen_is_unknown,
            "leaky": self.leaky,
            "few steps": self.few_steps,
            "steps unknown": self.steps_unknown,
            "plugin changed": self.changed,
            "not sealed": self.sealed == "not sealed",
            "leak": self.audited == "leak",
            "not repeatable": self.audited == "not repeatable",
            "truth not checked here": bool(self.truth),
        }
        return tuple(mark for mark, holds in marks.items() if holds)

    @property
    def label(self) -> str:
        """The row's name in running text: 'ridge', 'ridge (untuned)', 'spahgc (published settings, lr=0.01)'."""
        return self._named(in_words(self.method), preset_words(self.variant or "", self.has_publication))

    @property
    def names(self) -> tuple[str, ...]:
        """What a person may call the row in full: its label, and the one with the preset as options spell it."""
        return self.label, self._named(self.method, self.variant or "")

    def _named(self, method: str, preset: str) -> str:
        settings = (f"{name}={value}" for name, value in self.overrides.items())
        choices = [choice for choice in (preset, *settings, self.apart) if choice]
        return f"{method} ({', '.join(choices)})" if choices else method

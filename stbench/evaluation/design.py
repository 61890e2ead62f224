"""What a run fixes for all its methods: the dataset, the split, the panel, the encoder, the bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from stbench.errors import UnknownName, UsageError
from stbench.evaluation.targets import Target
from stbench.evaluation.validation import TuneOn
from stbench.preprocess.encoders import DEFAULT_ENCODER, find_encoder
from stbench.preprocess.genes import check_spec
from stbench.preprocess.patches import PatchSize

Split = Literal["slide", "patient", "slide-matched"]


@dataclass(frozen=True)
class Design:
    """The fixed part of a run; equal designs on equal data give results that share a table.

    split         what is left out at a time; "slide-matched" trains on as few slides as "patient" does
    inner         "pairs" (fits shared by pairs of blocks), "all" (the literal nested leave-one-out), "none" (published
                  settings, fixed epochs) or a number of folds
    tune_on       the score that the inner loop maximises
    halving       settings that trail at a quarter and half of the epochs stop there
    grid          "small" (the card's list) or "full" (its whole product)
    scale         the training scale of methods that do not name their own; scores do not depend on it
    target        what is predicted and scored: log counts per million, or Pearson residuals
    epochs        upper bound on epochs, None for the method's own
    max_settings  bound on the settings the inner loop tries, None for the whole grid
    threads       of each trial: sums of many numbers differ in their last digits with it

    Raises UsageError for a value that no run can have.
    """

    dataset: str
    split: Split = "slide"
    inner: str = "pairs"
    tune_on: TuneOn = "pcc"
    halving: bool = False
    grid: Literal["small", "full"] = "small"
    genes: str = "train-hvg"
    n_genes: int = 250
    scale: Literal["minmax", "zscore", "none"] = "minmax"
    target: Target = "logcpm"
    encoder: str = DEFAULT_ENCODER
    patch: PatchSize = field(default_factory=PatchSize)
    min_counts: int = 100
    epochs: int | None = None
    max_settings: int | None = None
    device: str = "cpu"
    threads: int = 1

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("--split", self.split, get_args(Split)),
            ("--grid", self.grid, ("small", "full")),
            ("--scale", self.scale, ("minmax", "zscore", "none")),
            ("--tune-on", self.tune_on, get_args(TuneOn)),
        ):
            if value not in allowed:
                raise UsageError(f"{name} {value} is not one of {', '.join(allowed)}.")
        for name, number, least in (
            ("--n-genes", self.n_genes, 1),
            ("--min-counts", self.min_counts, 0),
            ("--epochs", self.epochs, 0),
            ("max_settings", self.max_settings, 1),
            ("--threads", self.threads, 1),
        ):
            if number is not None and number < least:
                raise UsageError(f"{name} must be at least {least}; found {number}.")
        words = ("pairs", "all", "none")
        if self.inner not in words and not (self.inner.isdecimal() and int(self.inner) >= 2):
            raise UsageError(f"--inner {self.inner} is not pairs, all, none or a number of folds from 2 on.")
        if self.target not in get_args(Target):
            raise UnknownName("target", self.target, get_args(Target))
        find_encoder(self.encoder)
        check_spec(self.genes)

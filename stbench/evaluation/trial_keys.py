"""Inner trials with their keys: a key is the hash of everything that changes a prediction, and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stbench.evaluation.checkpoints import N_STAGES, RULE
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.freshness import MadeFrom
from stbench.evaluation.inner_loop import InnerFold, grouping
from stbench.evaluation.inner_trials import TUNING_SEED, InnerTrial, sharing_a_fit
from stbench.files import hash_value
from stbench.preprocess.encoders import encoder_identity
from stbench.preprocess.genes import spec_identity
from stbench.preprocess.weights import weights_at_hand
from stbench.record import PROTOCOL_VERSION


class TrialKeys:
    """Makes the inner trials of one plan; equal ones are the same object."""

    def __init__(self, design: Design, made_from: MadeFrom, patients: Mapping[str, str | None]):
        self.made_from = made_from
        self.patients = patients
        self.common = hash_value(
            {
                "protocol": PROTOCOL_VERSION,
                "harness": made_from.harness,
                "dataset": made_from.dataset,
                "panel": spec_identity(design.genes, design.n_genes),
                "scale": design.scale,
                "target": design.target,
                "min_counts": design.min_counts,
                "patch": str(design.patch),
                "encoder": encoder_identity(design.encoder),
                "checkpoints": RULE,
                "seed": TUNING_SEED,
                "threads": design.threads,
                # Only its kind: two cards of a kind give what two runs on one of them give.
                "device": design.device.partition(":")[0],
            }
        )
        self.halving = design.halving
        self._trials: dict[tuple[str, str], tuple[InnerTrial, ...]] = {}
        self._methods: dict[int, str] = {}
        self._folds: dict[InnerFold, str] = {}

    def trials(
        self,
        contestant: Contestant,
        inner: InnerFold,
        settings: Sequence[Mapping[str, Any]],
        epochs: int | None,
    ) -> list[tuple[tuple[InnerTrial, ...], tuple[int, ...]]]:
        """A contestant's fits on an inner fold, each in its stages, with the positions of the settings it judges."""
        found = []
        for positions in sharing_a_fit(settings, contestant.card.at_prediction):
            points = tuple(settings[position] for position in positions)
            of_fit = hash_value([self._of_method(contestant), list(points), epochs])
            name = (of_fit, self._of_fold(inner))
            if name not in self._trials:
                key = hash_value([self.common, *name])
                whole = InnerTrial(key, contestant, inner.fold, inner.kept_together, points, epochs)
                staged = self.halving and contestant.card.staged
                self._trials[name] = _in_stages(whole) if staged else (whole,)
            found.append((self._trials[name], positions))
        return found

    def _of_method(self, contestant: Contestant) -> str:
        """Plugin, preset, the scale that it trains on, and the weights that it starts from."""
        if id(contestant) not in self._methods:
            card = contestant.card
            about = [
                contestant.name,
                contestant.source,
                contestant.variant,
                card.trains_on,
                card.needs.model_dump(),
            ]
            self._methods[id(contestant)] = hash_value([*about, weights_at_hand(card.pretrained)])
        return self._methods[id(contestant)]

    def _of_fold(self, inner: InnerFold) -> str:
        """The slides that are read: their content, which train, what they are kept together with, which are judged."""
        # An inner fold that serves two outer ones is one, whichever slides judge.
        inner = inner._replace(judging=())
        if inner not in self._folds:
            groups, slides = grouping(self.patients, inner.kept_together), self.made_from.slides
            fold = inner.fold
            train = [[name, slides[name], groups[name]] for name in fold.train]
            panel = [[name, slides[name]] for name in fold.panel_slides or fold.train]
            test = [[name, slides[name]] for name in fold.test]
            self._folds[inner] = hash_value({"train": train, "panel": panel, "test": test})
        return self._folds[inner]


def _in_stages(whole: InnerTrial) -> tuple[InnerTrial, ...]:
    """The same fit as stages, each a trial of its own that goes on where the one before ended."""
    stages: list[InnerTrial] = []
    for number in range(N_STAGES):
        key = hash_value([whole.key, "stage", number])
        stages.append(replace(whole, key=key, stage=number, before=stages[-1].key if stages else ""))
    return tuple(stages)

"""A method as it enters a run: its card, where its source lies, and the settings that it comes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stbench.contract import MethodCard
from stbench.evaluation.released.predictor import Released
from stbench.evaluation.trials.plugins import PluginPlace

_NOWHERE = PluginPlace("", "", Path())


@dataclass(frozen=True)
class Contestant:
    """A method as it enters a run.

    source     hash of the plugin's source
    place      where that source lies
    settings   preset and settings given by hand, over the method's defaults
    tuned      whether the inner loop chooses further settings
    released   of a predictor that is not fitted: what it is made of; None for all others
    """

    name: str
    card: MethodCard
    source: str
    variant: str
    settings: Mapping[str, Any]
    overrides: Mapping[str, Any]
    tuned: bool = True
    place: PluginPlace = _NOWHERE
    released: Released | None = None

    @property
    def is_floor(self) -> bool:
        """Whether it is one of the simple rivals that stand in every table."""
        return self.card.kind == "floor"

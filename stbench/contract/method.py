"""A method: a class with `fit` and `predict`, its hyperparameters the arguments of `__init__`."""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from stbench.contract.fitting import FitContext, FitReport, FittedState, ParameterCount
from stbench.errors import MethodError, PluginError, UnknownName
from stbench.slide import QuerySlide, TrainingSlide


class Method(ABC):
    """A way to predict expression from a slide's image.

    Hyperparameters are keyword arguments of `__init__`, stored under their own names as given; the default
    written there is the preset `paper`. A method with epochs has a hyperparameter `epochs`. Objects are plain:
    they pickle, clone and share no state. A neural method trains with `stbench.nn.training.train`.
    """

    @abstractmethod
    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """Learn from `train`, and hand over predictions for `queries` after each epoch of `checkpoints` (1, 2, ...).

        A method without epochs hands them over once, when it is fitted, as checkpoint 0.
        """

    @abstractmethod
    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) predicted expression on the scale that the card names; raises before fit."""

    def state(self) -> FittedState:
        """What was learned, to keep; `restore` takes it back. Raises MethodError before fit.

        stbench.nn.fitted_state makes it of a network.
        """
        raise PluginError(
            f"{type(self).__name__} cannot be kept, for it has no `state`; write state and restore."
        )

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        """Be fitted as the method of the same settings was that gave `state`; a network goes to `device`."""
        raise PluginError(
            f"{type(self).__name__} cannot be kept, for it has no `restore`; write state and restore."
        )

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], state: FittedState, device: str = "cpu") -> Self:
        """A fitted method, from its settings and what `state` gave; MethodError for a state that is not whole."""
        cls.check_settings(settings)
        method = cls(**copy.deepcopy(dict(settings)))
        try:
            method.restore(state, device)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise MethodError(f"What was kept of {cls.__name__} is not whole: {error!r}.") from error
        return method

    def report_without_epochs(self, queries: Sequence[QuerySlide], context: FitContext) -> FitReport:
        """The report of a method that is fitted in one go, once its predictions for `queries` are handed over."""
        if queries and context.hand_over is not None:
            context.hand_over(0, [self.predict(slide) for slide in queries])
        return FitReport()

    def parameter_count(self) -> ParameterCount:
        """Numbers held after fit."""
        return ParameterCount(0, 0)

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Hyperparameters and their defaults, read from the signature of `__init__`."""
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # without self
        return {p.name: p.default for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    @classmethod
    def check_settings(cls, settings: Mapping[str, Any]) -> None:
        """UnknownName for a setting that `__init__` does not take."""
        for name in settings:
            if name not in cls.defaults():
                folder = cls.__module__.split(".")[-2:][0]
                raise UnknownName(f"setting of {folder.replace('_', '-')}", name, cls.defaults())

    def settings(self) -> dict[str, Any]:
        """The hyperparameters as given."""
        return {name: getattr(self, name) for name in self.defaults()}

    def clone(self, **changes: Any) -> Method:
        """An unfitted copy with some hyperparameters changed."""
        return type(self)(**copy.deepcopy(self.settings() | changes))

    def with_settings(self, **changes: Any) -> Self:
        """A copy that shares what was learned, with settings changed that the card lists as `at_prediction`.

        Works after fit and at a checkpoint inside it, where the copy is good until training goes on.
        UnknownName for a setting that `__init__` does not take; a value that it refuses is refused here too.
        """
        self.check_settings(changes)
        values = self.clone(**changes).settings()
        changed = copy.copy(self)
        for name in changes:
            setattr(changed, name, values[name])
        return changed


class ReleasedMethod(Method):
    """A predictor with weights of its own, which is never fitted here: its card says `kind: released`.

    `restore` loads the weights, which lie in the plugin's folder; the state that it is handed is empty. `predict` gives
    ln(1 + counts per million) of the genes that the card's `released.genes` lists, in that order.
    """

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """Never called by the harness; MethodError."""
        raise MethodError(f"{type(self).__name__} is a released predictor and is not fitted.")

    def state(self) -> FittedState:
        """Nothing: what it knows lies in its own folder."""
        return FittedState({}, {})

    @abstractmethod
    def restore(self, state: FittedState, device: str = "cpu") -> None:
        """Load the weights; a network goes to `device`."""

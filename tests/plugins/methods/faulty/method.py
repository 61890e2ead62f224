"""Fails in the way that `fault` names when it does not train on slide A1, that is, when A1 is the test slide."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import numpy as np

from stbench.contract import FitContext, FitReport, Method
from stbench.errors import MethodError
from stbench.slide import QuerySlide, TrainingSlide


class Faulty(Method):
    """The training mean, unless it fails."""

    def __init__(self, fault: str = "raise", harmless: float = 0.0) -> None:
        self.fault = fault
        self.harmless = harmless
        self._mean: np.ndarray | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        self._mean = np.concatenate([slide.expression for slide in train]).mean(axis=0)
        self._broken = all(slide.id != "A1" for slide in train)
        if self._broken:
            self._fail(context)
        return self.report_without_epochs(queries, context)

    def _fail(self, context: FitContext) -> None:
        if self.fault == "raise":
            raise RuntimeError("the [/red] graph [bold] has no edges")
        if self.fault == "cut off":
            raise EOFError("Ran out of input")
        if self.fault == "exit":
            sys.exit(3)
        if self.fault == "die":
            os._exit(4)
        if self.fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "diverge":
            _diverge(context)
        if self.fault == "print":
            print("words of a plugin")
            os.system("echo words of its child")

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self._mean is None:
            raise MethodError("faulty predicts only after fit.")
        prediction = np.tile(self._mean, (slide.n_spots, 1))
        if self._broken and self.fault == "nan":
            prediction[0, 0] = np.nan
        return prediction[:, 1:] if self._broken and self.fault == "shape" else prediction


def _diverge(context: FitContext) -> None:
    """Train with the shared loop until the loss is not finite."""
    import torch

    from stbench.nn.training import train

    network = torch.nn.Linear(1, 1)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e30)
    train(network, optimiser, lambda epoch: [(network(torch.ones(1, 1)) ** 2).sum()], 20, context)

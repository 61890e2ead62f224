"""My idea: describe the idea in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import MethodError
from stbench.nn import training
from stbench.nn.fitted_state import network_state, with_weights
from stbench.slide import QuerySlide, TrainingSlide


class MyIdea(Method):
    """A small network from embeddings to every gene, until your idea stands here."""

    def __init__(self, width: int = 128, learning_rate: float = 1e-3, epochs: int = 20) -> None:
        self.width = width
        self.learning_rate = learning_rate
        self.epochs = epochs
        self._network: nn.Module | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        with training.seeded(context) as generator:
            device = generator.device
            embeddings = torch.from_numpy(np.concatenate([slide.embeddings for slide in train])).to(device)
            expression = torch.from_numpy(np.concatenate([slide.expression for slide in train])).to(device)
            network = self._network = self._built(embeddings.shape[1], expression.shape[1]).to(device)

            def losses(epoch: int) -> Iterator[Tensor]:
                for spots in training.shuffled_batches(len(embeddings), 128, generator):
                    yield nn.functional.mse_loss(network(embeddings[spots]), expression[spots])

            optimiser = training.adam(network, self.learning_rate)
            queried = training.Checkpoints(self.predict, queries, checkpoints)
            return training.train(network, optimiser, losses, self.epochs, context, queried)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self._network is None:
            raise MethodError("my-idea predicts only after fit.")
        device = next(self._network.parameters()).device
        with training.evaluating(self._network):
            return self._network(torch.tensor(slide.embeddings, device=device)).cpu().numpy()

    def parameter_count(self) -> ParameterCount:
        return training.count_parameters(self._network)

    def state(self) -> FittedState:
        """The network's weights, and the sizes it has to be built with before they fit."""
        if self._network is None:
            raise MethodError("my-idea has nothing to keep before fit.")
        first, last = self._network[0], self._network[-1]  # type: ignore[index]  # a Sequential
        return network_state(self._network, inputs=first.in_features, genes=last.out_features)

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._network = with_weights(self._built(state.plain["inputs"], state.plain["genes"]), state, device)

    def _built(self, inputs: int, genes: int) -> nn.Module:
        return nn.Sequential(nn.Linear(inputs, self.width), nn.ReLU(), nn.Linear(self.width, genes))

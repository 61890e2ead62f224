"""EGGN as a method: which graphs it trains on, with which loss, and how it predicts.

Yang, Hossain, Stone, Rahman: Spatial transcriptomics analysis of gene expression prediction using exemplar guided
graph neural network, Pattern Recognition 145, 109966 (2024).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import CannotFit, MethodError
from stbench.nn import training
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.hyperparameters import (
    check_choice,
    check_multiple,
    check_not_negative,
    check_positive,
    check_whole,
)
from stbench.nn.training_bank import TrainingBank, bank_arrays, bank_of_arrays, training_bank
from stbench.preprocess.neighbours import Metric
from stbench.slide import QuerySlide, TrainingSlide

from .bridging import UNITS_PER_GATE
from .exemplars import exemplar_slides
from .graph import GraphRecipe, SlideGraph, build_graph
from .loss import slide_loss
from .network import Network

_CHOICES = {
    "retrieval_metric": ("l1", "l2", "cosine"),
    "near": ("pitches", "cells"),
    "exclude": ("auto", "slide"),
}


class EGGN(Method):
    """Graph network over a slide's windows and their exemplars; defaults are the preset `paper`.

    exemplars, retrieval_metric  so many most similar bank spots of each window
    exclude                      exemplars of a training window come from other groups of the split ("auto") or from
                                 any other slide ("slide")
    close_exemplars              links of each exemplar to the most similar others, by embedding and expression
    neighbours, near             at most so many near windows: the nearest within 1.5 "pitches" of the array, or the
                                 first in touching "cells" of 256 pixels
    correlation_weight           of 1 - mean correlation over genes, beside the mean squared error
    """

    def __init__(
        self,
        exemplars: int = 6,
        retrieval_metric: Metric = "l1",
        exclude: str = "auto",
        close_exemplars: int = 3,
        neighbours: int = 5,
        near: str = "pitches",
        layers: int = 4,
        hidden: int = 512,
        correlation_weight: float = 0.5,
        learning_rate: float = 5e-4,
        weight_decay: float = 1e-4,
        epochs: int = 300,
    ):
        self.exemplars = exemplars
        self.retrieval_metric: Metric = retrieval_metric
        self.exclude = exclude
        self.close_exemplars = close_exemplars
        self.neighbours = neighbours
        self.near = near
        self.layers = layers
        self.hidden = hidden
        self.correlation_weight = correlation_weight
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.epochs = epochs
        self._check_values()
        self._network: Network | None = None
        self._bank: TrainingBank | None = None

    def _check_values(self) -> None:
        """UsageError for a hyperparameter out of its range."""
        for name, choices in _CHOICES.items():
            check_choice(self, name, choices)
        check_whole(self, 1, "exemplars", "close_exemplars", "neighbours", "hidden", "layers")
        check_whole(self, 0, "epochs")
        check_positive(self, "learning_rate")
        check_not_negative(self, "correlation_weight", "weight_decay")
        check_multiple(self, "hidden", UNITS_PER_GATE, "units per gate")

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """One step per training slide and epoch, in the order given; each slide's graph is built once.

        Raises CannotFit with fewer than two training slides that have spots,
        MethodError for slides without embeddings.
        """
        slides = [slide for slide in train if slide.n_spots]
        if not slides:
            raise CannotFit("EGGN has no training spot; give it at least two slides with spots.")
        with training.seeded(context) as generator:
            device, recipe = generator.device, self._recipe()
            banks = (training_bank(exemplar_slides(slide, slides, self.exclude)) for slide in slides)
            graphs = [build_graph(*pair, recipe, device) for pair in zip(slides, banks, strict=True)]
            truths = [torch.tensor(slide.expression, dtype=torch.float32, device=device) for slide in slides]
            bank = self._bank = training_bank(slides)
            query_graphs = {slide: build_graph(slide, bank, recipe, device) for slide in queries}
            network = self._network = self._new_network(bank).to(device)

            def losses(epoch: int) -> Iterator[Tensor]:
                for graph, truth in zip(graphs, truths, strict=True):
                    yield slide_loss(network(graph.features, graph.edges), truth, self.correlation_weight)

            optimiser = training.adamw(network, self.learning_rate, self.weight_decay)
            queried = training.Checkpoints(
                lambda slide: self._predict(query_graphs[slide]), queries, checkpoints
            )
            report = training.train(network, optimiser, losses, self.epochs, context, queried)
        return dataclasses.replace(report, notes=self._notes(slides, graphs))

    def _new_network(self, bank: TrainingBank) -> Network:
        return Network(bank.embeddings.shape[1], bank.expression.shape[1], self.hidden, self.layers)

    def _recipe(self) -> GraphRecipe:
        return GraphRecipe(**{name: getattr(self, name) for name in GraphRecipe._fields})

    def _notes(self, slides: Sequence[TrainingSlide], graphs: Sequence[SlideGraph]) -> tuple[str, ...]:
        """What the fit had to settle for."""
        notes = []
        if self.exclude == "auto" and len({slide.group for slide in slides}) == 1:
            notes.append("All training slides share one group: exemplars come from the other slides of it.")
        fewest = min(graph.edges.refer.shape[1] for graph in graphs)
        if fewest < self.exemplars:
            notes.append(f"A bank of {fewest} spots holds fewer than {self.exemplars} exemplars.")
        return tuple(notes)

    def _fitted(self) -> Network:
        if self._network is None:
            raise MethodError("EGGN was asked to predict before it was fitted; call fit first.")
        return self._network

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) float32 on the minmax scale: the slide's graph against the whole training bank."""
        network, bank = self._fitted(), self._bank
        assert bank is not None, "the bank is set together with the network"
        return self._predict(build_graph(slide, bank, self._recipe(), next(network.parameters()).device))

    def _predict(self, graph: SlideGraph) -> np.ndarray:
        network = self._fitted()
        with training.evaluating(network):
            return network(graph.features, graph.edges).cpu().numpy()

    def state(self) -> FittedState:
        """The network, and the training spots that it draws exemplars from."""
        network, bank = self._fitted(), self._bank
        assert bank is not None, "the bank is set together with the network"
        return network_state(network, bank_arrays(bank))

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._bank = bank_of_arrays(state.arrays)
        self._network = with_weights(self._new_network(self._bank), state, device)

    def parameter_count(self) -> ParameterCount:
        """Trainable parameters; the encoder that made the embeddings is not part of the method."""
        return training.count_parameters(self._network)

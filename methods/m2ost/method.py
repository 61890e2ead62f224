"""M2OST as a method: which spots it trains on, with which loss, and how it predicts.

Wang, Du, Liu, Ouyang, Chen, Lin: M2OST: Many-to-one Regression for Predicting Spatial Transcriptomics from Digital
Pathology Images, AAAI 39, 7709-7717 (2025).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import CannotFit, MethodError
from stbench.nn import training
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.hyperparameters import check_multiple, check_positive, check_share, check_whole
from stbench.nn.spot_patches import spot_expression
from stbench.nn.streaming import in_pieces
from stbench.slide import QuerySlide, TrainingSlide

from .network import Network
from .views import SpotViews, augmented

PREDICTED_AT_ONCE = 32


class M2OST(Method):
    """Three views of each spot to its expression; defaults are the preset `paper`.

    depth, width, heads  blocks; numbers and attention heads of a token, in each of the three views
    attention_dropout    share of attention weights within a view that training masks at random
    augmentation         mirror and turn each training spot anew in every epoch, its views alike
    mean_bias            the head's bias starts from the training spots' mean expression
    """

    def __init__(
        self,
        depth: int = 4,
        width: int = 192,
        heads: int = 3,
        attention_dropout: float = 0.0,
        augmentation: bool = True,
        mean_bias: bool = False,
        batch_size: int = 96,
        learning_rate: float = 1e-4,
        epochs: int = 100,
    ):
        self.depth = depth
        self.width = width
        self.heads = heads
        self.attention_dropout = attention_dropout
        self.augmentation = augmentation
        self.mean_bias = mean_bias
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.epochs = epochs
        self._check_values()
        self._network: Network | None = None
        self._edge = 0

    def _check_values(self) -> None:
        """UsageError for a hyperparameter out of its range."""
        check_whole(self, 1, "depth", "width", "heads", "batch_size")
        check_whole(self, 0, "epochs")
        check_positive(self, "learning_rate")
        check_share(self, "attention_dropout", below_one=True)
        check_multiple(self, "width", self.heads, "heads")

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """Batches of spots of all training slides; spots without a count over the panel are left out.

        Raises MethodError for slides without the three views,
        CannotFit where no spot has a count.
        """
        counted = np.concatenate([slide.panel_counts.sum(1) > 0 for slide in train])
        if not counted.any():
            raise CannotFit(
                "No training spot has a count over the gene panel; M2OST has nothing to learn from."
            )
        with training.seeded(context) as generator:
            device = generator.device
            views, expression = SpotViews(train, device), spot_expression(train, device)
            usable = torch.tensor(np.flatnonzero(counted), device=device)
            self._edge = views.edge
            network = self._network = self._new_network(
                expression.shape[1], views.edge, expression[usable]
            ).to(device)
            optimiser = training.adam(network, self.learning_rate)

            def losses(epoch: int) -> Iterator[Tensor]:
                for batch in training.shuffled_batches(len(usable), self.batch_size, generator):
                    spots = usable[batch]
                    images = views.batch(spots)
                    if self.augmentation:
                        images = augmented(images, generator)
                    yield F.mse_loss(network(images), expression[spots])

            queried = training.Checkpoints(self.predict, queries, checkpoints)
            report = training.train(network, optimiser, losses, self.epochs, context, queried)
        left_out = len(counted) - len(usable)
        notes = (
            f"{left_out} of {len(counted)} training spots have no count over the panel and were left out.",
        )
        return dataclasses.replace(report, notes=notes if left_out else ())

    def _new_network(self, genes: int, edge: int, expression: Tensor | None = None) -> Network:
        """Its head starts from the mean of `expression` if that is asked for."""
        network = Network(genes, edge, self.width, self.depth, self.heads, self.attention_dropout)
        if self.mean_bias and expression is not None:
            with torch.no_grad():
                network.head.bias.copy_(expression.mean(0))
        return network

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) float32 on the log scale, each spot by itself, without augmentation."""
        network = self._network
        if network is None:
            raise MethodError("M2OST was asked to predict before it was fitted; call fit first.")
        if not slide.n_spots:
            return np.empty((0, network.head.out_features), dtype=np.float32)
        views = SpotViews([slide], next(network.parameters()).device)
        with training.evaluating(network):
            spots = torch.arange(len(views))
            return (
                in_pieces(lambda some: network(views.batch(some)), spots, size=PREDICTED_AT_ONCE)
                .cpu()
                .numpy()
            )

    def state(self) -> FittedState:
        """The network, and the sizes that it is built with."""
        if self._network is None:
            raise MethodError("M2OST has nothing to keep before it was fitted; call fit first.")
        return network_state(self._network, genes=self._network.head.out_features, edge=self._edge)

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._network = with_weights(self._new_network(**state.plain), state, device)
        self._edge = state.plain["edge"]

    def parameter_count(self) -> ParameterCount:
        """Trainable parameters; none is frozen."""
        return training.count_parameters(self._network)

"""HisToGene as a method: a step per slide, trained on mean squared error.

Pang, Su, Li: Leveraging information in spatial transcriptomics to predict super-resolution gene expression from
histology images in tumors, bioRxiv 2021.11.28.470212 (2021).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import CannotFit, MethodError
from stbench.nn import training
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.grid_embedding import grid_columns_rows, table_size
from stbench.nn.hyperparameters import check_positive, check_share, check_whole
from stbench.nn.spot_patches import spot_expression, spot_patches
from stbench.nn.streaming import in_pieces
from stbench.slide import QuerySlide, TrainingSlide

from .network import Network

_SIZES = ("layers", "width", "heads", "head_width", "hidden", "patch_pixels")
_OF_THE_NETWORK = (*_SIZES, "pixel_scale", "dropout")
# Patches embedded at a time when predicting: 77 MB as float32.
_PIECE = 512


class Inputs(NamedTuple):
    """What the network sees of a slide: patches (n, 3 e e) uint8, columns and rows (n, 2)."""

    patches: Tensor
    columns_rows: Tensor


class HisToGene(Method):
    """Transformer over the spots of a slide; defaults are the preset `paper`.

    layers, width, heads, head_width, hidden, dropout   size of the transformer
    n_pos          entries of each position table, None for what the platform's array needs (ST 64, Visium 128)
    patch_pixels   edge of the patches; the card must name it
    pixel_scale    what pixel values 0 to 255 are multiplied by
    start_at_mean  the head's bias starts at the training mean of each gene (not part of the published model)
    """

    def __init__(
        self,
        layers: int = 8,
        width: int = 1024,
        heads: int = 16,
        head_width: int = 64,
        hidden: int = 2048,
        dropout: float = 0.1,
        n_pos: int | None = None,
        patch_pixels: int = 112,
        pixel_scale: float = 1.0,
        start_at_mean: bool = False,
        learning_rate: float = 1e-5,
        epochs: int = 100,
    ):
        self.layers = layers
        self.width = width
        self.heads = heads
        self.head_width = head_width
        self.hidden = hidden
        self.dropout = dropout
        self.n_pos = n_pos
        self.patch_pixels = patch_pixels
        self.pixel_scale = pixel_scale
        self.start_at_mean = start_at_mean
        self.learning_rate = learning_rate
        self.epochs = epochs
        self._check_values()
        self._network: Network | None = None

    def _check_values(self) -> None:
        """UsageError for a hyperparameter out of its range."""
        check_whole(self, 1, *_SIZES)
        check_whole(self, 1, "n_pos", none="the platform's")
        check_whole(self, 0, "epochs")
        check_positive(self, "pixel_scale", "learning_rate")
        check_share(self, "dropout", below_one=True)

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """One optimiser step per training slide and epoch.

        Raises CannotFit without a training spot, and MethodError, before any training, for a slide without
        patches or with array positions that the tables do not hold.
        """
        slides = [slide for slide in train if slide.n_spots]
        if not slides:
            raise CannotFit("HisToGene has no training spot: every training slide is empty.")
        positions = self.n_pos or max(table_size(slide.platform) for slide in slides)
        with training.seeded(context) as generator:
            device = generator.device
            inputs = [self._inputs(slide, positions, device) for slide in slides]
            query_inputs = {slide: self._inputs(slide, positions, device) for slide in queries}
            truths = [spot_expression([slide], device) for slide in slides]
            network = self._network = self._new_network(truths[0].shape[1], positions, truths).to(device)

            def losses(epoch: int) -> Iterator[Tensor]:
                for batch in training.shuffled_batches(len(slides), 1, generator):
                    i = int(batch)
                    yield F.mse_loss(network(*inputs[i]), truths[i])

            optimiser = training.adam(network, self.learning_rate)
            queried = training.Checkpoints(
                lambda slide: self._predict(query_inputs[slide]), queries, checkpoints
            )
            report = training.train(network, optimiser, losses, self.epochs, context, queried)
            return dataclasses.replace(report, notes=self._notes())

    def _new_network(self, genes: int, positions: int, truths: Sequence[Tensor] = ()) -> Network:
        """Its head starts from the mean of `truths` if that is asked for."""
        settings = {name: getattr(self, name) for name in _OF_THE_NETWORK}
        network = Network(genes, positions, **settings)
        if self.start_at_mean and truths:
            with torch.no_grad():
                network.genes.bias.copy_(torch.cat(list(truths)).mean(0))
        return network

    def _inputs(self, slide: TrainingSlide | QuerySlide, positions: int, device: torch.device) -> Inputs:
        columns_rows = torch.tensor(grid_columns_rows(slide, positions), device=device)
        return Inputs(spot_patches([slide], self.patch_pixels, device).flatten(1), columns_rows)

    def _notes(self) -> tuple[str, ...]:
        if not self.start_at_mean:
            return ()
        return ("the head's bias started at the training mean, unlike the published model's",)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) float32 on the log scale, all spots of the slide at once."""
        network = self._fitted()
        positions = network.position.column.num_embeddings
        return self._predict(self._inputs(slide, positions, network.patch.weight.device))

    def _predict(self, inputs: Inputs) -> np.ndarray:
        network = self._fitted()
        with training.evaluating(network):
            embedded = in_pieces(network.patch, inputs.patches, size=_PIECE)
            return network.expression(embedded, inputs.columns_rows).cpu().numpy()

    def _fitted(self) -> Network:
        if self._network is None:
            raise MethodError("HisToGene was asked to predict before it was fitted; call fit first.")
        return self._network

    def state(self) -> FittedState:
        """The network, and the sizes that it is built with."""
        network = self._fitted()
        genes, positions = network.genes.out_features, network.position.column.num_embeddings
        return network_state(network, genes=genes, positions=positions)

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._network = with_weights(self._new_network(**state.plain), state, device)

    def parameter_count(self) -> ParameterCount:
        """All are trainable."""
        return training.count_parameters(self._network)

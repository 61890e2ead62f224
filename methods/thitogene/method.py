"""THItoGene as a method: a step per slide, trained on mean squared error.

Jia, Liu, Chen, Zhao, Wang: THItoGene: a deep learning method for predicting spatial transcriptomics from
histological images, Briefings in Bioinformatics 25(1), bbad464 (2024).
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from typing import cast, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import CannotFit, MethodError, MethodWarning, UsageError
from stbench.nn import training
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.grid_embedding import table_size
from stbench.nn.hyperparameters import check_choice, check_positive, check_share, check_whole
from stbench.nn.spot_patches import as_images, spot_expression
from stbench.nn.streaming import in_pieces
from stbench.slide import QuerySlide, TrainingSlide

from .capsules import remaining_edge
from .graph_attention import Normalised
from .network import WINDOW, Network
from .slide_inputs import SlideInputs, beyond_tables, slide_inputs

_SIZES = ("layers", "capsules", "capsule_width", "heads", "head_width", "hidden", "graph_heads")
_OF_THE_NETWORK = (*_SIZES, "graph_width", "patch_pixels", "dropout", "position_std", "attention_over")
# Patches that go through the convolutions at a time when predicting: about 0.2 GB of feature maps.
_PIECE = 256


class THItoGene(Method):
    """Capsules per patch, a transformer and graph attention over the slide; defaults are the preset `paper`.

    neighbours, self_loop     graph: so many nearest spots in array units, and the spot itself
    attention_over            what graph attention weights sum to 1 over: "neighbours", or "receivers" as released
    capsules, capsule_width   output capsules of a patch and their width, also that of the position embeddings
    layers, heads, head_width, hidden   the transformer;  graph_heads, graph_width   the graph attention
    n_pos, position_std       entries of each position table, None for what the platform's array needs (ST 64, Visium
                              128), and the spread that they start with
    patch_pixels              edge of the patches; the card must name it
    """

    def __init__(
        self,
        neighbours: int = 4,
        self_loop: bool = False,
        attention_over: Normalised = "neighbours",
        layers: int = 4,
        capsules: int = 20,
        capsule_width: int = 64,
        heads: int = 16,
        head_width: int = 64,
        hidden: int = 2048,
        graph_heads: int = 8,
        graph_width: int = 1024,
        dropout: float = 0.2,
        n_pos: int | None = None,
        position_std: float = 1.0,
        patch_pixels: int = 112,
        learning_rate: float = 1e-5,
        epochs: int = 300,
    ):
        self.neighbours = neighbours
        self.self_loop = self_loop
        self.attention_over: Normalised = attention_over
        self.layers = layers
        self.capsules = capsules
        self.capsule_width = capsule_width
        self.heads = heads
        self.head_width = head_width
        self.hidden = hidden
        self.graph_heads = graph_heads
        self.graph_width = graph_width
        self.dropout = dropout
        self.n_pos = n_pos
        self.position_std = position_std
        self.patch_pixels = patch_pixels
        self.learning_rate = learning_rate
        self.epochs = epochs
        self._check_values()
        self._network: Network | None = None

    def _check_values(self) -> None:
        """UsageError for a hyperparameter out of its range."""
        check_choice(self, "attention_over", get_args(Normalised))
        check_whole(self, 1, "neighbours", *_SIZES)
        check_whole(self, 2, "graph_width")  # it is halved once
        check_whole(self, 1, "n_pos", none="the platform's")
        check_whole(self, 0, "epochs")
        check_positive(self, "position_std", "learning_rate")
        check_share(self, "dropout", below_one=True)
        check_whole(self, 1, "patch_pixels")
        if self.patch_pixels % WINDOW or remaining_edge(self.patch_pixels // WINDOW) < 1:
            raise UsageError(
                f"patch_pixels is {self.patch_pixels}; it must be a multiple of {WINDOW} from 44 on."
            )

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """One optimiser step per training slide and epoch; slides with a single spot are left out.

        Raises CannotFit where no slide has two spots, MethodError for a slide without patches.
        """
        slides = [slide for slide in train if slide.n_spots > 1]
        if not slides:
            raise CannotFit(
                "THItoGene normalises over the spots of a slide, but no training slide has two; leave it out."
            )
        positions = self.n_pos or max(table_size(slide.platform) for slide in slides)
        with training.seeded(context) as generator:
            device = generator.device
            inputs = [self._inputs(slide, positions, device) for slide in slides]
            query_inputs = {slide: self._inputs(slide, positions, device) for slide in queries}
            truths = [spot_expression([slide], device) for slide in slides]
            network = self._network = self._new_network(truths[0].shape[1], positions).to(device)

            def losses(epoch: int) -> Iterator[Tensor]:
                for batch in training.shuffled_batches(len(slides), 1, generator):
                    i = int(batch)
                    yield self._loss(inputs[i], truths[i])

            optimiser = training.adam(network, self.learning_rate)
            queried = training.Checkpoints(
                lambda slide: self._predict(query_inputs[slide]), queries, checkpoints
            )
            report = training.train(network, optimiser, losses, self.epochs, context, queried)
            return dataclasses.replace(report, notes=self._notes(train, slides, queries, positions))

    def _new_network(self, genes: int, positions: int) -> Network:
        return Network(genes, positions, **{name: getattr(self, name) for name in _OF_THE_NETWORK})

    def _inputs(self, slide: TrainingSlide | QuerySlide, positions: int, device: torch.device) -> SlideInputs:
        return slide_inputs(slide, self.patch_pixels, positions, self.neighbours, self.self_loop, device)

    def _loss(self, inputs: SlideInputs, truth: Tensor) -> Tensor:
        """Mean squared error over spots and genes of one slide."""
        images = as_images(inputs.patches)
        return F.mse_loss(self._fitted()(images, inputs.columns_rows, inputs.neighbours), truth)

    def _notes(
        self,
        train: Sequence[TrainingSlide],
        slides: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide],
        positions: int,
    ) -> tuple[str, ...]:
        single = [slide.id for slide in train if slide.n_spots == 1]
        notes = [
            f"left out, having a single spot: {', '.join(single)}" if single else "",
            *(beyond_tables(slide, positions) for slide in (*slides, *queries)),
        ]
        return tuple(filter(None, notes))

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) float32 on the log scale; warns of spots beyond the position tables."""
        network = self._fitted()
        positions = network.position.column.num_embeddings
        if beyond := beyond_tables(slide, positions):
            warnings.warn(f"{beyond}.", MethodWarning, stacklevel=2)
        return self._predict(self._inputs(slide, positions, network.position.column.weight.device))

    def _predict(self, inputs: SlideInputs) -> np.ndarray:
        network = self._fitted()
        with training.evaluating(network):
            seen = in_pieces(lambda patches: network.patch(as_images(patches)), inputs.patches, size=_PIECE)
            return network.expression(seen, inputs.columns_rows, inputs.neighbours).cpu().numpy()

    def _fitted(self) -> Network:
        if self._network is None:
            raise MethodError("THItoGene was asked to predict before it was fitted; call fit first.")
        return self._network

    def state(self) -> FittedState:
        """The network, and the sizes that it is built with."""
        network = self._fitted()
        genes = cast(nn.Linear, network.head[-1]).out_features
        return network_state(network, genes=genes, positions=network.position.column.num_embeddings)

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._network = with_weights(self._new_network(**state.plain), state, device)

    def parameter_count(self) -> ParameterCount:
        """All are trainable."""
        return training.count_parameters(self._network)

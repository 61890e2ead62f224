"""SpaHGC as a method: which graphs it trains on, with which loss, and how it predicts.

Shi, Wang, Wan, Min: Cross-Slice Knowledge Transfer via Masked Multi-Modal Heterogeneous Graph Contrastive
Learning for Spatial Gene Expression Inference, arXiv 2603.22821 (2026).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import MethodError, UnknownName, UsageError
from stbench.nn import training
from stbench.nn.correlation_loss import correlation_loss
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.hyperparameters import (
    check_choice,
    check_multiple,
    check_not_negative,
    check_positive,
    check_share,
    check_whole,
)
from stbench.nn.training_bank import (
    TrainingBank,
    bank_arrays,
    bank_of_arrays,
    bank_slides,
    training_bank,
)
from stbench.preprocess.neighbours import Metric
from stbench.slide import QuerySlide, TrainingSlide

from .attention import DualForm, PoolingForm
from .graph import GraphRecipe, SlideGraph, build_graph
from .loss import contrast
from .network import Encoder, Head, Network
from .views import two_views

_CHOICES = {
    "cross_metric": ("cosine", "l1", "l2"),
    "reference_metric": ("cosine", "l1", "l2"),
    "reference_nodes": ("retrieved", "all"),
    "mask": ("complementary", "random", "none"),
    "second_view": ("shared", "frozen"),
    "mse_over_genes": ("mean", "sum"),
    "contrast_average": ("together", "apart"),
}


class SpaHGC(Method):
    """Graph network over a slide's spots and their references; defaults are the preset `paper`.

    neighbours, target_radius       TS: so many nearest spots; with a radius those within it, in cells of 224 pixels
    references, cross_metric        CS: so many most similar bank spots
    reference_neighbours, -_metric  RS: so many most similar reference nodes, by embedding and expression; None: as
                                    many as `references`
    reference_nodes                 "retrieved" or "all" bank spots become nodes
    leaky_logits                    LeakyReLU on attention logits before each softmax
    cnda_heads, -_dropout,          CNDA: its heads, dropout on its weights, a linear map after its weighted sums
      -_output_map
    heads, cnap_target_map,         CNAP: its heads, a linear map of the target before query and residual, a linear
      output_projection             map W_O after the heads;  mlp_head: a hidden layer before the map to genes
    target_mask, reference_mask     rates alpha and beta at which features are dropped;  mask: see `two_views`
    predicting_view                 view 1 (features masked at these rates) or 2 (its complement) predicts in training
    second_view                     the other view goes through the "shared" encoder or a "frozen" copy of its start
    mse_over_genes                  squared errors are the "mean" over genes, or their "sum" (the paper's norm)
    contrast_average                "together": over all nodes; "apart": each node type's mean with its weight
    edges, cnda, cnap               what an ablation switches off; edges is any of TS, CS, RS joined by "+"
    """

    def __init__(
        self,
        neighbours: int = 5,
        target_radius: float | None = None,
        references: int = 7,
        cross_metric: Metric = "cosine",
        reference_neighbours: int | None = None,
        reference_metric: Metric = "cosine",
        reference_nodes: str = "retrieved",
        leaky_logits: bool = False,
        cnda_heads: int = 1,
        cnda_dropout: float = 0.0,
        cnda_output_map: bool = False,
        cnap_target_map: bool = False,
        mask: str = "complementary",
        target_mask: float = 0.8,
        reference_mask: float = 0.9,
        predicting_view: int = 1,
        second_view: str = "shared",
        mse_weight: float = 1.0,
        mse_over_genes: str = "mean",
        correlation_weight: float = 1.0,
        target_contrast_weight: float = 1.0,
        reference_contrast_weight: float = 1.0,
        contrast_average: str = "together",
        edges: str = "TS+CS+RS",
        cnda: bool = True,
        cnap: bool = True,
        output_projection: bool = True,
        mlp_head: bool = True,
        hidden: int = 256,
        layers: int = 4,
        heads: int = 4,
        learning_rate: float = 1e-4,
        weight_decay: float = 1e-4,
        epochs: int = 200,
    ):
        self.neighbours = neighbours
        self.target_radius = target_radius
        self.references = references
        self.cross_metric: Metric = cross_metric
        self.reference_neighbours = reference_neighbours
        self.reference_metric: Metric = reference_metric
        self.reference_nodes = reference_nodes
        self.leaky_logits = leaky_logits
        self.cnda_heads = cnda_heads
        self.cnda_dropout = cnda_dropout
        self.cnda_output_map = cnda_output_map
        self.cnap_target_map = cnap_target_map
        self.mask = mask
        self.target_mask = target_mask
        self.reference_mask = reference_mask
        self.predicting_view = predicting_view
        self.second_view = second_view
        self.mse_weight = mse_weight
        self.mse_over_genes = mse_over_genes
        self.correlation_weight = correlation_weight
        self.target_contrast_weight = target_contrast_weight
        self.reference_contrast_weight = reference_contrast_weight
        self.contrast_average = contrast_average
        self.edges = edges
        self.cnda = cnda
        self.cnap = cnap
        self.output_projection = output_projection
        self.mlp_head = mlp_head
        self.hidden = hidden
        self.layers = layers
        self.heads = heads
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
        for edge in self._edge_types() - {"TS", "CS", "RS"}:
            raise UnknownName("edge type", edge, ("TS", "CS", "RS"))
        check_whole(self, 1, "neighbours", "references", "hidden", "heads", "cnda_heads", "predicting_view")
        check_whole(self, 1, "reference_neighbours", none="as many as references")
        check_whole(self, 0, "layers", "epochs")
        check_positive(self, "target_radius", none="no bound")
        check_share(self, "target_mask", "reference_mask")
        check_share(self, "cnda_dropout", below_one=True)
        if self.predicting_view > 2:
            raise UsageError(f"predicting_view is {self.predicting_view}; it must be 1 or 2.")
        check_not_negative(self, "mse_weight", "correlation_weight", "weight_decay")
        check_not_negative(self, "target_contrast_weight", "reference_contrast_weight")
        check_positive(self, "learning_rate")
        check_multiple(self, "hidden", self.heads, "heads")
        check_multiple(self, "hidden", self.cnda_heads, "cnda_heads")

    def _edge_types(self) -> frozenset[str]:
        return frozenset(filter(None, self.edges.split("+")))

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """One step per training slide and epoch; each slide's graph is built once.

        Raises CannotFit with fewer than two training slides, MethodError for slides without embeddings.
        """
        slides = [slide for slide in train if slide.n_spots]
        with training.seeded(context) as generator:
            device, recipe = generator.device, self._recipe()
            banks = (training_bank(bank_slides(slide, slides)) for slide in slides)
            graphs = [build_graph(*pair, recipe, device) for pair in zip(slides, banks, strict=True)]
            truths = [torch.tensor(slide.expression, dtype=torch.float32, device=device) for slide in slides]
            self._bank = training_bank(slides)
            query_graphs = {slide: build_graph(slide, self._bank, recipe, device) for slide in queries}
            self._network = self._new_network(self._bank).to(device)
            encoder = self._network.encoder
            second = encoder if self.second_view == "shared" else copy.deepcopy(encoder).requires_grad_(False)

            def losses(epoch: int) -> Iterator[Tensor]:
                for i in torch.randperm(len(slides), generator=generator, device=device).tolist():
                    yield self._loss(graphs[i], truths[i], second, generator)

            optimiser = training.adamw(self._network, self.learning_rate, self.weight_decay)
            queried = training.Checkpoints(
                lambda slide: self._predict(query_graphs[slide]), queries, checkpoints
            )
            return training.train(self._network, optimiser, losses, self.epochs, context, queried)

    def _recipe(self) -> GraphRecipe:
        recipe = GraphRecipe(**{name: getattr(self, name) for name in GraphRecipe._fields})
        return recipe._replace(reference_neighbours=self.reference_neighbours or self.references)

    def _new_network(self, bank: TrainingBank) -> Network:
        d, genes, edges = bank.embeddings.shape[1], bank.expression.shape[1], self._edge_types()
        cnda = DualForm(self.cnda_heads, self.leaky_logits, self.cnda_output_map, self.cnda_dropout)
        cnap = PoolingForm(self.heads, self.leaky_logits, self.cnap_target_map, self.output_projection)
        return Network(
            Encoder(d, genes, self.hidden, self.layers, edges, cnda if self.cnda else None),
            Head(genes, self.hidden, cnap, self.cnap and "CS" in edges, self.mlp_head),
        )

    def _loss(self, graph: SlideGraph, truth: Tensor, second: Encoder, generator: torch.Generator) -> Tensor:
        """The loss of one step: one view predicts, the other is what its embeddings are pulled towards."""
        network = self._fitted()
        views = two_views(graph.features, self.mask, self.target_mask, self.reference_mask, generator)
        predicting, other = views if self.predicting_view == 1 else views[::-1]
        nodes = network.encoder(predicting, graph.edges)
        prediction = network.head(nodes, graph.edges.cross)
        error = F.mse_loss(prediction, truth) * (truth.shape[1] if self.mse_over_genes == "sum" else 1)
        loss = self.mse_weight * error
        loss = loss + self.correlation_weight * correlation_loss(prediction, truth)
        weights = self.target_contrast_weight, self.reference_contrast_weight
        if any(weights):
            with torch.no_grad():
                pulled = second(other, graph.edges)
            loss = loss + contrast(nodes, pulled, *weights, self.contrast_average)
        return loss

    def _fitted(self) -> Network:
        if self._network is None:
            raise MethodError("SpaHGC was asked to predict before it was fitted; call fit first.")
        return self._network

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) float32 on the minmax scale: the slide's graph against the whole training bank."""
        network, bank = self._fitted(), self._bank
        assert bank is not None, "the bank is set together with the network"
        device = next(network.parameters()).device
        return self._predict(build_graph(slide, bank, self._recipe(), device))

    def _predict(self, graph: SlideGraph) -> np.ndarray:
        network = self._fitted()
        with training.evaluating(network):
            return network(graph.features, graph.edges).cpu().numpy()

    def state(self) -> FittedState:
        """The network, and the training spots that it refers to."""
        network, bank = self._fitted(), self._bank
        assert bank is not None, "the bank is set together with the network"
        return network_state(network, bank_arrays(bank))

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._bank = bank_of_arrays(state.arrays)
        self._network = with_weights(self._new_network(self._bank), state, device)

    def parameter_count(self) -> ParameterCount:
        """Trainable parameters; the frozen copy of the second view is gone after fit."""
        return training.count_parameters(self._network)

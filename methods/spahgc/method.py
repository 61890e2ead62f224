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

from stbench import training
from stbench.contract import FitContext, FitReport, Method, ParameterCount, Score
from stbench.errors import MethodError, UnknownName
from stbench.hyperparameters import (
    check_choice,
    check_multiple,
    check_not_negative,
    check_positive,
    check_share,
    check_whole,
)
from stbench.nn.correlation_loss import correlation_loss
from stbench.nn.training_bank import TrainingBank, bank_slides, training_bank
from stbench.preprocess.neighbours import Metric
from stbench.slide import QuerySlide, TrainingSlide

from .graph import GraphRecipe, SlideGraph, build_graph
from .loss import contrastive_loss
from .network import Encoder, Head, Network
from .views import two_views

_CHOICES = {
    "cross_metric": ("cosine", "l1", "l2"),
    "reference_metric": ("cosine", "l1", "l2"),
    "reference_nodes": ("retrieved", "all"),
    "mask": ("complementary", "random", "none"),
    "second_view": ("shared", "frozen"),
}


class SpaHGC(Method):
    """Graph network over a slide's spots and their references; defaults are the preset `paper`.

    neighbours, target_radius       TS: so many nearest spots, within a radius in array units if one is given
    references, cross_metric        CS: so many most similar bank spots
    reference_neighbours, -_metric  RS: so many most similar reference nodes, by embedding and expression
    reference_nodes                 "retrieved" or "all" bank spots become nodes
    target_mask, reference_mask     rates alpha and beta at which features are dropped;  mask: see `two_views`
    second_view                     view 2 goes through the "shared" encoder or a "frozen" copy of its first state
    edges, cnda, cnap               what an ablation switches off; edges is any of TS, CS, RS joined by "+"
    """

    def __init__(
        self,
        neighbours: int = 5,
        target_radius: float | None = None,
        references: int = 7,
        cross_metric: Metric = "cosine",
        reference_neighbours: int = 7,
        reference_metric: Metric = "cosine",
        reference_nodes: str = "retrieved",
        mask: str = "complementary",
        target_mask: float = 0.8,
        reference_mask: float = 0.9,
        second_view: str = "shared",
        mse_weight: float = 1.0,
        correlation_weight: float = 1.0,
        target_contrast_weight: float = 1.0,
        reference_contrast_weight: float = 1.0,
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
        self.mask = mask
        self.target_mask = target_mask
        self.reference_mask = reference_mask
        self.second_view = second_view
        self.mse_weight = mse_weight
        self.correlation_weight = correlation_weight
        self.target_contrast_weight = target_contrast_weight
        self.reference_contrast_weight = reference_contrast_weight
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
        check_whole(self, 1, "neighbours", "references", "reference_neighbours", "hidden", "heads")
        check_whole(self, 0, "layers", "epochs")
        check_positive(self, "target_radius", none="no bound")
        check_share(self, "target_mask", "reference_mask")
        check_not_negative(self, "mse_weight", "correlation_weight", "weight_decay")
        check_not_negative(self, "target_contrast_weight", "reference_contrast_weight")
        check_positive(self, "learning_rate")
        check_multiple(self, "hidden", self.heads, "heads")

    def _edge_types(self) -> frozenset[str]:
        return frozenset(filter(None, self.edges.split("+")))

    def fit(
        self,
        train: Sequence[TrainingSlide],
        validation: Sequence[QuerySlide] = (),
        score: Score | None = None,
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
            query_graphs = {slide: build_graph(slide, self._bank, recipe, device) for slide in validation}
            self._network = self._new_network(self._bank).to(device)
            encoder = self._network.encoder
            second = encoder if self.second_view == "shared" else copy.deepcopy(encoder).requires_grad_(False)

            def losses(epoch: int) -> Iterator[Tensor]:
                for i in torch.randperm(len(slides), generator=generator, device=device).tolist():
                    yield self._loss(graphs[i], truths[i], second, generator)

            optimiser = training.adamw(self._network, self.learning_rate, self.weight_decay)
            judge = training.Validation(lambda slide: self._predict(query_graphs[slide]), validation, score)
            return training.train(self._network, optimiser, losses, self.epochs, context, judge)

    def _recipe(self) -> GraphRecipe:
        return GraphRecipe(**{name: getattr(self, name) for name in GraphRecipe._fields})

    def _new_network(self, bank: TrainingBank) -> Network:
        d, genes, edges = bank.embeddings.shape[1], bank.expression.shape[1], self._edge_types()
        pools = self.cnap and "CS" in edges
        return Network(
            Encoder(d, genes, self.hidden, self.layers, self.heads, edges, self.cnda),
            Head(genes, self.hidden, self.heads, pools, self.output_projection, self.mlp_head),
        )

    def _loss(self, graph: SlideGraph, truth: Tensor, second: Encoder, generator: torch.Generator) -> Tensor:
        """The loss of one step: view 1 predicts, view 2 is what its embeddings are pulled towards."""
        network = self._fitted()
        views = two_views(graph.features, self.mask, self.target_mask, self.reference_mask, generator)
        nodes = network.encoder(views[0], graph.edges)
        prediction = network.head(nodes, graph.edges.cross)
        loss = self.mse_weight * F.mse_loss(prediction, truth)
        loss = loss + self.correlation_weight * correlation_loss(prediction, truth)
        if self.target_contrast_weight or self.reference_contrast_weight:
            with torch.no_grad():
                other = second(views[1], graph.edges)
            loss = loss + self.target_contrast_weight * contrastive_loss(nodes.target, other.target)
            loss = loss + self.reference_contrast_weight * contrastive_loss(nodes.reference, other.reference)
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

    def parameter_count(self) -> ParameterCount:
        """Trainable parameters; the frozen copy of the second view is gone after fit."""
        return training.count_parameters(self._network)

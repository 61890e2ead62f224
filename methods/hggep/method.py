"""HGGEP as a method: one step per slide on the slide and its augmented copies, one plain pass to predict.

Li, Zhang, Wang, Zhang, Li, Wang, Song: Gene expression prediction from histology images via hypergraph neural
networks, Briefings in Bioinformatics 25(6), bbae500 (2024).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import CannotFit, MethodError
from stbench.nn import training
from stbench.nn.array_neighbours import neighbours_within
from stbench.nn.distilled_heads import LossTerms, SpotHeads
from stbench.nn.distilled_slides import (
    DistilledSlide,
    NetworkSizes,
    distillation_notes,
    distilled_slide,
    sizes_asked,
)
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.grid_embedding import grid_columns_rows, table_size
from stbench.nn.hyperparameters import (
    check_choice,
    check_not_negative,
    check_positive,
    check_share,
    check_whole,
)
from stbench.nn.pretrained import imagenet_network, untrained_network
from stbench.nn.self_distillation import augmented_copy
from stbench.nn.spot_patches import as_images, spot_patches
from stbench.nn.streaming import in_pieces
from stbench.slide import QuerySlide, TrainingSlide

from .hypergraph import HypergraphRecipe, adjacency_shares
from .network import Network, Places, SpotNetwork
from .patches import PatchEncoder

EDGE = 112
BACKBONE = "shufflenet_v2_x0_5"
# Spots times passes of one step. Above the first, activations are computed twice rather than kept; above the
# second, augmented copies are left out. Both keep a step on a slide of 5,000 spots within 24 GiB.
RECOMPUTED_ABOVE, MOST_SPOTS = 4_000, 15_000
_SPOTS_AT_A_TIME = 256
_EDGE_WEIGHTS = ("mean", "incidence")


class HGGEP(Method):
    """Gradient enhancement, ShuffleNet, transformers, hypergraph and LSTM; defaults are the preset `paper`.

    theta                               how much of the centre pixel the difference convolution takes away
    depth, heads, head_width            each of the three transformers over all spots of a slide
    lstm_layers                         of the LSTM over three depths and the hypergraph
    neighbours, radius                  adjacency: so many nearest spots within a radius, in array units (None: no
                                        bound)
    picks, similar                      each spot chooses so many others by adjacency and distance of features:
                                        the least alike of its neighbours, or the most alike
    edge_weight                         of a hyperedge: "mean" of the scores that chose it, or "incidence", which
                                        depends on the order of the spots as in the released code
    dropout, graph_dropout              in the transformers, between the hypergraph convolutions
    n_pos                               entries of each position table; None: what the platform's arrays need
    zinb_weight                         of the likelihood of raw panel counts; 0 leaves its heads out
    copies, distillation_weight         augmented copies of a slide in each step, and the pull towards their
                                        ensemble; 0 copies make a step six times cheaper
    learning_rate, decay, decay_every   Adam, its rate times `decay` every so many epochs
    """

    def __init__(
        self,
        theta: float = 0.7,
        depth: int = 4,
        heads: int = 16,
        head_width: int = 64,
        lstm_layers: int = 4,
        neighbours: int = 8,
        radius: float | None = 2.0,
        picks: int = 4,
        similar: bool = False,
        edge_weight: str = "mean",
        dropout: float = 0.2,
        graph_dropout: float = 0.5,
        n_pos: int | None = None,
        zinb_weight: float = 0.25,
        copies: int = 5,
        distillation_weight: float = 0.5,
        learning_rate: float = 1e-5,
        decay: float = 0.9,
        decay_every: int = 50,
        epochs: int = 350,
    ):
        self.theta = theta
        self.depth = depth
        self.heads = heads
        self.head_width = head_width
        self.lstm_layers = lstm_layers
        self.neighbours = neighbours
        self.radius = radius
        self.picks = picks
        self.similar = similar
        self.edge_weight = edge_weight
        self.dropout = dropout
        self.graph_dropout = graph_dropout
        self.n_pos = n_pos
        self.zinb_weight = zinb_weight
        self.copies = copies
        self.distillation_weight = distillation_weight
        self.learning_rate = learning_rate
        self.decay = decay
        self.decay_every = decay_every
        self.epochs = epochs
        self._check_values()
        self._network: Network | None = None
        self._n_positions = 0
        self._sizes: NetworkSizes | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """One step per training slide and epoch; slides of one spot, which have no batch statistics, are left out.

        Raises CannotFit without a slide of two spots, MethodError
        for slides without patches or with spots outside the position tables.
        """
        slides = [slide for slide in train if slide.n_spots > 1]
        if not slides:
            raise CannotFit(
                "HGGEP was given no training slide with two spots or more; it needs at least one."
            )
        self._n_positions = self.n_pos or max(table_size(slide.platform) for slide in slides)
        copies = self.copies if self.distillation_weight else 0  # of no use without the pull towards them
        with training.seeded(context) as generator:
            device = generator.device
            limits = RECOMPUTED_ABOVE, MOST_SPOTS
            on_device = [distilled_slide(slide, EDGE, copies, *limits, device) for slide in slides]
            places = [self._places(slide, device) for slide in slides]
            started = imagenet_network(BACKBONE)
            self._sizes = sizes_asked(on_device, self.zinb_weight)
            network = self._network = self._new_network(started.network, self._sizes).to(device)
            optimiser = training.adam(self._fitted(), self.learning_rate)
            schedule = torch.optim.lr_scheduler.StepLR(optimiser, self.decay_every, self.decay)

            def losses(epoch: int) -> Iterator[Tensor]:
                for i in torch.randperm(len(slides), generator=generator, device=device).tolist():
                    terms = self._terms(on_device[i], places[i], generator)
                    yield terms.weighted(self.zinb_weight, self.distillation_weight)
                schedule.step()

            queried = training.Checkpoints(self.predict, queries, checkpoints)
            report = training.train(
                network, optimiser, losses, self.epochs, context, queried, also={"schedule": schedule}
            )
        notes = []
        if len(slides) < len(train):
            notes.append(f"Training slides of fewer than two spots, left out: {len(train) - len(slides)}.")
        notes += distillation_notes(on_device, copies, self.zinb_weight)
        return replace(report, pretrained=started.origin, notes=tuple(notes))

    def _check_values(self) -> None:
        """UsageError for a hyperparameter out of its range."""
        check_whole(
            self, 1, "depth", "heads", "head_width", "lstm_layers", "neighbours", "picks", "decay_every"
        )
        check_whole(self, 1, "n_pos", none="the platform's")
        check_whole(self, 0, "copies", "epochs")
        check_not_negative(self, "zinb_weight", "distillation_weight")
        check_not_negative(self, "radius", none="no bound")
        check_positive(self, "learning_rate", "decay")
        check_share(self, "theta")
        check_share(self, "dropout", "graph_dropout", below_one=True)
        check_choice(self, "edge_weight", _EDGE_WEIGHTS)

    def _places(self, slide: TrainingSlide | QuerySlide, device: torch.device) -> Places:
        neighbours, kept = neighbours_within(slide, self.neighbours, self.radius)
        return Places(
            torch.tensor(grid_columns_rows(slide, self._n_positions), device=device),
            adjacency_shares(torch.tensor(neighbours, device=device), torch.tensor(kept, device=device)),
        )

    def _new_network(self, backbone: nn.Module, sizes: NetworkSizes) -> Network:
        patches = PatchEncoder(backbone, sizes.edge, self.theta)
        spots = SpotNetwork(
            patches.width,
            self._n_positions,
            self.depth,
            self.heads,
            self.head_width,
            self.lstm_layers,
            self.dropout,
            self.graph_dropout,
            HypergraphRecipe(self.picks, self.similar, self.edge_weight),
        )
        heads = SpotHeads(patches.width, sizes.genes, sizes.counts, sizes.distillation)
        return Network(patches, spots, heads)

    def _terms(self, slide: DistilledSlide, places: Places, generator: torch.Generator) -> LossTerms:
        """The terms of one step's loss: the slide as it is, and copies of it if they are asked for."""
        network, plain = self._fitted(), as_images(slide.patches)
        passes = [plain, *(augmented_copy(plain, generator) for _ in range(slide.copies))]
        states = network.states(passes, places, slide.recompute)
        return network.heads.loss_terms(states, slide.truth)

    def _fitted(self) -> Network:
        if self._network is None:
            raise MethodError("HGGEP was asked to predict before it was fitted; call fit first.")
        return self._network

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) float32 on the log scale, from one plain pass over the whole slide."""
        network = self._fitted()
        device = next(network.parameters()).device
        patches, places = spot_patches([slide], EDGE, device), self._places(slide, device)
        with training.evaluating(network):
            features = in_pieces(
                lambda piece: network.patches(as_images(piece)), patches, size=_SPOTS_AT_A_TIME
            )
            return network.heads(network.spots(features[None], places))[0].cpu().numpy()

    def state(self) -> FittedState:
        """The network with the heads that only the loss reads, and the sizes that it is built with."""
        network = self._fitted()
        assert self._sizes is not None, "the sizes are set together with the network"
        return network_state(network, **self._sizes._asdict(), positions=self._n_positions)

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        sizes = dict(state.plain)
        self._n_positions = sizes.pop("positions")
        self._sizes = NetworkSizes(**sizes)
        self._network = with_weights(
            self._new_network(untrained_network(BACKBONE), self._sizes), state, device
        )

    def parameter_count(self) -> ParameterCount:
        """Trainable parameters, the heads that only the loss reads included."""
        return training.count_parameters(self._network)

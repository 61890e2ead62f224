"""Hist2ST as a method: one step per slide on the slide and its augmented copies, one plain pass to predict.

Zeng et al.: Spatial transcriptomics prediction from histology jointly through Transformer and graph neural
networks, Briefings in Bioinformatics 23(5), bbac297 (2022).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import CannotFit, MethodError, UsageError
from stbench.nn import training
from stbench.nn.distilled_heads import LossTerms, SpotHeads
from stbench.nn.distilled_slides import (
    DistilledSlide,
    NetworkSizes,
    distillation_notes,
    distilled_slide,
    sizes_asked,
)
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.grid_embedding import table_size
from stbench.nn.hyperparameters import (
    check_multiple,
    check_not_negative,
    check_positive,
    check_share,
    check_whole,
)
from stbench.nn.self_distillation import augmented_copy
from stbench.nn.spot_patches import as_images, spot_patches
from stbench.nn.streaming import in_pieces
from stbench.slide import QuerySlide, TrainingSlide

from .network import Network, PatchEncoder, Places, SpotNetwork
from .places import places_of

EDGE = 112
# Spots times passes of one step. Above the first, activations are computed twice rather than kept; above the
# second, augmented copies are left out. Both keep a step on a slide of 5,000 spots within 24 GiB.
RECOMPUTED_ABOVE, MOST_SPOTS = 9_000, 20_000
_SPOTS_AT_A_TIME = 256


class Hist2ST(Method):
    """ConvMixer, transformer, graph layers and LSTM; defaults are the preset `paper`.

    tile, channels, kernel, conv_depth  the patch encoder: tiles of a patch, then depthwise and 1x1 convolutions
    depth, heads, head_width            the transformer over all spots of a slide
    graph_depth, neighbours, radius     graph layers over so many nearest spots within a radius, in array units
                                        (None: no bound); concat_self sets a spot's own state beside their mean
    n_pos                               entries of each position table; None: what the platform's arrays need
    unit_pixels                         pixels from 0 to 1 instead of 0 to 255
    zinb_weight                         of the likelihood of raw panel counts; 0 leaves its heads out
    copies, distillation_weight         augmented copies of a slide in each step, and the pull towards their
                                        ensemble; 0 copies make a step six times cheaper
    learning_rate, decay, decay_every   Adam, its rate times `decay` every so many epochs
    """

    def __init__(
        self,
        tile: int = 7,
        channels: int = 32,
        kernel: int = 5,
        conv_depth: int = 2,
        depth: int = 8,
        heads: int = 16,
        head_width: int = 64,
        graph_depth: int = 4,
        neighbours: int = 4,
        radius: float | None = 2.0,
        concat_self: bool = False,
        dropout: float = 0.2,
        n_pos: int | None = None,
        unit_pixels: bool = False,
        zinb_weight: float = 0.25,
        copies: int = 5,
        distillation_weight: float = 0.5,
        learning_rate: float = 1e-5,
        decay: float = 0.9,
        decay_every: int = 50,
        epochs: int = 350,
    ):
        self.tile = tile
        self.channels = channels
        self.kernel = kernel
        self.conv_depth = conv_depth
        self.depth = depth
        self.heads = heads
        self.head_width = head_width
        self.graph_depth = graph_depth
        self.neighbours = neighbours
        self.radius = radius
        self.concat_self = concat_self
        self.dropout = dropout
        self.n_pos = n_pos
        self.unit_pixels = unit_pixels
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
        """One step per training slide and epoch.

        Raises CannotFit without a spot to train on, MethodError
        for slides without patches or with spots outside the position tables.
        """
        slides = [slide for slide in train if slide.n_spots]
        if not slides:
            raise CannotFit("Hist2ST was given no training slide with spots; it needs at least one.")
        self._n_positions = self.n_pos or max(table_size(slide.platform) for slide in slides)
        copies = self.copies if self.distillation_weight else 0  # of no use without the pull towards them
        with training.seeded(context) as generator:
            device = generator.device
            limits = RECOMPUTED_ABOVE, MOST_SPOTS
            on_device = [distilled_slide(slide, EDGE, copies, *limits, device) for slide in slides]
            places = [self._places(slide, device) for slide in slides]
            self._sizes = sizes_asked(on_device, self.zinb_weight)
            network = self._network = self._new_network(self._sizes).to(device)
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
        return replace(report, notes=tuple(distillation_notes(on_device, copies, self.zinb_weight)))

    def _check_values(self) -> None:
        """UsageError for a hyperparameter out of its range."""
        sizes = ("tile", "kernel", "channels", "depth", "heads", "head_width", "graph_depth")
        check_whole(self, 1, *sizes, "neighbours", "decay_every")
        check_whole(self, 1, "n_pos", none="the platform's")
        check_whole(self, 0, "conv_depth", "copies", "epochs")
        check_not_negative(self, "zinb_weight", "distillation_weight")
        check_not_negative(self, "radius", none="no bound")
        check_positive(self, "learning_rate", "decay")
        check_share(self, "dropout", below_one=True)
        check_multiple(self, "channels", 8)  # the last convolution keeps an eighth
        if self.tile > EDGE:
            raise UsageError(f"tile is {self.tile}; it must be at most {EDGE}, the edge of a patch.")

    def _places(self, slide: TrainingSlide | QuerySlide, device: torch.device) -> Places:
        return places_of(slide, self._n_positions, self.neighbours, self.radius, device)

    def _new_network(self, sizes: NetworkSizes) -> Network:
        width = (sizes.edge // self.tile) ** 2 * (self.channels // 8)
        return Network(
            PatchEncoder(self.tile, self.channels, self.kernel, self.conv_depth, self.dropout),
            SpotNetwork(
                width,
                self._n_positions,
                self.depth,
                self.heads,
                self.head_width,
                self.graph_depth,
                self.concat_self,
                self.dropout,
            ),
            SpotHeads(width, sizes.genes, sizes.counts, sizes.distillation),
        )

    def _terms(self, slide: DistilledSlide, places: Places, generator: torch.Generator) -> LossTerms:
        """The terms of one step's loss: the slide as it is, and copies of it if they are asked for."""
        network, plain = self._fitted(), self._images(slide.patches)
        passes = [plain, *(augmented_copy(plain, generator) for _ in range(slide.copies))]
        states = network.states(passes, places, slide.recompute)
        return network.heads.loss_terms(states, slide.truth)

    def _images(self, patches: Tensor) -> Tensor:
        images = as_images(patches)
        return images / 255 if self.unit_pixels else images

    def _fitted(self) -> Network:
        if self._network is None:
            raise MethodError("Hist2ST was asked to predict before it was fitted; call fit first.")
        return self._network

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) float32 on the log scale, from one plain pass over the whole slide."""
        network = self._fitted()
        device = next(network.parameters()).device
        patches, places = spot_patches([slide], EDGE, device), self._places(slide, device)
        with training.evaluating(network):
            features = in_pieces(
                lambda piece: network.patches(self._images(piece)), patches, size=_SPOTS_AT_A_TIME
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
        self._network = with_weights(self._new_network(self._sizes), state, device)

    def parameter_count(self) -> ParameterCount:
        """Trainable parameters, the heads that only the loss reads included."""
        return training.count_parameters(self._network)

"""ST-Net as a method: what is trained, with which loss, and how copies of a patch are averaged.

He et al.: Integrating spatial gene expression and breast tumour morphology via deep learning, Nature Biomedical
Engineering 4:827-834 (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import CannotFit, MethodError
from stbench.nn import training
from stbench.nn.augmentation import random_symmetries
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.hyperparameters import check_choice, check_positive, check_share, check_whole
from stbench.nn.patch_stream import PatchStream
from stbench.nn.pretrained import imagenet_network, untrained_network
from stbench.nn.spot_patches import spot_expression
from stbench.slide import QuerySlide, TrainingSlide

from .network import Network
from .pixels import PixelStatistics, pixel_statistics

EDGE = 224
BACKBONE = "densenet121"
# Patches whose features are computed at a time where nothing is trained.
_PIECE = 64
# What each mode trains with where the settings leave it open.
_LEARNING_RATE = {"finetune": 1e-6, "frozen": 1e-3}
_BATCH_SIZE = {"finetune": 32, "frozen": 256}


class Recipe(NamedTuple):
    """What a mode trains, the losses of an epoch, and how a query is predicted meanwhile."""

    trained: nn.Module
    losses: Callable[[int], Iterator[Tensor]]
    predict: Callable[[QuerySlide], np.ndarray]


class STNet(Method):
    """DenseNet-121 with a linear layer to all genes; defaults are the preset `paper`.

    mode           "finetune" trains everything by SGD; "frozen" trains the linear layer alone, by Adam
    learning_rate  None is the mode's own: 1e-6 to fine-tune, 1e-3 frozen. The loss is a sum over the batch
    batch_size     None is the mode's own: 32 to fine-tune, 256 frozen
    momentum       of SGD
    augment        each training patch is seen under a random one of its eight symmetries
    average        a prediction is the mean over the eight symmetries of the patch
    """

    def __init__(
        self,
        mode: str = "finetune",
        learning_rate: float | None = None,
        batch_size: int | None = None,
        momentum: float = 0.9,
        augment: bool = True,
        average: bool = True,
        epochs: int = 50,
    ):
        self.mode = mode
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.momentum = momentum
        self.augment = augment
        self.average = average
        self.epochs = epochs
        self._check_values()
        self._network: Network | None = None

    def _check_values(self) -> None:
        """UsageError for a hyperparameter out of its range."""
        check_choice(self, "mode", _LEARNING_RATE)
        check_positive(self, "learning_rate", none="the mode's")
        check_whole(self, 1, "batch_size", none="the mode's")
        check_whole(self, 0, "epochs")
        check_share(self, "momentum", below_one=True)

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """Batches of spots from all training slides. Raises CannotFit without a spot, MethodError without patches."""
        slides = [slide for slide in train if slide.n_spots]
        if not slides:
            raise CannotFit("ST-Net trains on spots, but the training slides have none.")
        with training.seeded(context) as generator:
            patches = PatchStream(slides, EDGE, generator.device)
            expression = spot_expression(slides, generator.device)
            origin = self._start(slides, patches, generator.device)
            if self.mode == "finetune":
                recipe = self._fine_tuning(patches, expression, generator)
            else:
                recipe = self._head_alone(patches, expression, queries, generator)
            queried = training.Checkpoints(recipe.predict, queries, checkpoints)
            optimiser = self._optimiser(recipe.trained)
            report = training.train(recipe.trained, optimiser, recipe.losses, self.epochs, context, queried)
        return replace(report, pretrained=origin)

    def _start(self, slides: Sequence[TrainingSlide], patches: PatchStream, device: torch.device) -> str:
        """Build the network, which predicts the training mean; returns what its backbone starts from."""
        densenet, origin = imagenet_network(BACKBONE)
        pixels = pixel_statistics(patches.in_order(_PIECE))
        backbone = cast(nn.Module, densenet.features)
        self._network = Network(backbone, pixels, mean_expression(slides)).to(device)
        return origin

    def state(self) -> FittedState:
        """The network, frozen layers and pixel statistics included."""
        return network_state(self._fitted(), genes=self._fitted().head.out_features)

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        backbone = cast(nn.Module, untrained_network(BACKBONE).features)
        unknown = PixelStatistics((0.0,) * 3, (1.0,) * 3)  # its own come with the weights
        network = Network(backbone, unknown, torch.zeros(state.plain["genes"]))
        self._network = with_weights(network, state, device)

    def _fine_tuning(self, patches: PatchStream, expression: Tensor, generator: torch.Generator) -> Recipe:
        """Train the whole network; its batch norms follow the batches."""
        network = self._fitted()

        def losses(epoch: int) -> Iterator[Tensor]:
            for spots in _batches(len(patches), self._size(), generator):
                images = network.images(patches.batch(spots))
                images = random_symmetries(images, generator) if self.augment else images
                yield summed_error(network(images), expression[spots])

        return Recipe(network, losses, self.predict)

    def _head_alone(
        self,
        patches: PatchStream,
        expression: Tensor,
        queries: Sequence[QuerySlide],
        generator: torch.Generator,
    ) -> Recipe:
        """Train the linear layer on what the backbone makes, once, of every copy that may be drawn."""
        network = self._fitted()
        network.backbone.requires_grad_(False)
        features = self._features(patches, every_copy=self.augment)  # (n, copies, 1024)
        seen = {slide: self._mean_features(slide) for slide in queries}

        def losses(epoch: int) -> Iterator[Tensor]:
            n, copies = features.shape[:2]
            for spots in _batches(n, self._size(), generator):
                drawn = torch.randint(copies, spots.shape, generator=generator, device=spots.device)
                yield summed_error(network.head(features[spots, drawn]), expression[spots])

        return Recipe(network.head, losses, lambda slide: network.head(seen[slide]).cpu().numpy())

    def _optimiser(self, trained: nn.Module) -> torch.optim.Optimizer:
        if self.mode == "finetune":
            return torch.optim.SGD(trained.parameters(), lr=self._rate(), momentum=self.momentum)
        return torch.optim.Adam(trained.parameters(), lr=self._rate())

    def _rate(self) -> float:
        return _LEARNING_RATE[self.mode] if self.learning_rate is None else self.learning_rate

    def _size(self) -> int:
        return _BATCH_SIZE[self.mode] if self.batch_size is None else self.batch_size

    def _fitted(self) -> Network:
        if self._network is None:
            raise MethodError("ST-Net was asked to predict before it was fitted; call fit first.")
        return self._network

    def _features(self, patches: PatchStream, every_copy: bool) -> Tensor:
        """(n, 8, 1024) features of the eight copies of each patch, or (n, 1, 1024) of the patch as it is."""
        network = self._fitted()
        with training.evaluating(network):
            return torch.cat(
                [network.features_of_copies(piece, every_copy) for piece in patches.in_order(_PIECE)]
            )

    def _mean_features(self, slide: QuerySlide) -> Tensor:
        """(n, 1024): what the linear layer makes of their mean is the mean of the copies' predictions."""
        patches = PatchStream([slide], EDGE, self._fitted().pixel_mean.device)
        return self._features(patches, every_copy=self.average).mean(1)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) float32 on the log scale, each spot from its own patch alone."""
        network = self._fitted()
        with training.evaluating(network):
            return network.head(self._mean_features(slide)).cpu().numpy()

    def parameter_count(self) -> ParameterCount:
        """Those of the linear layer, and of DenseNet-121 where it was trained."""
        return training.count_parameters(self._network)


def summed_error(prediction: Tensor, truth: Tensor) -> Tensor:
    """Squared error, averaged over genes and summed over the spots of the batch."""
    return (prediction - truth).square().mean(1).sum()


def mean_expression(slides: Sequence[TrainingSlide]) -> Tensor:
    """(G,) mean over all training spots, summed in double precision."""
    spots = np.concatenate([slide.expression for slide in slides])
    return torch.tensor(spots.mean(axis=0, dtype=np.float64), dtype=torch.float32)


def _batches(n: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Shuffled batches; a last one of a single spot joins the one before, for batch norm needs company."""
    batches = list(training.shuffled_batches(n, size, generator))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    yield from batches

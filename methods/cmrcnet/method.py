"""CMRCNet as a method: batches, losses, schedule, and prediction from the bank of training spots.

Liu, Eckstein, Wang, Feuerhake, Merhof: Spatial Transcriptomics Expression Prediction from Histopathology Based on
Cross-Modal Mask Reconstruction and Contrastive Learning, Medical Image Analysis 108, 103889 (2025).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import CannotFit, MethodError
from stbench.nn import training
from stbench.nn.augmentation import happens, random_symmetries
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.hyperparameters import (
    check_multiple,
    check_not_negative,
    check_positive,
    check_share,
    check_whole,
)
from stbench.nn.reference_bank import ReferenceBank
from stbench.nn.spot_patches import imagenet_normalised, spot_expression, spot_patches
from stbench.nn.streaming import in_pieces
from stbench.slide import QuerySlide, TrainingSlide

from .image_encoder import PIXELS, image_encoder
from .losses import alignment_loss, reconstruction_loss
from .network import Embeddings, Network
from .reconstruction import HEADS, Reconstruction

# Spots that go through the network at once when nothing is learned.
_IMAGES_AT_ONCE, _PROFILES_AT_ONCE = 64, 8192


class CMRCNet(Method):
    """Contrastive alignment with masked cross-modal reconstruction; defaults are the preset `paper`.

    image_width, image_depth, image_heads  the vision transformer
    embedding_width                        width of the shared space
    reconstruction                         False leaves the pretext task out, to see what it brings
    mask_keep                              probability that a channel of an image token is left to be seen
    tied                                   both fusion passes go through one block
    detach_target                          the rebuilt embedding may not move the one it should match
    temperature                            of the contrastive loss
    neighbours                             training spots whose profiles are averaged
    learning_rate, least_learning_rate     from the first to the second by a cosine over `decay_epochs`, which does
                                           not depend on `epochs`, so that a shorter refit follows the same path
    augment                                flips and quarter turns of training patches
    mixed_precision                        bfloat16 where matrices are multiplied, on accelerators only
    """

    def __init__(
        self,
        image_width: int = 768,
        image_depth: int = 8,
        image_heads: int = 8,
        embedding_width: int = 256,
        reconstruction: bool = True,
        mask_keep: float = 0.5,
        tied: bool = True,
        detach_target: bool = False,
        temperature: float = 1.0,
        neighbours: int = 50,
        learning_rate: float = 1e-4,
        least_learning_rate: float = 1e-5,
        decay_epochs: int = 60,
        weight_decay: float = 1e-3,
        batch_size: int = 64,
        augment: bool = True,
        mixed_precision: bool = False,
        epochs: int = 60,
    ):
        self.image_width = image_width
        self.image_depth = image_depth
        self.image_heads = image_heads
        self.embedding_width = embedding_width
        self.reconstruction = reconstruction
        self.mask_keep = mask_keep
        self.tied = tied
        self.detach_target = detach_target
        self.temperature = temperature
        self.neighbours = neighbours
        self.learning_rate = learning_rate
        self.least_learning_rate = least_learning_rate
        self.decay_epochs = decay_epochs
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.augment = augment
        self.mixed_precision = mixed_precision
        self.epochs = epochs
        self._check_values()
        self._network: Network | None = None
        self._profiles = np.empty((0, 0), dtype=np.float32)
        self._bank: ReferenceBank | None = None

    def _check_values(self) -> None:
        """UsageError for a hyperparameter out of its range."""
        sizes = ("image_width", "image_depth", "image_heads", "embedding_width")
        check_whole(self, 1, *sizes, "neighbours", "batch_size", "decay_epochs")
        check_whole(self, 0, "epochs")
        check_positive(self, "temperature", "learning_rate")
        check_not_negative(self, "least_learning_rate", "weight_decay")
        check_share(self, "mask_keep")
        check_multiple(self, "image_width", self.image_heads, "heads")
        check_multiple(self, "embedding_width", HEADS, "heads")

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """Train on random spots of all slides together.

        Raises MethodError for slides without patches of 224 px, CannotFit
        where no slide has a spot.
        """
        slides = [slide for slide in train if slide.n_spots]
        if not slides:
            raise CannotFit("CMRCNet has no training spot; give it at least one slide with spots.")
        with training.seeded(context) as generator:
            device = generator.device
            patches, expression = spot_patches(slides, PIXELS, device), spot_expression(slides, device)
            self._network, self._bank = self._new_network(expression.shape[1]).to(device), None
            self._profiles = expression.cpu().numpy()
            optimiser = training.adamw(self._fitted(), self.learning_rate, self.weight_decay)
            image = expression.new_empty(0, self.embedding_width)

            def losses(epoch: int) -> Iterator[Tensor]:
                nonlocal image
                self._bank = None  # its embeddings are those of the weights that now change
                for group in optimiser.param_groups:
                    group["lr"] = self._learning_rate(epoch)
                order = training.shuffled_batches(
                    len(patches), self.batch_size, generator, drop_incomplete=True
                )
                for spots in order:
                    embedded = self._embedded(patches[spots], expression[spots], generator)
                    image = embedded.image.detach()
                    yield self._loss(embedded)

            half = self.mixed_precision and device.type != "cpu"
            queried = training.Checkpoints(self.predict, queries, checkpoints)
            report = training.train(
                self._network, optimiser, losses, self.epochs, context, queried, mixed_precision=half
            )
        return replace(report, notes=tuple(self._notes(image, half)))

    def _new_network(self, genes: int) -> Network:
        encoder = image_encoder(self.image_width, self.image_depth, self.image_heads)
        branch = None
        if self.reconstruction:
            branch = Reconstruction(genes, self.image_width, self.embedding_width, self.tied)
        return Network(encoder, genes, self.embedding_width, branch)

    def _learning_rate(self, epoch: int) -> float:
        """Of epoch 0, 1, ...: the cosine has moved one epoch on when the first begins, and ends at its least."""
        done = min(1.0, (epoch + 1) / self.decay_epochs)
        fall = (1 + math.cos(math.pi * done)) / 2
        return self.least_learning_rate + (self.learning_rate - self.least_learning_rate) * fall

    def _embedded(self, patches: Tensor, expression: Tensor, generator: torch.Generator) -> Embeddings:
        """The embeddings of one batch, augmented and masked anew."""
        network = self._fitted()
        images = imagenet_normalised(patches)
        if self.augment:
            images = random_symmetries(images, generator)
        kept = None
        if self.reconstruction:
            shape = len(images), network.n_tokens, self.embedding_width
            kept = happens(math.prod(shape), self.mask_keep, generator).view(shape)
        return network(images, expression, kept)

    def _loss(self, embedded: Embeddings) -> Tensor:
        loss = alignment_loss(embedded.expression, embedded.image, self.temperature)
        if embedded.rebuilt is None:
            return loss
        return loss + reconstruction_loss(embedded.rebuilt, embedded.image, self.detach_target)

    def _notes(self, image: Tensor, half: bool) -> Iterator[str]:
        """What the row should say: how alike spots look to the network in the end, precision."""
        if len(image) > 1:
            directions = F.normalize(image.float(), dim=1)
            cosines = directions @ directions.T
            alike = (cosines.sum() - cosines.trace()) / (len(image) * (len(image) - 1))
            yield f"Mean cosine of two spots' image embeddings in the last batch: {alike:.3f} (1: no spread)."
        if self.mixed_precision and not half:
            yield "mixed_precision was left off: it is for accelerators."

    def _fitted(self) -> Network:
        if self._network is None:
            raise MethodError("CMRCNet was asked to predict before it was fitted; call fit first.")
        return self._network

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) on the log scale: mean profile of the training spots nearest to each patch."""
        network = self._fitted()
        device = next(network.parameters()).device

        def embedded(patches: Tensor) -> Tensor:
            return network.embedded_images(imagenet_normalised(patches.to(device)))

        with training.evaluating(network):
            query = in_pieces(embedded, spot_patches([slide], PIXELS), size=_IMAGES_AT_ONCE)
        return self._reference_bank().mean_of_nearest(query.cpu().numpy(), self.neighbours)

    def _reference_bank(self) -> ReferenceBank:
        """All training spots, embedded once by the weights of today."""
        if self._bank is None:
            network = self._fitted()
            profiles = torch.tensor(self._profiles, device=next(network.parameters()).device)
            with training.evaluating(network):
                embeddings = in_pieces(network.gene_head, profiles, size=_PROFILES_AT_ONCE)
            self._bank = ReferenceBank(embeddings.cpu().numpy(), self._profiles)
        return self._bank

    def state(self) -> FittedState:
        """The network, and the training spots that it retrieves from."""
        return network_state(self._fitted(), self._reference_bank()._asdict())

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        bank = self._bank = ReferenceBank(*(state.arrays[name] for name in ReferenceBank._fields))
        self._profiles = bank.profiles
        self._network = with_weights(self._new_network(bank.profiles.shape[1]), state, device)

    def parameter_count(self) -> ParameterCount:
        """Everything is trained; the reconstruction counts although prediction does without it."""
        return training.count_parameters(self._network)

"""mclSTExp as a method: batches, loss, the bank of training spots and prediction from it.

Min, Shi, Zhang, Wan, Wang: Multimodal contrastive learning for spatial gene expression prediction using histology
images, Briefings in Bioinformatics 25(6), bbae551 (2024).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import DenseNet, densenet121

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import CannotFit, MethodError
from stbench.nn import training
from stbench.nn.contrastive_losses import one_to_one_loss
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.hyperparameters import check_choice, check_not_negative, check_positive, check_whole
from stbench.nn.patch_stream import PatchStream
from stbench.nn.pretrained import StartedNetwork, imagenet_network, untrained_network
from stbench.nn.reference_bank import ReferenceBank
from stbench.slide import QuerySlide, TrainingSlide

from .bank import TrainingSpots, embedded_bank, training_spots
from .batches import SEQUENCES, training_sequences
from .collapse import CollapseWatch
from .network import ImageEncoder, Network, SpotEncoder
from .positions import SOURCES, entries_needed
from .views import AUGMENTATIONS, augmented, unit_images

_CHOICES = {
    "sequence": SEQUENCES,
    "positions": SOURCES,
    "augmentation": AUGMENTATIONS,
    "distance": ("l1", "l2"),
    "optimiser": ("adamw", "adam"),
}
BACKBONE = "densenet121"
_NEIGHBOURS_ON_ST, _NEIGHBOURS_ELSEWHERE = 200, 2400
_IMAGES_AT_ONCE = 64


class MclSTExp(Method):
    """Contrastive alignment of patches and position-aware spots; defaults are the preset `paper`.

    pretrained                  the image encoder starts from ImageNet weights where these are at hand
    patch_pixels                edge of the patches that slides bring
    embedding_width             width of the shared space
    layers, heads, head_width   attention among the spots of a sequence
    positions, n_pos            "grid" or "pixels" index the position tables, of `n_pos` entries an axis; None means
                                as many as the platform's array has (64 on ST, 128 elsewhere), 65,536 for pixels
    sequence                    a batch is drawn from all slides ("mixed") or from one ("one_slide")
    augmentation                see `views.augmented`; "platform" is jitter on ST and symmetries elsewhere
    temperature                 of the loss; 16 undoes most of the embeddings' norm, should the training collapse
    neighbours, distance        bank spots averaged, None meaning 200 on ST and 2,400 elsewhere, and whether "l1" or
                                "l2" distances weigh them
    batch_size                  also the length of the bank's sequences
    mixed_precision             bfloat16 where matrices are multiplied, on accelerators only
    """

    def __init__(
        self,
        pretrained: bool = True,
        patch_pixels: int = 224,
        embedding_width: int = 256,
        layers: int = 2,
        heads: int = 8,
        head_width: int = 64,
        positions: str = "grid",
        n_pos: int | None = None,
        sequence: str = "mixed",
        augmentation: str = "platform",
        temperature: float = 1.0,
        neighbours: int | None = None,
        distance: str = "l2",
        optimiser: str = "adamw",
        learning_rate: float = 1e-4,
        weight_decay: float = 1e-3,
        batch_size: int = 128,
        mixed_precision: bool = False,
        epochs: int = 90,
    ):
        self.pretrained = pretrained
        self.patch_pixels = patch_pixels
        self.embedding_width = embedding_width
        self.layers = layers
        self.heads = heads
        self.head_width = head_width
        self.positions = positions
        self.n_pos = n_pos
        self.sequence = sequence
        self.augmentation = augmentation
        self.temperature = temperature
        self.neighbours = neighbours
        self.distance = distance
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.mixed_precision = mixed_precision
        self.epochs = epochs
        self._check_values()
        self._network: Network | None = None
        self._spots = TrainingSpots(np.empty((0, 0), dtype=np.float32), np.empty((0, 2), dtype=np.int64), [])
        self._bank: ReferenceBank | None = None

    def _check_values(self) -> None:
        """UsageError for a hyperparameter out of its range."""
        for name, choices in _CHOICES.items():
            check_choice(self, name, choices)
        check_whole(self, 1, "embedding_width", "layers", "heads", "head_width", "patch_pixels")
        check_whole(self, 2, "batch_size")  # a spot is told from others
        check_whole(self, 1, "n_pos", "neighbours", none="the platform's")
        check_whole(self, 0, "epochs")
        check_positive(self, "temperature", "learning_rate")
        check_not_negative(self, "weight_decay")

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """Train on random sequences of spots, each with its own patch.

        Raises MethodError for slides without patches or with spots outside the
        position tables, CannotFit with fewer than two training spots.
        """
        slides = [slide for slide in train if slide.n_spots]
        if sum(slide.n_spots for slide in slides) < 2:
            raise CannotFit("mclSTExp learns to tell training spots apart and needs at least two of them.")
        self._network = self._bank = None  # a fit that fails leaves no network of other spots
        n_pos = self.n_pos or entries_needed(slides, self.positions)
        with training.seeded(context) as generator:
            patches = PatchStream(slides, self.patch_pixels, generator.device)
            self._spots = training_spots(slides, self.positions, n_pos)
            started = self._started()
            network = self._new_network(started.network, self._spots.expression.shape[1], n_pos)
            self._network = network.to(generator.device)
            watch, half = CollapseWatch(), self.mixed_precision and generator.device.type != "cpu"
            losses = self._losses(patches, self._augmentation_for(slides), generator, watch)
            queried = training.Checkpoints(self.predict, queries, checkpoints)
            report = training.train(
                self._network,
                self._optimiser(),
                losses,
                self.epochs,
                context,
                queried,
                mixed_precision=half,
                also={"collapse": watch},
            )
        notes = list(watch.notes())
        if self.mixed_precision and not half:
            notes.append("mixed_precision was left off: it is for accelerators.")
        return replace(report, pretrained=started.origin, notes=tuple(notes))

    def _started(self) -> StartedNetwork:
        """DenseNet-121, and what it starts from."""
        if self.pretrained:
            return imagenet_network(BACKBONE)
        return StartedNetwork(densenet121(weights=None), f"{BACKBONE}: random, as asked for")

    def _new_network(self, backbone: nn.Module, genes: int, n_pos: int) -> Network:
        image_encoder = ImageEncoder(cast(DenseNet, backbone).features)
        spot_encoder = SpotEncoder(genes, n_pos, self.layers, self.heads, self.head_width)
        return Network(image_encoder, spot_encoder, genes, self.embedding_width)

    def _optimiser(self) -> torch.optim.Optimizer:
        kind = training.adamw if self.optimiser == "adamw" else training.adam
        return kind(self._fitted(), self.learning_rate, self.weight_decay)

    def _augmentation_for(self, slides: Sequence[TrainingSlide]) -> str:
        if self.augmentation != "platform":
            return self.augmentation
        return "jitter" if all(slide.platform == "ST" for slide in slides) else "symmetries"

    def _losses(
        self, patches: PatchStream, augmentation: str, generator: torch.Generator, watch: CollapseWatch
    ) -> Callable[[int], Iterator[Tensor]]:
        """The losses of an epoch, as `training.train` asks for them."""
        network, spots = self._fitted(), self._spots
        expression, columns_rows = spots.on(generator.device)

        def losses(epoch: int) -> Iterator[Tensor]:
            self._bank = None  # its embeddings are those of the weights that now change
            watch.begin_epoch()
            for batch in training_sequences(spots.spots_per_slide, self.batch_size, self.sequence, generator):
                images = augmented(unit_images(patches.batch(batch)), augmentation, generator)
                embedded = network.embedded_spots(expression[batch], columns_rows[batch])
                loss = one_to_one_loss(embedded, network.embedded_images(images), self.temperature)
                watch.saw(loss, len(batch))
                yield loss

        return losses

    def _fitted(self) -> Network:
        if self._network is None:
            raise MethodError("mclSTExp was asked to predict before it was fitted; call fit first.")
        return self._network

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) on the log scale: weighted profiles of the training spots nearest to each patch.

        The query's positions are not used.
        """
        network = self._fitted()
        patches = PatchStream([slide], self.patch_pixels, next(network.parameters()).device)
        with training.evaluating(network):
            pieces = [
                network.embedded_images(unit_images(piece)) for piece in patches.in_order(_IMAGES_AT_ONCE)
            ]
        query, order = torch.cat(pieces).cpu().numpy(), {"l1": 1, "l2": 2}[self.distance]
        return self._reference_bank().inverse_square_mean(query, self._neighbours_on(slide), order)

    def _neighbours_on(self, slide: QuerySlide) -> int:
        if self.neighbours is not None:
            return self.neighbours
        return _NEIGHBOURS_ON_ST if slide.platform == "ST" else _NEIGHBOURS_ELSEWHERE

    def _reference_bank(self) -> ReferenceBank:
        """All training spots, embedded once by the weights of today."""
        if self._bank is None:
            self._bank = embedded_bank(self._fitted(), self._spots, self.batch_size)
        return self._bank

    def state(self) -> FittedState:
        """The network, and the training spots that it retrieves from."""
        network = self._fitted()
        entries = network.spot_encoder.position.column.num_embeddings
        return network_state(network, self._reference_bank()._asdict(), n_pos=entries)

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        bank = self._bank = ReferenceBank(*(state.arrays[name] for name in ReferenceBank._fields))
        backbone = untrained_network(BACKBONE) if self.pretrained else densenet121(weights=None)
        network = self._new_network(backbone, bank.profiles.shape[1], state.plain["n_pos"])
        self._network = with_weights(network, state, device)

    def parameter_count(self) -> ParameterCount:
        """Everything is trained; the position tables' unused entries count."""
        return training.count_parameters(self._network)

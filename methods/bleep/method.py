"""BLEEP as a method: its batches, its loss, and the bank of training spots that it retrieves from.

Xie et al.: Spatially Resolved Gene Expression Prediction from H&E Histology Images via Bi-modal Contrastive
Learning, NeurIPS 2023 (arXiv 2306.01859).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import CannotFit, MethodError
from stbench.nn import training
from stbench.nn.augmentation import random_symmetries
from stbench.nn.contrastive_losses import soft_target_losses
from stbench.nn.fitted_state import network_state, with_weights
from stbench.nn.hyperparameters import check_not_negative, check_positive, check_share, check_whole
from stbench.nn.patch_stream import PatchStream
from stbench.nn.pretrained import imagenet_network, untrained_network
from stbench.nn.reference_bank import ReferenceBank
from stbench.nn.spot_patches import imagenet_normalised, spot_expression
from stbench.slide import QuerySlide, TrainingSlide

from .batches import HELD_OUT_SHARE, BatchPlan, held_out_apart
from .network import Network

EDGE = 224
BACKBONE = "resnet50"
# Patches embedded at a time where nothing is trained.
_PIECE = 64


class BLEEP(Method):
    """ResNet-50 and two projection heads, contrasted; defaults are the preset `paper`.

    retrieved                    a prediction is the mean of so many measured profiles
    width, dropout, temperature  of the common space, of both heads, of the loss
    micro_batch, accumulate      spots that are contrasted with each other, and micro-batches to an optimiser step
    augment                      each training patch is seen under a random one of its eight symmetries
    own_stopping                 the authors' rule: a random fifth of the training spots is held out, and the weights of
                                 the epoch with the lowest loss on them are kept
    """

    def __init__(
        self,
        retrieved: int = 50,
        width: int = 256,
        dropout: float = 0.1,
        temperature: float = 1.0,
        micro_batch: int = 128,
        accumulate: int = 4,
        augment: bool = True,
        own_stopping: bool = False,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-3,
        epochs: int = 150,
    ):
        self.retrieved = retrieved
        self.width = width
        self.dropout = dropout
        self.temperature = temperature
        self.micro_batch = micro_batch
        self.accumulate = accumulate
        self.augment = augment
        self.own_stopping = own_stopping
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.epochs = epochs
        self._check_values()
        self._network: Network | None = None
        self._bank: ReferenceBank | None = None

    def _check_values(self) -> None:
        """UsageError for a hyperparameter out of its range."""
        check_whole(self, 1, "width", "accumulate", "retrieved")
        check_whole(self, 2, "micro_batch")  # spots are contrasted with others
        check_whole(self, 0, "epochs")
        check_positive(self, "learning_rate", "temperature")
        check_not_negative(self, "weight_decay")
        check_share(self, "dropout", below_one=True)

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        """Spots of all training slides, contrasted within micro-batches; afterwards they are the bank.

        Raises CannotFit with fewer than two spots, MethodError for slides without patches.
        """
        slides = [slide for slide in train if slide.n_spots]
        n = sum(slide.n_spots for slide in slides)
        least = 2 * HELD_OUT_SHARE if self.own_stopping else 2  # two of them held out
        if n < least:
            raise CannotFit(
                f"BLEEP contrasts spots with each other and needs {least} of them, but found {n}."
            )
        self._bank = None  # a fit that fails leaves none, rather than that of other weights
        with training.seeded(context) as generator:
            patches = PatchStream(slides, EDGE, generator.device)
            expression = spot_expression(slides, generator.device)
            origin = self._start(expression)
            learned = held_out = torch.arange(n, device=generator.device)
            if self.own_stopping:
                learned, held_out = held_out_apart(n, generator)
            plan = BatchPlan.of(len(learned), self.micro_batch, self.accumulate)

            def losses(epoch: int) -> Iterator[Tensor]:
                self._bank = None  # its embeddings are those of the weights that now change
                for batch in plan.micro_batches(len(learned), generator):
                    spots = learned[batch]
                    yield self._losses(patches.batch(spots), expression[spots], generator).mean()

            def own_loss() -> float:
                pieces = held_out.split(plan.size)  # never the whole: a spot is told from so many others
                found = [self._losses(patches.batch(spots), expression[spots]) for spots in pieces]
                return torch.cat(found).mean().item()

            def predict(slide: QuerySlide) -> np.ndarray:
                self._bank = self._bank_of(expression)
                return self.predict(slide)

            optimiser = training.adamw(self._fitted(), self.learning_rate, self.weight_decay)
            queried = training.Checkpoints(predict, queries, checkpoints)
            report = training.train(
                self._fitted(),
                optimiser,
                losses,
                self.epochs,
                context,
                queried,
                plan.per_step,
                own_loss=own_loss if self.own_stopping else None,
            )
            self._bank = self._bank_of(expression)
        return replace(report, pretrained=origin, notes=(*report.notes, *self._notes(len(learned), plan)))

    def _start(self, expression: Tensor) -> str:
        """Build the network; returns what its image encoder starts from."""
        resnet, origin = imagenet_network(BACKBONE)
        self._network = self._new_network(resnet, expression.shape[1]).to(expression.device)
        return origin

    def _new_network(self, resnet: nn.Module, genes: int) -> Network:
        cast(Any, resnet).reset_classifier(0)  # pooled features instead of classes
        return Network(resnet, genes, self.width, self.dropout)

    def _losses(
        self, patches: Tensor, expression: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """The loss of each spot of one micro-batch, whose patches are turned at random where there is a generator."""
        network, images = self._fitted(), imagenet_normalised(patches)
        images = random_symmetries(images, generator) if self.augment and generator else images
        embedded = network.embed_expression(expression), network.embed_images(images)
        return soft_target_losses(*embedded, self.temperature)

    def _notes(self, n: int, plan: BatchPlan) -> tuple[str, ...]:
        if n >= self.micro_batch * self.accumulate:
            return ()
        wanted = f"{self.accumulate} micro-batches of {self.micro_batch}"
        return (
            f"{n} training spots do not fill {wanted}: a step has {plan.per_step} of {plan.size} spots instead.",
        )

    def _bank_of(self, expression: Tensor) -> ReferenceBank:
        """All training spots under today's weights."""
        network = self._fitted()
        with training.evaluating(network):
            return ReferenceBank(network.embed_expression(expression).cpu().numpy(), expression.cpu().numpy())

    def _fitted(self) -> Network:
        if self._network is None:
            raise MethodError("BLEEP was asked to predict before it was fitted; call fit first.")
        return self._network

    def _fitted_bank(self) -> ReferenceBank:
        self._fitted()
        if self._bank is None:
            raise MethodError("BLEEP has no bank to retrieve from, for its last fit failed; call fit again.")
        return self._bank

    def embed(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, width) embeddings of a slide's patches, each from its own patch alone."""
        network = self._fitted()
        patches = PatchStream([slide], EDGE, next(network.parameters()).device)
        with training.evaluating(network):
            pieces = [network.embed_images(imagenet_normalised(piece)) for piece in patches.in_order(_PIECE)]
        return torch.cat(pieces).cpu().numpy()

    def predict(self, slide: QuerySlide) -> np.ndarray:
        """(n_spots, n_genes) on the log scale: the mean of the profiles nearest by cosine, all in a small bank."""
        bank = self._fitted_bank()
        return bank.mean_of_nearest(self.embed(slide), self.retrieved)

    def state(self) -> FittedState:
        """The network, and the training spots that it retrieves from."""
        return network_state(self._fitted(), self._fitted_bank()._asdict())

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        bank = self._bank = ReferenceBank(*(state.arrays[name] for name in ReferenceBank._fields))
        network = self._new_network(untrained_network(BACKBONE), bank.profiles.shape[1])
        self._network = with_weights(network, state, device)

    def parameter_count(self) -> ParameterCount:
        """All of them are trained."""
        return training.count_parameters(self._network)

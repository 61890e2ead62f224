"""A fold's materials: panel, scaling, training and query slides, made from raw slides.

This is where the three views of a slide are cut. Whatever is fitted on expression here is fitted on the slide
names it is handed; embeddings and patches are label-free and come from the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from stbench.contract import MethodCard, SlideSource
from stbench.errors import CannotFit, DatasetError
from stbench.evaluation.design import Design
from stbench.evaluation.folds import Fold, group_slides
from stbench.evaluation.targets import target_expression
from stbench.evaluation.trials.handouts import Handout, MappedArray
from stbench.evaluation.validation import ValidationSlide
from stbench.preprocess.encoders import embeddings_cached, embeddings_of
from stbench.preprocess.expression import Scaling, fit_scaling, size_factors
from stbench.preprocess.genes import GenePanel
from stbench.preprocess.gram import cached_gram
from stbench.preprocess.panel_cache import cached_panel
from stbench.preprocess.patches import PatchSize, n_beyond_image, patches_of
from stbench.preprocess.thumbnails import thumbnail_of
from stbench.record import SlideTruth
from stbench.slide import QuerySlide, Slide, TrainingSlide
from stbench.slide_files.gene_names import gene_kinds

EncodingProgress = Callable[[str, int, int], None]


class Materials:
    """All slides of a run, read once each when first needed.

    groups  slide -> what it is kept together with, by default as the design's split does
    """

    def __init__(
        self,
        design: Design,
        sources: Sequence[SlideSource],
        groups: Mapping[str, str] | None = None,
        on_encoding: EncodingProgress | None = None,
    ):
        self.design = design
        self.sources = {source.id: source for source in sources}
        patients = {source.id: source.patient for source in sources}
        self.groups = dict(groups or group_slides(patients, design.split))
        self.on_encoding = on_encoding
        self._slides: dict[str, Slide] = {}
        self._panels: dict[tuple[str, ...], GenePanel] = {}
        self._grams: dict[str, np.ndarray | None] = {}
        self._fold: FoldMaterials | None = None
        self._genes_agree = False

    def slide(self, name: str) -> Slide:
        """The raw slide of that name."""
        if name not in self._slides:
            self._slides[name] = self.sources[name].read()
        return self._slides[name]

    def replace(self, name: str, slide: Slide) -> None:
        """Have another slide under that name, wherever it is used."""
        self._slides[name] = slide
        self._panels.clear()
        self._grams.clear()
        self._fold = None
        self._genes_agree = False

    def fold(self, fold: Fold, groups: Mapping[str, str] | None = None) -> FoldMaterials:
        """The materials of one fold, its slides kept together as `groups` says, by default as the split does.

        The latest one is kept, since trials come fold by fold.
        """
        groups = self.groups if groups is None else groups
        if self._fold is None or (self._fold.fold, self._fold.groups) != (fold, groups):
            self._fold = FoldMaterials(self, fold, groups)
        return self._fold

    def check_genes(self) -> None:
        """DatasetError where the slides name genes by different kinds, or two have none in common; reads all slides."""
        if not self._genes_agree and (problem := gene_kinds(map(self.slide, self.sources))):
            raise DatasetError(problem)
        self._genes_agree = True

    def panel(self, names: tuple[str, ...]) -> GenePanel:
        """The gene panel, chosen on the slides named (or as its spec says, and marked)."""
        if names not in self._panels:
            self.check_genes()
            design = self.design
            chosen_on, every = (
                [self.slide(name) for name in names],
                [self.slide(name) for name in self.sources],
            )
            self._panels[names] = cached_panel(
                design.genes, design.n_genes, chosen_on, every, design.min_counts
            )
        return self._panels[names]

    def scored(self, name: str) -> np.ndarray:
        """(n_spots,) True where a spot has enough counts to be trained on and scored."""
        return self.slide(name).totals >= max(self.design.min_counts, 1)

    def embeddings(self, name: str) -> np.ndarray:
        """(n_spots, d) cached embeddings of a slide."""
        report = self.on_encoding
        progress = (lambda done, total: report(name, done, total)) if report else None
        return embeddings_of(
            self.slide(name), self.design.encoder, self.design.patch, self.design.device, progress
        )

    def embeddings_at_hand(self, name: str) -> np.ndarray | None:
        """A slide's embeddings where they were made for some method already, else None."""
        design = self.design
        cached = embeddings_cached(self.slide(name), design.encoder, design.patch)
        return self.embeddings(name) if cached else None

    def gram(self, name: str) -> np.ndarray | None:
        """The packed Gram matrix of a slide's embeddings, scored spots only.

        None where all slides together have fewer spots than embeddings have features, so that no fit could use it.
        """
        if name not in self._grams:
            embeddings = self.embeddings(name)
            enough = sum(self.slide(every).n_spots for every in self.sources) >= embeddings.shape[1]
            self._grams[name] = cached_gram(embeddings[self.scored(name)]) if enough else None
        return self._grams[name]

    def n_filled(self, name: str, card: MethodCard) -> int:
        """Spots of a slide whose largest patch, of those that the method asks for, reaches beyond the image."""
        edges = card.needs.patches
        return n_beyond_image(self.slide(name), max(edges)) if edges else 0

    def prepare(self, cards: Sequence[MethodCard], slides: Sequence[str] | None = None) -> None:
        """Read all slides, or those named, and fill the image caches before any fitting starts: bad input shows now."""
        if slides is None:
            self.check_genes()
        for name in self.sources if slides is None else slides:
            slide = self.slide(name)
            if any(card.needs.embeddings for card in cards):
                self.embeddings(name)
            if any("gram" in card.needs.products for card in cards):
                self.gram(name)
            for size in {size for card in cards for size in patch_sizes(card).values()}:
                patches_of(slide, size)


def patch_sizes(card: MethodCard) -> dict[int, PatchSize]:
    """The patches that a method asks for: full-resolution edge -> how they are cut."""
    return {edge: PatchSize(edge, output_pixels=card.needs.resized_to) for edge in card.needs.patches}


def _facts(slide: Slide) -> dict[str, Any]:
    return {"platform": slide.platform, "microns_per_pixel": slide.microns_per_pixel}


class FoldMaterials:
    """What one fold trains and tests on: its panel, and slides in the shape that a method may see."""

    def __init__(self, materials: Materials, fold: Fold, groups: Mapping[str, str]):
        self.materials = materials
        self.fold = fold
        self.groups = groups
        self._panel_counts: dict[str, np.ndarray] = {}
        self._expression: dict[str, np.ndarray] = {}
        self._validation: dict[str, ValidationSlide] = {}

    @cached_property
    def panel(self) -> GenePanel:
        """The gene panel, chosen on slides that this fold may learn from (or as its spec says, and marked)."""
        return self.materials.panel(self.fold.panel_slides or self.fold.train)

    def panel_counts(self, name: str) -> np.ndarray:
        """(n_spots, G) raw counts over the panel, read-only; a gene that the slide does not measure counts zero."""
        if name not in self._panel_counts:
            slide = self.materials.slide(name)
            columns = pd.Index(slide.genes).get_indexer(pd.Index(self.panel.genes))
            counts = np.zeros((slide.n_spots, len(columns)), dtype=np.int64)
            measured = columns >= 0
            counts[:, measured] = slide.counts[:, columns[measured]].toarray()
            counts.flags.writeable = False  # one array for all methods and fits
            self._panel_counts[name] = counts
        return self._panel_counts[name]

    def expression(self, name: str) -> np.ndarray:
        """(n scored spots, G) what is to be predicted, on the target's scale, read-only: one array for all fits."""
        if name not in self._expression:
            slide, scored = self.materials.slide(name), self.materials.scored(name)
            target = self.materials.design.target
            values = target_expression(target, self.panel_counts(name)[scored], slide.totals[scored])
            values.flags.writeable = False
            self._expression[name] = values
        return self._expression[name]

    def validation_slide(self, name: str) -> ValidationSlide:
        """What predictions of inner trials are judged on, made once for all methods."""
        if name not in self._validation:
            slide, scored = self.materials.slide(name), self.materials.scored(name)
            counts, target = self.panel_counts(name), self.materials.design.target
            self._validation[name] = ValidationSlide(
                name, self.panel.genes, counts, slide.totals, scored, target
            )
        return self._validation[name]

    def judgeable(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of `names` that have a score at all: three scored spots, and a panel gene that varies on them."""
        return tuple(name for name in names if self.validation_slide(name).judgeable)

    def trainable(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of `names` that have a scored spot at all; CannotFit where none has."""
        usable = tuple(name for name in names if self.materials.scored(name).any())
        if not usable:
            raise CannotFit(f"None of the training slides {', '.join(names)} has a spot with enough counts.")
        return usable

    def scaling(self, names: Sequence[str], card: MethodCard) -> Scaling:
        """The method's training scale, fitted on the slides named."""
        default = "log" if self.materials.design.scale == "none" else self.materials.design.scale
        return fit_scaling(card.trains_on or default, [self.expression(name) for name in names])

    def training_handout(self, name: str, card: MethodCard, scaling: Scaling) -> Handout:
        """A slide of the training set as a trial is handed it: scored spots only."""
        materials = self.materials
        slide, scored = materials.slide(name), materials.scored(name)
        totals = slide.totals[scored]
        arrays = {
            "pixel_xy": slide.pixel_xy[scored],
            "array_row_column": slide.array_row_column[scored],
            "expression": scaling.apply(self.expression(name)),
            "panel_counts": self.panel_counts(name)[scored],
            "totals": totals,
            "size_factors": size_factors(totals),
        }
        facts = {"id": name, "group": self.groups[name], **_facts(slide)}
        image = self._image_products(name, card, None if scored.all() else scored)
        gram = materials.gram(name) if "gram" in card.needs.products else None
        return Handout(True, facts, arrays, *image, gram=None if gram is None else MappedArray.of(gram))

    def query_handout(self, name: str, query_id: str, card: MethodCard) -> Handout:
        """A slide to predict as a trial is handed it: what its image tells, under an opaque name, all spots."""
        slide = self.materials.slide(name)
        arrays = {"pixel_xy": slide.pixel_xy, "array_row_column": slide.array_row_column}
        return Handout(
            False, {"id": query_id, **_facts(slide)}, arrays, *self._image_products(name, card, None)
        )

    def _image_products(
        self, name: str, card: MethodCard, rows: np.ndarray | None
    ) -> tuple[MappedArray | None, dict[int, MappedArray]]:
        """The cached files of a slide's embeddings and patches, as far as the method asks for them."""
        slide = self.materials.slide(name)
        embeddings = self.materials.embeddings(name) if card.needs.embeddings else None
        patches = {edge: patches_of(slide, size) for edge, size in patch_sizes(card).items()}
        return (
            None if embeddings is None else MappedArray.of(embeddings, rows),
            {edge: MappedArray.of(cut, rows) for edge, cut in patches.items()},
        )

    def training_slide(self, name: str, card: MethodCard, scaling: Scaling) -> TrainingSlide:
        """A slide of the training set as the method sees it."""
        return self.training_handout(name, card, scaling).open()  # type: ignore[return-value]

    def query_slide(self, name: str, query_id: str, card: MethodCard) -> QuerySlide:
        """A slide to predict as the method sees it."""
        return self.query_handout(name, query_id, card).open()  # type: ignore[return-value]

    def truth(self, name: str) -> tuple[SlideTruth, np.ndarray]:
        """What the slide's predictions are scored against, and which columns of the panel that covers.

        A gene that the slide's file does not hold is not measured there and left out, whatever the panel.
        """
        slide = self.materials.slide(name)
        kept = np.isin(self.panel.genes, slide.genes)
        picture = thumbnail_of(slide.image)
        truth = SlideTruth(
            slide=name,
            patient=slide.patient,
            genes=tuple(np.array(self.panel.genes, dtype=object)[kept]),
            spot_ids=slide.spot_ids,
            pixel_xy=slide.pixel_xy,
            array_row_column=slide.array_row_column,
            counts=self.panel_counts(name)[:, kept],
            totals=slide.totals,
            scored=self.materials.scored(name),
            annotation=slide.annotation,
            thumbnail=picture.jpeg,
            thumbnail_scale=picture.scale,
        )
        return truth, kept

"""Results against the provider's own files: folds, panels, truths and training summaries made anew from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stbench import registry
from stbench.commands.choosing import find_slides
from stbench.contract import DatasetCard, ReadingOptions, SlideSource
from stbench.errors import StbenchError
from stbench.evaluation.design import Design
from stbench.evaluation.folds import Fold, outer_folds
from stbench.evaluation.judging import Judge
from stbench.evaluation.materials import Materials
from stbench.evaluation.partial import part_of, score_part
from stbench.files import hash_value
from stbench.preprocess.genes import GenePanel
from stbench.preprocess.marker_genes import sizes_asked_for
from stbench.record import Record, SlideScores, SlideTruth, TableIdentity

# What of a truth is compared; the picture and the annotation decide no score but ARI, which is recomputed.
_COMPARED = ("genes", "spot_ids", "pixel_xy", "array_row_column", "counts", "totals", "scored")


class GivenData:
    """The data sets that Records name, read from `data_root`; a generated one needs none.

    All raise StbenchError where a data set or one of its slides is not there.
    """

    def __init__(self, data_root: Path | None):
        self.data_root = data_root
        self._key = ""
        self._made: _Recomputed | None = None

    def is_at_hand(self, record: Record) -> bool:
        """Whether the Record can be compared with data at all."""
        try:
            return self.data_root is not None or _card(record).generated
        except StbenchError:
            return False

    def problem(self, record: Record, truths: Mapping[str, SlideTruth]) -> str:
        """What of a Record's fold, panel and stored truths is not as the data says; "" where all is."""
        made = self._of(record)
        fold = made.folds.get(record.fold)
        if fold is None or (fold.train, fold.test) != (record.train_slides, record.test_slides):
            return f"fold {record.fold} is none of the {record.table.split} split of these slides"
        if not record.table.genes.startswith("file:"):
            sizes = sizes_asked_for(record.table.genes, len(record.panel_genes))
            chosen = next(
                (genes for genes in (made.chosen(fold, n) for n in sizes) if genes == record.panel_genes),
                made.chosen(fold, sizes[0]),
            )
            if chosen != record.panel_genes:
                n = len(set(record.panel_genes) - set(chosen))
                return f"its panel is not what {record.table.genes} gives on this data ({n} genes differ)"
        made.predicted = {name: truth.spot_ids for name, truth in truths.items()}
        return next(filter(None, (made.truth_problem(record, fold, t) for t in truths.values())), "")

    def scores(self, record: Record, slide: str, prediction: np.ndarray) -> SlideScores:
        """The scores against the truth that the data gives."""
        made = self._of(record)
        fold, judge = made.folds[record.fold], made.judge(record)
        if record.kind != "external":
            return judge.score(fold, slide, prediction)[1]
        spots = made.spots_of(slide)
        whole = np.full((len(spots), len(record.panel_genes)), np.nan, dtype=np.float32)
        whole[spots] = prediction
        genes = np.logical_not(np.any(np.isnan(prediction), axis=0))
        return score_part(judge, fold, slide, whole, spots, np.asarray(genes))[1]

    def _of(self, record: Record) -> _Recomputed:
        """What is made for one table; the latest is kept, since Records come table by table."""
        table = record.table
        reading = reading_of(record)
        recipe = [table.dataset, table.slides, table.split, table.genes, table.target, table.min_counts]
        key = hash_value([*recipe, reading.given()])
        if self._made is None or key != self._key:
            self._made, self._key = _Recomputed(table, self.data_root, reading), key
        return self._made


def reading_of(record: Record) -> ReadingOptions:
    """How the Record says that its slides were read; StbenchError where it says something else."""
    try:
        return ReadingOptions(**record.provenance.get("reading", {}))
    except TypeError as error:
        raise StbenchError(
            f"The Record of fold {record.fold} says no way to read slides: {error}."
        ) from error


def _card(record: Record) -> DatasetCard:
    return registry.dataset_card(record.table.dataset.partition(":")[0])


class _Recomputed:
    """The slides of one table and what a run would make of them."""

    def __init__(self, table: TableIdentity, data_root: Path | None, reading: ReadingOptions):
        name = table.dataset.partition(":")[0]
        self._card = registry.dataset_card(name)
        own = self._card.own_folder
        dataset, root = (f"{name}:{data_root}", None) if own else (table.dataset, data_root)
        sources, _ = find_slides(dataset, root, table.slides, reading)
        genes = "train-hvg" if table.genes.startswith("file:") else table.genes
        self.design: dict[str, Any] = {
            "dataset": table.dataset,
            "split": table.split,
            "genes": genes,
            "target": table.target,
            "min_counts": table.min_counts,
        }
        self.sources = sources
        patients = {source.id: source.patient for source in sources}
        self.folds = {fold.name: fold for fold in outer_folds(patients, table.split)}
        self._judges: dict[str, Judge] = {}
        self._chosen: dict[tuple[Fold, int], tuple[str, ...]] = {}
        # slide -> the spots that were predicted: predictions made elsewhere may lack some.
        self.predicted: dict[str, tuple[str, ...]] = {}

    def chosen(self, fold: Fold, n_genes: int) -> tuple[str, ...]:
        """The genes that the panel's recipe chooses for a fold."""
        if (fold, n_genes) not in self._chosen:
            materials = Materials(Design(**self.design, n_genes=n_genes), self.sources)
            self._chosen[fold, n_genes] = materials.fold(fold).panel.genes
        return self._chosen[fold, n_genes]

    def judge(self, record: Record) -> Judge:
        """The judge of a Record's panel, as the data set's card says what a label means."""
        genes = hash_value(list(record.panel_genes))
        if genes not in self._judges:
            self._judges.clear()
            panel = GenePanel(record.panel_genes)
            materials = _StatedPanel(Design(**self.design), self.sources, panel)
            self._judges[genes] = Judge(materials, self._card.unlabelled, self._card.tumour_labels)
        return self._judges[genes]

    def spots_of(self, slide: str) -> np.ndarray:
        """(n_spots,) True for the spots of a slide that were predicted."""
        every = next(source for source in self.sources if source.id == slide).read().spot_ids
        predicted = set(self.predicted.get(slide, every))
        return np.array([spot in predicted for spot in every])

    def truth_problem(self, record: Record, fold: Fold, stored: SlideTruth) -> str:
        """How a stored truth differs from the data's; "" where it does not."""
        if stored.slide not in fold.test:
            return f"it holds a truth of {stored.slide}, which this fold does not test"
        truth, _ = self.judge(record).materials.fold(fold).truth(stored.slide)
        if record.kind == "external":
            truth = part_of(truth, self.spots_of(stored.slide), np.isin(truth.genes, stored.genes))
        differing = [
            name for name in _COMPARED if not np.array_equal(getattr(truth, name), getattr(stored, name))
        ]
        if not differing:
            return ""
        return f"the truth of slide {stored.slide} is not what the data set's files hold ({', '.join(differing)})"


class _StatedPanel(Materials):
    """Materials of a panel that is stated, not chosen."""

    def __init__(self, design: Design, sources: Sequence[SlideSource], panel: GenePanel):
        super().__init__(design, sources)
        self._stated = panel

    def panel(self, names: tuple[str, ...]) -> GenePanel:
        return self._stated

"""What predictions from elsewhere are asked: slides, folds, panels and truth, as a run on the same options has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from stbench import registry
from stbench.commands.asked import Asked
from stbench.commands.choosing import dataset_name, find_slides
from stbench.contract import DatasetCard, SlideSource
from stbench.evaluation.design import Design
from stbench.evaluation.freshness import harness_hash
from stbench.evaluation.judging import Judge
from stbench.evaluation.materials import Materials
from stbench.evaluation.plan import Plan, make_plan
from stbench.preprocess.marker_genes import written_out
from stbench.record import TableIdentity


@dataclass(frozen=True)
class Question:
    """A protocol's folds over a data set's slides, before anybody has answered."""

    asked: Asked
    design: Design
    card: DatasetCard
    sources: tuple[SlideSource, ...]
    plan: Plan

    @property
    def table(self) -> TableIdentity:
        """What an answer's Records share: nothing of an inner loop, patches or an encoder, which are its author's."""
        return replace(
            self.plan.table, inner="", checkpoints="", tune_on="pcc", halving=False, patch="", encoder=""
        )

    @property
    def slides(self) -> tuple[str, ...]:
        return self.plan.table.slides

    def judge(self) -> Judge:
        """Reads slides as they are asked for."""
        return Judge(Materials(self.design, self.sources), self.card.unlabelled, self.card.tumour_labels)

    def identity(self) -> list[Any]:
        """What an answer's key depends on besides the answer."""
        return [harness_hash(), self.plan.made_from.dataset]


def question(asked: Asked) -> Question:
    """Look up the data set and its slides; UsageError for what no run can have. No slide is read."""
    name = dataset_name(asked.dataset)
    card = registry.dataset_card(name)
    fixed: dict[str, Any] = {
        **asked.design(),
        "dataset": name,
        "inner": "none",
        "threads": 1,
        "device": "cpu",
        "genes": written_out(asked.genes, card.marker_genes, name),
    }
    design = Design(**fixed)
    sources, _ = find_slides(asked.dataset, asked.data_root, asked.slides, asked.reading)
    plan = make_plan(design, registry.source_hash("dataset", name), sources, [], [0])
    return Question(asked, design, card, tuple(sources), plan)

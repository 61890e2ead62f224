"""What a person should know of a model before using it or giving it away, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from stbench.commands.known_names import dataset_words
from stbench.models.model_card import ModelCard


def about_model(card: ModelCard) -> list[str]:
    """What was fitted on what, how its settings were chosen, whose terms it carries, what it scored."""
    named = f"{card.method} ({card.variant})" if card.variant not in ("", "paper") else card.method
    data = card.data
    sentences = [
        f"{named}, {len(card.genes)} genes, fitted on {len(data.slides)} slides of {dataset_words(data.dataset)}: "
        f"{', '.join(data.slides)}.",
        f"Settings: {card.chosen}.",
    ]
    if card.holds_expression:
        sentences.append(
            f"The file holds measured expression of the training spots, so that it is under the data set's terms: "
            f"{data.terms}. Give it to nobody who may not have the data."
        )
    return [*sentences, _trust(card)]


def _trust(card: ModelCard) -> str:
    trust = card.trust
    if not trust.slides:
        return f"Trust card: none; {trust.about}."
    pcc = _mean([slide.pcc for slide in trust.slides])
    null = _mean([slide.pcc_null for slide in trust.slides])
    above = sum(gene.above_floor is True for gene in trust.genes.values())
    floor = f"; {above} of {len(trust.genes)} genes stand above {trust.floor}" if trust.floor else ""
    return f"Trust card: PCC {pcc} (null {null}) over {len(trust.slides)} test slides{floor}."


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):.3f}" if known else "-"

"""Scores within regions and tumour localisation as tables of text and sentences, wherever they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stbench.names import cleaned, shown_name
from stbench.reporting.regions.localising import Localised, LocalisedRow, Mean
from stbench.reporting.regions.within import Part, Within, WithinRow

_MISSING = "–"
_TITLES = {
    "pcc": "PCC",
    "pcc_null": "null",
    "pcc_given_depth": "given depth",
    "pcc_equal_depth": "equal depth",
}


_MADE_OF = ("slides", "patients", "labelled spots", "of tumour")


class Sheet(NamedTuple):
    """A table of text; the first `n_words` columns hold words, the others numbers."""

    caption: str
    titles: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    n_words: int = 1


def within_sheets(found: Within) -> list[Sheet]:
    """The rows' means over regions beside the whole slide, and every region by itself."""
    titles = [name for score in _TITLES for name in (_TITLES[score], f"{_TITLES[score]} inside")]
    overall = Sheet(
        f"Over the whole slide, and inside regions of at least {found.least} scored spots (mean over regions)",
        ("method", *titles, "PCC lost (95% CI)", "slides", "patients", "spots inside"),
        tuple(_overall(row) for row in found.rows),
    )
    regions = list(dict.fromkeys(region for row in found.rows for region in row.regions))
    single = Sheet(
        "Each region by itself",
        ("region", "method", *_TITLES.values(), "slides", "patients", "spots"),
        tuple(
            (cleaned(region), shown_name(row.label), *_part(row.regions[region]))
            for region in regions
            for row in found.rows
            if region in row.regions
        ),
        n_words=2,
    )
    return [overall, single]


def _overall(row: WithinRow) -> tuple[str, ...]:
    pairs = [(row.whole.scores[score], row.mean.scores[score]) for score in _TITLES]
    scores = [_number(value) for pair in pairs for value in pair]
    lost = row.between["pcc"]
    return (
        shown_name(row.label),
        *scores,
        _number(lost.mean) + _interval(lost.interval),
        *_made_of(row.mean),
    )


def _part(part: Part) -> tuple[str, ...]:
    return (*(_number(part.scores[score]) for score in _TITLES), *_made_of(part))


def _made_of(part: Part) -> tuple[str, ...]:
    patients = _MISSING if part.n_patients is None else str(part.n_patients)
    return str(part.n_slides), patients, f"{part.n_spots:,}"


def within_sentences(found: Within) -> list[str]:
    """What the scores are made of and what is left out."""
    words = f" or one that says so ({', '.join(map(cleaned, found.unlabelled))})" if found.unlabelled else ""
    said = [
        "What a score loses inside regions is one region against another: a method that knows no more than where the "
        "tumour is scores over the whole slide and not inside its parts. Equal depth (T0) is the whole slide's.",
        f"{found.n_unlabelled:,} of {found.n_scored:,} scored spots have no label{words} and are in no region.",
    ]
    if found.unannotated:
        said.append(f"Not annotated: {_names(found.unannotated)}.")
    if found.too_few:
        few = [f"{cleaned(region)} on {shown_name(slide)} ({n})" for slide, region, n in found.too_few]
        said.append(f"Fewer than {found.least} scored spots, left out: {', '.join(few)}.")
    return said + _without(found.without)


def localised_sheet(found: Localised) -> Sheet:
    """Every row's two scores and how much they are made of, chance first."""
    chance = ("chance", "", "0.000", "", "0.500", "", "", "", "", "")
    return Sheet(
        f"Tumour ({', '.join(map(cleaned, found.tumour))}) against the rest",
        ("values", "kind", "ARI (k-means, k = 2)", "ARI 95% CI", "AUROC (probe)", "AUROC 95% CI", *_MADE_OF),
        (chance, *(_localised(row, found) for row in found.rows)),
        n_words=2,
    )


def _localised(row: LocalisedRow, found: Localised) -> tuple[str, ...]:
    most = max(row.ari, row.auroc, key=lambda mean: mean.n_slides)
    patients = _MISSING if most.n_patients is None else str(most.n_patients)
    scores = [cell for mean in (row.ari, row.auroc) for cell in _mean(mean)]
    spots = (sum(found.spots[slide][place] for slide in row.slides) for place in range(2))
    return (
        shown_name(row.label),
        row.kind,
        *scores,
        str(most.n_slides),
        patients,
        *(f"{n:,}" for n in spots),
    )


def _mean(mean: Mean) -> tuple[str, str]:
    ends = mean.interval
    return _number(mean.value), f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else _MISSING


def slide_sheet(found: Localised) -> Sheet:
    """Slide by slide: spots, what the probe was fitted on, and every row's two scores."""
    lines = []
    for slide, (n, n_tumour) in found.spots.items():
        others = ", ".join(map(shown_name, found.trained_on[slide])) or _MISSING
        for row in found.rows:
            if score := row.slides.get(slide):
                numbers = _number(score.ari), _number(score.auroc), f"{n:,}", f"{n_tumour:,}"
                lines.append((shown_name(slide), shown_name(row.label), others, *numbers))
    titles = ("slide", "values", "probe fitted on", "ARI", "AUROC", "labelled spots", "of tumour")
    return Sheet("Slide by slide", titles, tuple(lines), n_words=3)


def localised_sentences(found: Localised, why_no_embeddings: str = "") -> list[str]:
    """How the probes were fitted, and what is left out."""
    n_spots, n_tumour = map(sum, zip(*found.spots.values(), strict=True))
    identity = found.table.identity
    apart = identity.split == "patient" or found.table.n_patients == len(identity.slides)
    whose = "of other patients" if apart else "other than it, sections of its own patient among them"
    said = [
        f"{n_tumour:,} of {n_spots:,} labelled spots on {len(found.spots)} slides are tumour. Both scores are means "
        "over slides within patient, then over patients; 0 and 0.5 are chance.",
        f"Each slide's probe is a logistic regression on labelled slides {whose}, of those that its fold trains on. "
        f"For predictions it is fitted on expression that was measured there{_genes(found.n_genes)}: predictions of "
        "training slides were made by models that know the test slide.",
        "k-means: mean of 10 seeds of 10 restarts on up to 30 principal components.",
    ]
    largest = found.table.n_genes[1] if found.table.n_genes else 0
    if found.n_genes and found.n_genes[0] < largest:
        said.append(
            "Which of a fold's genes the others share depends on their panels, which were chosen with the test slide's "
            "counts (never its labels) among others; a panel that is fixed has no such part."
        )
    for what, slides in (("Left out", found.left_out), ("No AUROC", found.no_probe)):
        if slides:
            said.append(f"{what}: {_reasons(slides)}.")
    if why_no_embeddings:
        said.append(f"No row of embeddings: {why_no_embeddings}.")
    return said + _without(found.without)


def _genes(n_genes: tuple[int, int] | None) -> str:
    if n_genes is None:
        return ""
    fewest, most = n_genes
    return (
        f", by the {fewest if fewest == most else f'{fewest} to {most}'} genes that the folds' panels share"
    )


def _reasons(slides: Mapping[str, str]) -> str:
    by_reason: dict[str, list[str]] = {}
    for slide, why in slides.items():
        by_reason.setdefault(why, []).append(slide)
    return "; ".join(f"{_names(names)} ({why})" for why, names in by_reason.items())


def _without(labels: Sequence[str]) -> list[str]:
    return [f"Predictions not kept here, left out: {_names(labels)}."] if labels else []


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(shown_name, names))


def _number(value: float | None) -> str:
    return _MISSING if value is None else f"{value:.3f}"


def _interval(ends: tuple[float, float] | None) -> str:
    return f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else ""

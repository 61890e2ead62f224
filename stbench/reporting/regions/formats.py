"""Scores within regions and tumour localisation as files: Markdown as people read it, CSV and JSON in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stbench.reporting.regions.localising import Localised
from stbench.reporting.regions.sheets import Sheet
from stbench.reporting.regions.within import Part, Within
from stbench.reporting.tables.columns import heading
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.markdown import escaped, escaped_line

# What stands in the place of a region's name.
WHOLE, MEAN = "whole slide", "mean over regions"


def to_markdown(table: Table, sheets: Sequence[Sheet], sentences: Sequence[str]) -> str:
    """A leaderboard's heading, the tables and the sentences below them."""
    parts = [f"### {escaped(heading(table))}"]
    for sheet in sheets:
        rules = [":--" if place < sheet.n_words else "--:" for place in range(len(sheet.titles))]
        lines = [sheet.titles, rules, *(tuple(map(escaped, line)) for line in sheet.lines)]
        parts += [f"**{escaped(sheet.caption)}**", "\n".join(f"| {' | '.join(line)} |" for line in lines)]
    return "\n\n".join([*parts, "\n".join(f"- {escaped_line(sentence)}" for sentence in sentences)]) + "\n"


def _dataset(table: Table) -> dict[str, Any]:
    return {"dataset": table.identity.dataset, "synthetic": table.synthetic}


def within_lines(found: Within) -> Iterator[dict[str, Any]]:
    """One line for each row and part of the slides; `part` tells a region from what is called like one."""
    for row in found.rows:
        parts = [("whole", WHOLE, row.whole), ("mean", MEAN, row.mean)]
        parts += [("region", region, part) for region, part in row.regions.items()]
        for part, region, scores in parts:
            names = {"table": found.table.id, **_dataset(found.table), "method": row.label}
            yield {**names, "kind": row.kind, "part": part, "region": region, **_plain(scores)}


def _plain(part: Part) -> dict[str, Any]:
    return {**part.scores, "slides": part.n_slides, "patients": part.n_patients, "spots": part.n_spots}


def within_plain(found: Within) -> dict[str, Any]:
    """Everything as the values of a JSON document."""
    return {
        "table": found.table.id,
        **_dataset(found.table),
        "split": found.table.identity.split,
        "min_spots": found.least,
        "rows": [
            {
                "method": row.label,
                "kind": row.kind,
                "whole": _plain(row.whole),
                "mean_over_regions": _plain(row.mean),
                "regions": {region: _plain(part) for region, part in row.regions.items()},
                "whole_less_mean": {score: lost._asdict() for score, lost in row.between.items()},
            }
            for row in found.rows
        ],
        "n_scored": found.n_scored,
        "n_unlabelled": found.n_unlabelled,
        "unannotated": list(found.unannotated),
        "too_few": [{"slide": s, "region": region, "spots": n} for s, region, n in found.too_few],
        "without_predictions": list(found.without),
    }


def localised_lines(found: Localised) -> Iterator[dict[str, Any]]:
    """One line for each row and slide."""
    for row in found.rows:
        for slide, score in row.slides.items():
            n, n_tumour = found.spots[slide]
            names = {"table": found.table.id, **_dataset(found.table), "values": row.label}
            trained_on = " ".join(found.trained_on[slide])
            spots = {"labelled_spots": n, "tumour_spots": n_tumour, "probe_fitted_on": trained_on}
            yield {**names, "kind": row.kind, "slide": slide, **score._asdict(), **spots}


def localised_plain(found: Localised) -> dict[str, Any]:
    """Everything as the values of a JSON document."""
    return {
        "table": found.table.id,
        **_dataset(found.table),
        "split": found.table.identity.split,
        "tumour": list(found.tumour),
        "chance": {"ari": 0.0, "auroc": 0.5},
        "rows": [
            {
                "values": row.label,
                "kind": row.kind,
                "ari": row.ari._asdict(),
                "auroc": row.auroc._asdict(),
                "slides": {slide: score._asdict() for slide, score in row.slides.items()},
            }
            for row in found.rows
        ],
        "slides": {
            slide: {"labelled_spots": n, "tumour_spots": k, "probe_fitted_on": list(found.trained_on[slide])}
            for slide, (n, k) in found.spots.items()
        },
        "n_genes": list(found.n_genes or ()),
        "left_out": dict(found.left_out),
        "no_probe": dict(found.no_probe),
        "without_predictions": list(found.without),
    }

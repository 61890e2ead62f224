"""One method's card as a person reads it: what it is, what it needs, its settings, what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

# Of settings that a preset changes more are counted.
_MOST_CHANGES = 6


def method_table(card: Mapping[str, Any]) -> Table:
    """Two columns without rules, so that what is copied from them is whole."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for field, words in _lines(card):
        if words:
            grid.add_row(field, words)
    return grid


def _lines(card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name = card["name"]
    family = "" if card["kind"] == card["family"] else f", {card['family']}"
    yield name, f"{card['title']} ({card['kind']}{family})"
    yield "", card.get("summary") or ""
    yield "paper", _paper(card)
    yield "link", card.get("link") or ""
    yield "authors' code", card.get("reference") or ""
    yield "needs", _needs(card)
    yield "trains on", f"the {card['trains_on']} scale" if card.get("trains_on") else ""
    yield "settings", _settings(card.get("settings") or {})
    for preset, changes in (card.get("presets") or {}).items():
        if changes:
            yield f"--variant {preset}", _changes(changes)
    yield "inner loop tries", _tried(card.get("grid") or [])
    yield "training", _steps(card.get("published_steps") or {})
    yield "cost", _cost(card.get("cost"))
    yield "ablations", _ablations(name, card.get("ablations") or [])
    yield "quirks", " ".join(card.get("quirks") or [])
    yield "citation", card.get("citation") or ""
    yield "more", f"methods/{name.replace('-', '_')}/README.md; --json has every field"


def _paper(card: Mapping[str, Any]) -> str:
    where = ", ".join(str(card[name]) for name in ("venue", "year") if card.get(name))
    return f"{card['paper']}. {where}" if card.get("paper") else ""


def _needs(card: Mapping[str, Any]) -> str:
    needs = card.get("needs") or {}
    words = ["embeddings"] if needs.get("embeddings") else []
    words += [f"patches of {', '.join(map(str, needs['patches']))} px"] if needs.get("patches") else []
    words += (
        [f"{needs['min_train_slides']} training slides or more"]
        if needs.get("min_train_slides", 1) > 1
        else []
    )
    words += [f"for each slide: {', '.join(map(str, needs['products']))}"] if needs.get("products") else []
    return "; ".join(words)


def _settings(settings: Mapping[str, str]) -> str:
    """As --set takes them."""
    return ", ".join(f"{name}={value.strip(chr(39))}" for name, value in settings.items())


def _changes(changes: Mapping[str, Any]) -> str:
    listed = [f"{name}={value}" for name, value in list(changes.items())[:_MOST_CHANGES]]
    more = len(changes) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "")


def _tried(grid: Sequence[Mapping[str, Any]]) -> str:
    if len(grid) < 2:
        return ""
    words = [", ".join(f"{name}={value}" for name, value in point.items()) for point in grid if point]
    return f"the settings above; {'; '.join(words)}"


def _steps(published: Mapping[str, Mapping[str, Any]]) -> str:
    return "; ".join(
        f"{preset}: {about['steps']:,} optimiser steps ({about['regime']})"
        for preset, about in published.items()
    )


def _cost(row: Mapping[str, Any] | None) -> str:
    """One thread of a processor, as it was measured for leaderboards/costs."""
    if row is None:
        return "not measured: stbench time"
    unit = "an epoch" if row["seconds_per_epoch"] else "a fit"
    seconds = row["seconds_per_epoch"] or row["seconds_per_fit"]
    parts = [
        f"{seconds:.2g} s {unit} of {row['n_train_spots']} spots" if seconds else "",
        f"{row['seconds_per_1000_spots']:.2g} s for 1,000 predicted spots"
        if row["seconds_per_1000_spots"]
        else "",
        f"{row['peak_memory_mb'] / 1000:.1f} GB",
        f"{row['parameters']:,} parameters" if row["parameters"] else "",
    ]
    return f"{', '.join(filter(None, parts))} ({row['n_genes']} genes, one thread; leaderboards/costs)"


def _ablations(name: str, ablations: Sequence[Mapping[str, Any]]) -> str:
    tables = dict.fromkeys(ablation["table"] for ablation in ablations)
    return f"stbench ablate {name}: {len(ablations)}, of {', '.join(tables)}" if ablations else ""

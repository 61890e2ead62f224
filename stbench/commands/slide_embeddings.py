"""Cached image embeddings of a table's slides, which are kept apart from its results; nothing is embedded anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stbench import registry
from stbench.commands.choosing import find_slides
from stbench.commands.given_data import reading_of
from stbench.errors import StbenchError
from stbench.preprocess.encoders import embeddings_cached, embeddings_of, encoder_label
from stbench.preprocess.patches import PatchSize
from stbench.record import Record, SlideTruth
from stbench.reporting.report.sections.regions import TableEmbeddings
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.tables.leaderboard import Table
from stbench.slide import Slide

_PATCH = re.compile(r"(?P<edge>[0-9.e+]+) (?P<unit>px|um)(?: at (?P<output>\d+) px)?")


def embeddings_of_table(
    table: Table, stored: StoredArrays, dataset: str, data_root: Path | None = None
) -> TableEmbeddings:
    """What the encoders of a table's rows made of its annotated slides, as far as the cache has it.

    A slide counts only where its spots and their totals are those that the table was scored against.
    """
    try:
        found = dict(_by_encoder(table, stored, dataset, data_root))
    except StbenchError as error:
        return TableEmbeddings({}, str(error).rstrip("."))
    if any(found.values()):
        return TableEmbeddings({encoder: of for encoder, of in found.items() if of})
    if not found:
        return TableEmbeddings({}, "none of the rows names an encoder, or no slide is annotated")
    return TableEmbeddings({}, f"those of {' and '.join(found)} are not in this machine's cache")


def _by_encoder(
    table: Table, stored: StoredArrays, dataset: str, data_root: Path | None
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    truths = _annotated(table, stored)
    if not truths:
        return
    if registry.dataset_card(dataset.partition(":")[0]).own_folder and not _given_folder(dataset):
        raise StbenchError(
            f"the slides of {dataset} lie in a folder that results do not name: stbench localise --dataset path:DIR"
        )
    reading = reading_of(next(iter(truths.values()))[1])
    sources, _ = find_slides(dataset, data_root, table.identity.slides, reading)
    slides = {source.id: source.read() for source in sources if source.id in truths}
    same = {name: slide for name, slide in slides.items() if _is_same(slide, truths[name][0])}
    patch = _patch_of(table.identity.patch)
    if patch is None:
        return
    for label in dict.fromkeys(row.encoder for row in table.rows if row.encoder):
        name = label.partition("@")[0]
        known = encoder_label(name) == label
        yield (
            name,
            {
                slide.id: embeddings_of(slide, name, patch)
                for slide in same.values()
                if known and embeddings_cached(slide, name, patch)
            },
        )


def _given_folder(dataset: str) -> bool:
    return Path(dataset.partition(":")[2]).expanduser().exists()


def _annotated(table: Table, stored: StoredArrays) -> dict[str, tuple[SlideTruth, Record]]:
    """Annotated test slides with what the table's own rows were scored against."""
    found: dict[str, tuple[SlideTruth, Record]] = {}
    for records in table.members.values():
        for record in records:
            if record.kind == "external" or set(record.test_slides) <= found.keys():
                continue
            for name, arrays in stored.of(record).items():
                if arrays.truth.annotation is not None:
                    found.setdefault(name, (arrays.truth, record))
    return found


def _is_same(slide: Slide, truth: SlideTruth) -> bool:
    return slide.spot_ids == truth.spot_ids and np.array_equal(slide.totals, truth.totals)


def _patch_of(words: str) -> PatchSize | None:
    """The patch that a table's identity states in words, as PatchSize says them; None for words of no patch."""
    found = _PATCH.fullmatch(words)
    if found is None:
        return None
    output = int(found["output"]) if found["output"] else None
    if found["unit"] == "px":
        return PatchSize(int(found["edge"]), output_pixels=output)
    return PatchSize(microns=float(found["edge"]), output_pixels=output)

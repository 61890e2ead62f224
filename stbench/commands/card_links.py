"""What the page shows of cards: titles and papers as they stand there, addresses made of what they say in words."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable

from stbench import registry
from stbench.contract import DatasetCard, MethodCard
from stbench.errors import StbenchError
from stbench.record import Record
from stbench.reporting.report.sections.links import AboutDataset, AboutMethod, Cards

# "OWNER/NAME, commit HASH, LICENCE: ..." as methods' cards name the authors' code.
_CODE = re.compile(r"([\w.-]+/[\w.-]+), commit ([0-9a-f]{7,40}), ([^:]*)")
# How data sets' cards say where the data are from, the original first -> its address.
_PLACES = (
    (re.compile(r"Zenodo record (\d+)"), "https://zenodo.org/records/{}"),
    (re.compile(r"series (GSE\d+)"), "https://www.ncbi.nlm.nih.gov/geo/query/acc.cgi?acc={}"),
    (re.compile(r"Hugging Face dataset ([\w.-]+/[\w.-]+)"), "https://huggingface.co/datasets/{}"),
)
_TEN_X = "https://www.10xgenomics.com/datasets"


def cards_of(records: Iterable[Record]) -> Cards:
    """The cards of all methods and data sets among the Records; those that are not here, or broken, are left out."""
    methods, datasets = {}, {}
    for record in records:
        methods.setdefault(record.row.method, None)
        datasets.setdefault(record.table.dataset.partition(":")[0], None)
    for name in methods:
        with contextlib.suppress(StbenchError):
            methods[name] = about_method(registry.method_card(name))
    for name in datasets:
        with contextlib.suppress(StbenchError):
            datasets[name] = about_dataset(registry.dataset_card(name))
    return Cards(
        {name: about for name, about in methods.items() if about},
        {name: about for name, about in datasets.items() if about},
    )


def about_method(card: MethodCard) -> AboutMethod:
    """Its paper with year and venue, and the authors' code with its licence."""
    year = str(card.year or "")
    printed = ", ".join(filter(None, (card.venue, year if year not in card.venue else "")))
    paper = " ".join(card.paper.split()) + (f" ({printed})" if printed and card.paper else "")
    found = _CODE.match(card.reference)
    code = f"{found[1]}, {found[3]}" if found else card.reference
    address = f"https://github.com/{found[1]}/tree/{found[2]}" if found else ""
    return AboutMethod(card.title, card.summary, paper, card.link, code, address)


def about_dataset(card: DatasetCard) -> AboutDataset:
    """Its citation, and the first place that the card names."""
    citation = " ".join(card.citation.split())
    said = " ".join((card.download, card.licence))
    address = next((place.format(m[1]) for words, place in _PLACES if (m := words.search(said))), "")
    if not address and "10x Genomics" in card.download:
        address = _TEN_X
    return AboutDataset(card.title, card.summary, citation, address)

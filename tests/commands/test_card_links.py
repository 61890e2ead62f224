"""Where the page's links lead: every shipped method's paper and code, and where the data are from."""

from __future__ import annotations

import re

from reporting.record_factory import TABLE, make_record

from stbench import registry
from stbench.commands.card_links import about_dataset, about_method, cards_of


def test_every_method_of_a_paper_leads_to_it_and_to_the_code_that_its_card_names():
    cards = {name: registry.method_card(name) for name in registry.plugins("method")}
    published = {name: card for name, card in cards.items() if card.paper}
    assert len(published) >= 11
    for card in published.values():
        about = about_method(card)
        assert about.paper_address == card.link and about.paper.count(str(card.year)) == 1
        found = re.match(r"(\S+), commit (\S+),", card.reference)
        assert found
        repository, commit = found.groups()
        assert about.code_address == f"https://github.com/{repository}/tree/{commit}"
        assert "no code" not in about.code and about.code.startswith(repository)
    floor = about_method(cards["ridge"])
    assert (floor.paper, floor.paper_address, floor.code, floor.code_address) == ("", "", "", "")


def test_data_lead_to_where_they_are_from():
    addresses = {
        name: about_dataset(registry.dataset_card(name)).address for name in registry.plugins("dataset")
    }
    assert addresses["her2"] == "https://zenodo.org/records/3957257"
    assert addresses["alex"] == "https://zenodo.org/records/4739739"
    assert addresses["cscc"] == "https://www.ncbi.nlm.nih.gov/geo/query/acc.cgi?acc=GSE144240"
    assert addresses["hest-lymph-node"] == "https://huggingface.co/datasets/MahmoodLab/hest"
    assert addresses["demo"] == addresses["path"] == ""


def test_what_has_no_card_here_is_left_out():
    found = cards_of([make_record("no-such-method", "B1"), make_record("eggn", "B1", table=TABLE)])
    assert set(found.methods) == {"eggn"} and set(found.datasets) == {"her2"}

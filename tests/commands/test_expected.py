"""How long a run is said to take: between two times where other slides were measured, about one where these were."""

from __future__ import annotations

import os

import pytest

from stbench.cli.progress import time_in_words
from stbench.commands.expected import Expected


def expected(basis: str, embedding: float = 0.0) -> Expected:
    return Expected(dict.fromkeys("abcd", 50.0), {"spahgc": (200.0, basis)}, 1.0, None, embedding)  # type: ignore[dict-item]


def test_what_was_measured_on_other_slides_gives_two_times_and_embedding_counts_in_the_longer():
    least, most = expected("leaderboards/costs", embedding=30.0).between(workers=2)
    assert 100 < least < 120, "four trials of 50 s by two workers, and what is around a run"
    assert most > 2 * 100 + 30


def test_trials_of_these_very_slides_give_one_time():
    least, most = expected("stored trials", embedding=30.0).between(workers=1)
    assert least == most > 200


def test_nothing_to_do_takes_no_time():
    assert Expected({}, {}, 1.0).between(2) == (0.0, 0.0)


def test_the_words_name_both_times_the_basis_and_other_work(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0), raising=False)
    words = time_in_words(expected("leaderboards/costs"), 2)
    assert words == "About 2 min to 4 min with 2 workers, by leaderboards/costs."
    monkeypatch.setattr(os, "getloadavg", lambda: (500.0, 0.0, 0.0), raising=False)
    assert "longer beside other work (load 500.0 on" in time_in_words(expected("stored trials"), 1)

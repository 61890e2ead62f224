"""Devices: which of a machine's a run is given, how trials are dealt out to them, what is said of absent ones."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import pytest

from stbench.commands.choosing import choose_device
from stbench.commands.crew import crew_for
from stbench.commands.expected import Expected
from stbench.errors import UsageError
from stbench.evaluation.design import Design
from stbench.evaluation.devices import Card, Machine, dealt_out, given_to, next_of, trials_per_card
from stbench.evaluation.executors import Processes, Workbench
from stbench.evaluation.trials.benches import SealedBench

TWO_CARDS = Machine((Card("cuda:0", "NVIDIA H100", 80_000.0), Card("cuda:1", "NVIDIA A10", 24_000.0)))
BARE, APPLE = Machine(), Machine(mps=True)
MUCH = {"a trial": 1e6}  # seconds: enough work for any number of workers


def crew(device: str, peak: float | None, workers: int | None = None, per_device: int | None = None):
    design = Design(dataset="demo-tiny", device=device)
    return crew_for(design, Expected(MUCH, {}, 1.0, peak), workers, per_device, TWO_CARDS)


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cores enough for many workers."""
    import joblib

    monkeypatch.setattr(joblib, "cpu_count", lambda: 64)


@pytest.mark.parametrize(
    ("device", "machine", "found"),
    [
        ("auto", TWO_CARDS, "cuda"), ("auto", APPLE, "mps"), ("auto", BARE, "cpu"), ("cpu", TWO_CARDS, "cpu"),
        ("cuda", TWO_CARDS, "cuda"), ("cuda:1", TWO_CARDS, "cuda:1"), ("cuda:01", TWO_CARDS, "cuda:1"),
        ("mps", APPLE, "mps"),
    ],
)  # fmt: skip
def test_a_device_is_found_by_name(device: str, machine: Machine, found: str):
    assert choose_device(device, machine) == found


@pytest.mark.parametrize(
    ("device", "machine", "words"),
    [
        ("cuda:7", TWO_CARDS, ("cuda:7", "cuda:0 (NVIDIA H100, 80 GB)", "cuda:1 (NVIDIA A10, 24 GB)")),
        ("cuda", BARE, ("no CUDA device", "--device auto")),
        ("cuda:0", BARE, ("no CUDA device", "--device auto")),
        ("mps", TWO_CARDS, ("mps", "--device auto")),
        ("gpu", TWO_CARDS, ("'gpu'", "cpu")),
        ("cuda:first", TWO_CARDS, ("'cuda:first'", "cuda:N")),
        ("cuda:", TWO_CARDS, ("'cuda:'", "cuda:N")),
        ("mps:0", APPLE, ("'mps:0'", "mps")),
    ],
)
def test_one_that_is_not_there_is_a_sentence(device: str, machine: Machine, words: tuple[str, ...]):
    with pytest.raises(UsageError) as refused:
        choose_device(device, machine)
    sentence = str(refused.value)
    assert all(word in sentence for word in words), sentence
    assert "\n" not in sentence


def test_a_run_on_all_cards_or_on_one():
    assert [card.name for card in given_to("cuda", TWO_CARDS)] == ["cuda:0", "cuda:1"]
    assert [card.name for card in given_to("cuda:1", TWO_CARDS)] == ["cuda:1"]
    assert given_to("cpu", TWO_CARDS) == ()


def test_trials_a_card_are_what_the_smallest_holds_of_the_largest():
    cards = TWO_CARDS.cards
    assert trials_per_card(cards, None) == 1  # nobody has measured one
    assert trials_per_card(cards, 8_900.0) == 2  # of 24 GB
    assert trials_per_card(cards[:1], 8_900.0) == 7  # of 80 GB
    assert trials_per_card(cards, 50_000.0) == 1  # may fit or not: one is tried
    assert trials_per_card(cards, 200.0) == 8  # and no more, however small


def test_workers_are_dealt_out_in_turn():
    assert dealt_out(TWO_CARDS.cards, 5) == ("cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0")
    assert dealt_out((), 3) == ()


def test_a_crew_is_as_large_as_the_cards_allow(cores: None):
    assert crew("cuda", 8_900.0) == (4, ("cuda:0", "cuda:1", "cuda:0", "cuda:1"))
    assert crew("cuda", None) == (2, ("cuda:0", "cuda:1"))
    assert crew("cuda:1", 8_900.0) == (2, ("cuda:1", "cuda:1"))
    assert crew("cuda", None, per_device=3).workers == 6
    assert crew("cuda", None, workers=1) == (1, ("cuda:0",))
    assert Counter(crew("cuda", None, workers=5).devices) == {"cuda:0": 3, "cuda:1": 2}
    assert set(crew("cpu", None, per_device=3).devices) == {"cpu"}


def test_a_crew_is_no_larger_than_the_cores(monkeypatch: pytest.MonkeyPatch):
    import joblib

    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    assert crew("cuda", 200.0) == (3, ("cuda:0", "cuda:1", "cuda:0"))


def test_more_workers_than_each_card_may_have_are_refused():
    with pytest.raises(
        UsageError, match=r"--workers 9 .* --per-device 2 .* 2 CUDA devices; ask for at most 4"
    ):
        crew("cuda", None, workers=9, per_device=2)
    with pytest.raises(UsageError, match="at least 1; found 0"):
        crew("cuda", None, per_device=0)


def workbench() -> Workbench:
    design = Design(dataset="demo-tiny", device="cuda")
    return Workbench(design, (), SealedBench(), {"device": "cuda", "threads": 1})


def test_a_bench_on_a_device_says_so_in_what_it_makes():
    there = pickle.loads(pickle.dumps(workbench().on_device("cuda:1")))
    assert there.design.device == "cuda:1"
    assert there.provenance == {"device": "cuda:1", "threads": 1}
    assert workbench().design.device == "cuda"


def test_a_worker_in_place_of_a_dead_one_has_its_device():
    dealt = ("cuda:0", "cuda:1", "cuda:0")
    assert next_of(dealt, []) == "cuda:0"
    assert next_of(dealt, ["cuda:0"]) == "cuda:1"
    assert next_of(dealt, ["cuda:0", "cuda:1"]) == "cuda:0"
    assert next_of(dealt, ["cuda:0", "cuda:0"]) == "cuda:1"


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:1"])
def test_the_keys_of_trials_hold_a_device_by_its_kind(device: str, shared_cache: Path):
    from stbench.commands.choosing import choose_contestants, find_slides
    from stbench.evaluation.plan import make_plan

    sources, _ = find_slides("demo-tiny", None)
    contestants = choose_contestants(["ridge"], "paper", {})

    def keys(device: str) -> list[str]:
        design = Design(dataset="demo-tiny", device=device, n_genes=20)
        jobs = make_plan(design, "", sources, contestants, [0]).jobs
        return [key for job in jobs for key in (*job.keys.values(), *(trial.key for trial in job.trials))]

    assert keys(device) == keys("cuda:5")
    assert set(keys(device)).isdisjoint(keys("cpu"))


def test_workers_share_the_cards_and_each_result_names_its_own(shared_cache: Path):
    """`mean` trains no network, so that its trials run anywhere, on cards that are not there too."""
    from stbench.commands.choosing import choose_contestants, find_slides
    from stbench.evaluation.agenda import Agenda
    from stbench.evaluation.plan import make_plan

    sources = tuple(find_slides("demo-tiny", None)[0])
    contestants = [c for c in choose_contestants(["mean"], "paper", {}, tuned=False) if c.name == "mean"]
    design = Design(dataset="demo-tiny", device="cuda", inner="none", n_genes=20, min_counts=0)
    jobs = make_plan(design, "", sources, contestants, [0]).jobs
    bench = Workbench(design, sources, SealedBench(), {"device": "cuda"}).on_device("cuda:0")
    agenda = Agenda(jobs, {}, design.tune_on, {source.id: source.patient for source in sources})
    records = list(Processes(2, devices=("cuda:0", "cuda:1")).map(bench, agenda))
    assert [record.failure for record in records] == [None] * 4
    assert {record.provenance["device"] for record in records} == {"cuda:0", "cuda:1"}
    assert {key for job in jobs for key in job.keys.values()} == {record.key for record in records}

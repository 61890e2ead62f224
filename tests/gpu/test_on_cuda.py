"""What holds on a CUDA device: the same predictions as on the CPU, repeatable fits, and several trials on one card."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugins.command import records, stbench

from stbench import registry
from stbench.commands.check import handed_slides
from stbench.contract import FitContext, Method
from stbench.evaluation.trials.conduct import build
from stbench.evaluation.trials.repeating import TOLERANCE, done_repeatably, relative_difference

pytestmark = pytest.mark.gpu
EPOCHS = 2
NAMES = sorted(registry.plugins("method"))


@pytest.fixture(autouse=True)
def card_there(shared_cache: Path) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")


def fitted(name: str) -> tuple[Method, list[Any], list[str]]:
    """A method fitted on a card, the slides it may predict, and the operations that are not deterministic."""
    query, _, other, *train = [handout.open() for handout in handed_slides(registry.method_card(name))]
    device = "cpu" if registry.method_card(name).kind == "floor" else "cuda:0"

    def fit() -> Method:
        method = build(registry.load_method(name), {}, EPOCHS)
        method.fit(train[: len(train) // 2], context=FitContext(seed=3, device=device))
        return method

    method, lacking = done_repeatably(fit, device)
    return method, [query, other], lacking


def moved(value: Any, device: str, known: dict[int, Any] | None = None) -> Any:
    """The same with every network and tensor in it, however deep, on that device."""
    import torch

    known = {} if known is None else known
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, torch.nn.Module | torch.Tensor):
        known[id(value)] = value.to(device)
    elif isinstance(value, torch.device):
        return torch.device(device)
    elif isinstance(value, dict):
        known[id(value)] = {name: moved(part, device, known) for name, part in value.items()}
    elif type(value) in (list, tuple):
        known[id(value)] = type(value)(moved(part, device, known) for part in value)
    elif hasattr(value, "__dict__") and type(value).__module__.startswith("stbench"):
        known[id(value)] = value
        for name, part in list(vars(value).items()):
            object.__setattr__(value, name, moved(part, device, known))
    return known.get(id(value), value)


@pytest.mark.parametrize("name", NAMES)
def test_a_fitted_method_predicts_on_the_cpu_what_it_predicts_on_a_card(name: str):
    method, queries, _ = fitted(name)
    on_card = [method.predict(query) for query in queries]
    on_cpu = [moved(copy.deepcopy(method), "cpu").predict(query) for query in queries]
    for one, other in zip(on_card, on_cpu, strict=True):
        assert relative_difference(np.asarray(one), np.asarray(other)) < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_repeats_bit_for_bit_or_says_which_operation_does_not(name: str):
    (one, queries, lacking), (other, *_) = fitted(name), fitted(name)
    differences = [relative_difference(one.predict(query), other.predict(query)) for query in queries]
    assert max(differences) <= (TOLERANCE if lacking else 0.0), lacking


def run(out: Path, *more: object) -> dict[str, Any]:
    asked = ("--method", "eggn,spahgc", "--dataset", "demo-tiny", "--inner", "none", "--epochs", EPOCHS)
    outcome = stbench("run", *asked, "--out", out, *more)
    assert outcome.status == 0, outcome.err
    return records(out)


def test_one_card_is_named_and_named_in_the_results(tmp_path: Path, quick: None):
    of_eggn = [r for r in run(tmp_path, "--device", "cuda:0").values() if r["row"]["method"] == "eggn"]
    assert {r["provenance"]["device"] for r in of_eggn} == {"cuda:0"}
    assert all(r["cost"]["peak_gpu_memory_mb"] > 0 for r in of_eggn)


def test_two_trials_on_one_card_at_once_give_what_one_after_the_other_gives(tmp_path: Path, quick: None):
    alone = run(tmp_path / "one", "--device", "cuda:0", "--workers", 1)
    both = run(tmp_path / "two", "--device", "cuda:0", "--per-device", 2, "--workers", 2)
    assert alone.keys() == both.keys()
    for key, record in alone.items():
        for one, other in zip(record["slides"], both[key]["slides"], strict=True):
            assert one["scores"]["pcc"] == pytest.approx(other["scores"]["pcc"], abs=TOLERANCE)


def test_a_card_that_is_full_is_a_failed_row_and_everything_else_goes_on(tmp_path: Path, quick: None):
    asked = (
        "--method",
        "eggn",
        "--dataset",
        "demo-tiny",
        "--inner",
        "none",
        "--epochs",
        1,
        "--device",
        "cuda:0",
    )
    outcome = stbench("run", *asked, "--set", "hidden=400000", "--out", tmp_path)
    assert outcome.status == 1
    found = records(tmp_path).values()
    failed = [r for r in found if r["failure"]]
    assert failed and all("out of memory" in r["failure"].lower() for r in failed)
    assert any(not r["failure"] for r in found)

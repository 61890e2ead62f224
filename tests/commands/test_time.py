"""Floating-point operations against formulas by hand; which epochs and predictions are timed, and what is left out."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from stbench import registry
from stbench.commands.choosing import choose_contestants, find_slides
from stbench.commands.stopwatch import Trial, measure
from stbench.evaluation.cost import counting, operations
from stbench.evaluation.design import Design
from stbench.evaluation.threads import limit_threads
from stbench.evaluation.trials import stopwatch
from stbench.evaluation.trials.stopwatch import Stopwatch

# --- floating-point operations --------------------------------------------------------------------------------


def counted(work: Callable[[], object]) -> int:
    with counting() as counter:
        work()
    return counter.get_total_flops()


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_an_lstm_counts_as_by_hand(layers: int, bidirectional: bool):
    steps, batch, width, hidden, directions = 5, 3, 8, 16, 1 + bidirectional
    network = nn.LSTM(width, hidden, layers, bidirectional=bidirectional)
    x = torch.randn(steps, batch, width, requires_grad=True)
    inputs = [width] + [hidden * directions] * (layers - 1)
    by_hand = sum(4 * (entering + hidden) * hidden * 2 for entering in inputs) * directions * steps * batch
    assert counted(lambda: network(x)) == by_hand
    output = network(x)[0].sum()
    assert counted(output.backward) == 2 * by_hand
    # The operator that runs on a GPU, asked for shapes only.
    weights = [weight.to("meta") for weight in network.parameters()]
    state = torch.zeros(layers * directions, batch, hidden, device="meta")
    settings = (2, hidden, 0, layers, False, 0.0, True, bidirectional, [], None)
    on_gpu = lambda: torch.ops.aten._cudnn_rnn(x.to("meta"), weights, 4, None, state, state, *settings)  # noqa: E731
    assert counted(on_gpu) == by_hand


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d])
def test_a_convolution_counts_twice_backward(kind: type[nn.Module], groups: int):
    channels, out, edge, dimensions = 8, 16, 10, 1 if kind is nn.Conv1d else 2
    network = kind(channels, out, 3, stride=2, groups=groups, padding=1)
    x = torch.randn(4, channels, *[edge] * dimensions, requires_grad=True)
    output = network(x)
    points = x[0, 0].numel() if kind is nn.ConvTranspose2d else output[0, 0].numel()
    by_hand = 2 * len(x) * points * 3**dimensions * channels * out // groups
    assert counted(lambda: network(x)) == by_hand
    assert counted(lambda: output.sum().backward()) == 2 * by_hand
    output = network(x.detach())
    assert counted(lambda: output.sum().backward()) == by_hand


def test_attention_counts_alike_in_training_and_prediction():
    n, width, heads, inner = 7, 16, 4, 32
    network = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(width, heads, inner, dropout=0.0, batch_first=True), 2
    )
    x = torch.randn(1, n, width)
    by_hand = 2 * 2 * (n * width * (4 * width + 2 * inner) + 2 * n * n * width)
    assert counted(lambda: network(x)) == by_hand
    network.eval()
    with torch.no_grad():
        assert counted(lambda: network(x)) == by_hand


def test_counting_leaves_fused_layers_as_they_were():
    with pytest.raises(ZeroDivisionError):
        counted(lambda: 1 / 0)
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_a_sparse_product_counts_its_stored_entries(layout: torch.layout):
    dense = torch.zeros(20, 30)
    dense[torch.arange(20), torch.arange(20)] = 1.0
    links, x = dense.to_sparse(layout=layout), torch.randn(30, 6, requires_grad=True)
    assert counted(lambda: links @ x) == 2 * 20 * 6
    output = (links @ x).sum()
    assert counted(output.backward) == 2 * 20 * 6
    assert counted(lambda: dense @ x) == 2 * 20 * 30 * 6


def test_counting_keeps_no_graph_that_was_recomputed():
    """Several GiB a step, else, where a network recomputes its activations to save memory."""
    network = nn.Sequential(nn.Linear(8, 16), Noted(), nn.Linear(16, 4))
    x = torch.randn(5, 8, requires_grad=True)
    with counting() as counter:
        checkpoint(network, x, use_reentrant=False).sum().backward()
        assert len(Noted.seen) == 2 and not any(thing() for thing in Noted.seen)
    first, last = 2 * 5 * 8 * 16, 2 * 5 * 16 * 4
    assert counter.get_total_flops() == 4 * first + 3 * last  # what the last layer gives is not needed again


class Noted(nn.Module):
    """The identity; `seen` has weak references to what each of its nodes in the graph holds."""

    seen: ClassVar[list[weakref.ref]] = []

    class Identity(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.held = nn.Identity()  # any object that may be referred to weakly
            Noted.seen.append(weakref.ref(ctx.held))
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient

    def forward(self, x):
        return self.Identity.apply(x)


def test_nothing_counted_is_none():
    assert operations(lambda: sum(range(10))) is None
    assert operations(lambda: torch.zeros(2, 3) @ torch.zeros(3, 4)) == 2 * 2 * 3 * 4


# --- what is timed --------------------------------------------------------------------------------------------

# Sleeps in its first epoch or prediction for much longer than in later ones; fails as it is told.
SLEEPER = '''"""Takes its time."""

import time

import numpy as np

from stbench.contract import FitContext, FitReport, Method


class Sleeper(Method):
    def __init__(self, first: float = 0.3, later: float = 0.02, told: bool = True, epochs: int = 1):
        self.first, self.later, self.told, self.epochs = first, later, told, epochs

    def fit(self, train, queries=(), checkpoints=(), context=FitContext()):
        self.genes, self.names = train[0].expression.shape[1], []
        for epoch in range(self.epochs):
            time.sleep(self.later if epoch else self.first)
            if self.told and context.progress:
                context.progress(epoch + 1, self.epochs)
        return FitReport(epochs=self.epochs)

    def predict(self, slide):
        assert slide.id not in self.names
        time.sleep(self.later if self.names else self.first)
        self.names.append(slide.id)
        return np.zeros((slide.n_spots, self.genes))


plugin = Sleeper
'''


@pytest.fixture
def sleeper(tmp_path: Path, plug_in: Callable[[Path], None]) -> str:
    """The name of a method whose seconds are known."""
    folder = tmp_path / "methods" / "sleeper"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(SLEEPER)
    (folder / "card.yaml").write_text("title: Sleeper\nsummary: sleeps\nfamily: fixture\n")
    plug_in(folder.parent)
    return "sleeper"


@pytest.fixture
def trial_of(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trial]:
    """A function that makes the trial of a method with settings of its own, on demo-tiny."""
    design = Design(dataset="demo-tiny", inner="none", genes="highest", n_genes=20, min_counts=0)
    sources, _ = find_slides("demo-tiny", None)
    limit_threads(1)
    monkeypatch.setattr(stopwatch, "MATRIX_EDGE", 256)

    def trial(method: str, slides: Sequence[str] = ("A1", "B1", "C1"), **settings: object) -> Trial:
        own = {method: settings} if settings else {}
        contestant = next(c for c in choose_contestants([method], "paper", own) if c.name == method)
        chosen = tuple(source for source in sources if source.id in slides)
        return Trial(contestant, design, chosen, tuple(slides[:-1]), slides[-1], threads=1, epochs_timed=3)

    return trial


def stopwatch_of(trial: Trial) -> Stopwatch:
    """The stopwatch of a sealed child, here."""
    query, *train = [slide.open() for slide in trial.slides()]
    method_class = registry.load_method(trial.contestant.name)
    return Stopwatch(trial.timed, train, query, method_class)  # type: ignore[arg-type]


def test_the_first_epoch_and_the_first_prediction_are_not_timed(trial_of: Callable[..., Trial], sleeper: str):
    costs = stopwatch_of(trial_of(sleeper)).costs()
    assert 0.02 <= costs["seconds_per_epoch"] < 0.2
    assert 0.02 <= costs["seconds_per_1000_spots"] * costs["n_spots"] / 1000 < 0.2
    assert costs["seconds_per_fit"] is None
    assert (costs["flops_epoch"], costs["flops_forward"]) == (None, None)
    assert (costs["parameters"], costs["n_genes"]) == (0, 20)


def test_a_long_first_prediction_counts_and_is_not_repeated(
    trial_of: Callable[..., Trial], sleeper: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stopwatch, "_LONG", 0.1)
    costs = stopwatch_of(trial_of(sleeper)).costs()
    assert 0.3 <= costs["seconds_per_1000_spots"] * costs["n_spots"] / 1000 < 0.5


def test_a_method_without_epochs_is_timed_by_its_fits(trial_of: Callable[..., Trial]):
    costs = stopwatch_of(trial_of("mean")).costs()
    assert (costs["seconds_per_epoch"], costs["flops_epoch"]) == (None, None)
    assert costs["seconds_per_fit"] > 0
    assert costs["trainable_parameters"] == costs["parameters"] > 0


def test_epochs_that_are_not_told_of_are_a_reason(trial_of: Callable[..., Trial], sleeper: str):
    found = measure(trial_of(sleeper, told=False, first=0.0, later=0.0))
    assert "told of 0 epochs and was asked for 5" in found["failed"]
    assert 0.1 < found["matrix_gflops"] < 1e4


def test_too_few_training_slides_are_a_reason(trial_of: Callable[..., Trial]):
    trial = trial_of("spahgc", slides=("A1", "B1"))
    assert "needs at least 2 training slides, found 1" in measure(trial)["failed"]


def test_a_network_is_timed_for_more_epochs_than_its_settings_ask_for(trial_of: Callable[..., Trial]):
    trial = trial_of("spahgc", hidden=16, heads=2, layers=2, epochs=1)
    watch = stopwatch_of(replace(trial, epochs_timed=1))
    costs = watch.costs()
    assert 0 < costs["seconds_per_epoch"] < 10
    assert costs["flops_forward"] > 0
    # The operations of an epoch are those of a fit of two less those of a fit of one.
    assert costs["flops_epoch"] == counted(lambda: watch.fitted(2)) - counted(lambda: watch.fitted(1)) > 0

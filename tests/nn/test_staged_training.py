"""Training in stages: each goes on from files, and all together end bit for bit where training in one go ends."""

from __future__ import annotations

import concurrent.futures
import importlib
import json
import multiprocessing
import random
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from staged_fits import Data, assert_same, fit, fit_in_stages, fit_stage, read, written
from torch import nn
from torch.nn.functional import mse_loss
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stbench.contract import FitContext, FitReport, TrainingState
from stbench.errors import MethodError, UsageError
from stbench.nn.training import Checkpoints, adamw, evaluating, seeded, shuffled_batches, train
from stbench.nn.training_state import pack, unpack
from stbench.slide import QuerySlide

# Plugins: settings besides those of their own tests. Each is trained for four epochs, in three stages.
STOPS = (1, 3, 4)
SETTINGS = [
    ("cmrcnet", {}),
    ("eggn", {}),
    ("hggep", {"decay_every": 1}),
    ("hist2st", {"decay_every": 1, "dropout": 0.2}),
    ("histogene", {}),
    ("m2ost", {"attention_dropout": 0.2}),
    ("spahgc", {}),
    ("stnet", {"mode": "frozen"}),
    ("thitogene", {}),
]
LARGE = [("bleep", {}), ("bleep", {"own_stopping": True}), ("mclstexp", {}), ("stnet", {"mode": "finetune"})]
LARGE = [pytest.param(*case, marks=pytest.mark.acceptance) for case in LARGE]


def small_fit(name: str, settings: dict[str, Any]):
    """A plugin with the settings and on the slides of its own tests."""
    tests = importlib.import_module(f"methods.test_{name}")
    plugin = importlib.import_module(f"stbench.methods.{name}").plugin
    slides = [tests.training_slide(letter) for letter in "ABQ"]
    data = Data(slides[:2], [tests.query_of(slides[2])])
    return plugin(**{**tests.SMALL, **settings, "epochs": STOPS[-1]}), data


@pytest.mark.filterwarnings("ignore:No ImageNet weights")
@pytest.mark.parametrize(("name", "settings"), SETTINGS + LARGE)
def test_a_plugin_trained_in_stages_is_the_one_trained_in_one_go(name, settings):
    method, data = small_fit(name, settings)
    whole = fit(method.clone(), data, FitContext(seed=3))
    assert_same(list(fit_in_stages(method, data, FitContext(seed=3), STOPS)), whole)
    assert len(set(whole.report.losses)) == STOPS[-1], "nothing changes from epoch to epoch"


def test_a_stage_may_run_in_another_process():
    method, data = small_fit("histogene", {})
    first, files = fit_stage(method, data, FitContext(until=2))
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as elsewhere:
        second, _ = elsewhere.submit(fit_stage, method, data, FitContext(), files).result()
    assert_same([first, second], fit(method, data, FitContext()))


# The training loop itself, on a network with dropout and batch norm.

INPUTS = torch.linspace(-1, 1, 24).reshape(12, 2)
TARGETS = INPUTS.sum(1, keepdim=True) * 0.5 + 0.1


class Trained(NamedTuple):
    """What a training ended with."""

    report: FitReport
    weights: dict[str, torch.Tensor]
    handed: dict[int, np.ndarray]
    last: dict[str, Any]


def tiny(epochs=6, schedule=None, context=None, width=8, make=adamw, named=True, **options) -> Trained:
    """A small network; its schedule steps once an epoch, a moving average once a loss, and each loss draws noise."""
    handed = {}
    context = replace(context or FitContext(), hand_over=lambda at, found: handed.update({at: found[0]}))
    with seeded(context) as generator:
        network = nn.Sequential(
            nn.Linear(2, width), nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Linear(width, 1)
        )
        average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
        optimiser = make(network, 0.05, 0.01)
        stepped = schedule(optimiser) if schedule else None

        def losses(epoch):
            for rows in shuffled_batches(12, 5, generator):
                noise = random.random() + np.random.random()
                with torch.no_grad():
                    pulled = average(INPUTS[rows])
                loss = mse_loss(network(INPUTS[rows] + 0.1 * noise), 0.9 * TARGETS[rows] + 0.1 * pulled)
                yield loss
                average.update_parameters(network)
            if isinstance(stepped, lr_scheduler.ReduceLROnPlateau):
                stepped.step(loss.item())
            elif stepped:
                stepped.step()

        def own_loss():
            return mse_loss(network(INPUTS), TARGETS).item()

        if options.pop("own_stopping", False):
            options["own_loss"] = own_loss
        also = {"average": average, **({"schedule": stepped} if stepped and named else {})}
        query = QuerySlide("q", "ST", pixel_xy=np.zeros((3, 2)), array_row_column=np.zeros((3, 2)))
        queried = Checkpoints(lambda slide: network(INPUTS[:3]).numpy(), [query], range(1, epochs + 1))
        report = train(network, optimiser, losses, epochs, context, queried, also=also, **options)
        with evaluating(network):
            last = {"optimiser": optimiser.state_dict(), "average": average(INPUTS).numpy()}
    return Trained(report, network.state_dict(), handed, last)


def stages(stops, **options) -> list[Trained]:
    """The stages of that training, each gone on with from files."""
    before, done = None, []
    for stop in stops:
        kept: list[TrainingState] = []
        context = FitContext(until=stop, resume=before, keep=kept.append)
        done.append(tiny(context=context, **options))
        (state,) = kept
        before = read(written(state))
    return done


def kept_after(epoch: int, **options) -> TrainingState:
    kept: list[TrainingState] = []
    tiny(context=FitContext(until=epoch, keep=kept.append), **options)
    return kept[0]


def same(one: Any, other: Any) -> bool:
    """Whether two nested values are the same, types and bits."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.stride() == other.stride() and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def sgd(network, learning_rate, weight_decay):
    return torch.optim.SGD(network.parameters(), learning_rate, momentum=0.9, weight_decay=weight_decay)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"make": sgd},
        {"accumulate": 2},
        {"mixed_precision": True},
        {"own_stopping": True},
        {"schedule": partial(lr_scheduler.StepLR, step_size=2, gamma=0.5)},
        {"schedule": partial(lr_scheduler.MultiStepLR, milestones=[1, 4])},
        {"schedule": partial(lr_scheduler.CosineAnnealingLR, T_max=6)},
        {"schedule": partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=6)},
        {"schedule": partial(lr_scheduler.ReduceLROnPlateau, patience=0)},
        {"schedule": partial(lr_scheduler.ExponentialLR, gamma=0.5), "own_stopping": True, "accumulate": 2},
    ],
)
@pytest.mark.parametrize("stops", [(2, 4, 6), (0, 1, 1, 6)])
def test_staged_training_is_the_same_bit_for_bit(options, stops):
    whole, staged = tiny(**options), stages(stops, **options)
    assert staged[-1].report == whole.report
    assert same(staged[-1].weights, whole.weights) and same(staged[-1].last, whole.last)
    assert same({at: found for stage in staged for at, found in stage.handed.items()}, whole.handed)


def test_each_stage_hands_over_its_own_epochs_and_reports_the_training_so_far():
    whole, staged = tiny(), stages((2, 5, 6))
    assert [list(stage.handed) for stage in staged] == [[1, 2], [3, 4, 5], [6]]
    assert [stage.report.epochs for stage in staged] == [2, 5, 6]
    assert [stage.report.steps for stage in staged] == [6, 15, 18]
    assert [stage.report.losses for stage in staged] == [whole.report.losses[:n] for n in (2, 5, 6)]


def test_a_stage_leaves_the_network_with_the_weights_that_the_own_rule_keeps():
    shown = {}
    for stage in stages((2, 4, 6), own_stopping=True):
        shown[stage.report.epochs] = stage.handed[stage.report.epochs]
        assert "own rule kept the weights of epoch" in stage.report.notes[0]
    assert same(shown, {at: tiny(own_stopping=True).handed[at] for at in (2, 4, 6)})


def test_a_state_is_a_snapshot_that_may_be_gone_on_from_twice():
    states: list[TrainingState] = []
    tiny(context=FitContext(until=3, keep=states.append))
    before = json.dumps(states[0].plain), {name: array.copy() for name, array in states[0].arrays.items()}
    first, second = (tiny(context=FitContext(resume=states[0])) for _ in range(2))
    assert same(first.weights, second.weights) and same(first.weights, tiny().weights)
    assert json.dumps(states[0].plain) == before[0] and same(dict(states[0].arrays), before[1])


def test_keeping_a_state_does_not_change_the_training():
    kept: list[TrainingState] = []
    assert same(tiny(context=FitContext(keep=kept.append)).weights, tiny().weights)
    assert kept[0].plain["epochs"] == 6


def test_progress_and_losses_are_told_the_epoch_of_the_whole_training():
    told = []
    state = kept_after(4)
    tiny(context=FitContext(resume=state, progress=lambda *step: told.append(step)))
    assert told == [(5, 6), (6, 6)]


# A state that does not fit.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 9}, r"the network has 0\.weight as float32 of shape \(8, 2\), which is .*\(9, 2\) here"),
        ({"context": FitContext(seed=4)}, "it was kept with seed 0, but this fit has 4"),
        ({"epochs": 9}, "it was kept with epochs in all 6, but this fit has 9"),
        ({"make": sgd}, "the optimiser has no 'momentum' there, but has one here"),
        ({"own_stopping": True}, "what was trained has no 'best weights' there"),
        ({"schedule": partial(lr_scheduler.StepLR, step_size=2)}, "what was trained has no 'schedule' there"),
    ],
)
def test_a_state_of_another_training_is_an_error_that_names_the_difference(options, message):
    context = replace(options.pop("context", FitContext()), resume=kept_after(2))
    with pytest.raises(
        MethodError, match=rf"^The training state to go on from does not fit .*: {message}.*\.$"
    ):
        tiny(context=context, **options)


def test_a_state_with_a_part_too_many_or_without_an_array_is_an_error():
    state = kept_after(2, own_stopping=True)
    with pytest.raises(MethodError, match="what was trained has 'best weights' there, but has none here"):
        tiny(context=FitContext(resume=state))
    lacking = TrainingState({}, state.plain)
    with pytest.raises(MethodError, match="cannot be read, for it is not whole"):
        tiny(context=FitContext(resume=lacking), own_stopping=True)
    without = TrainingState(state.arrays, {key: part for key, part in state.plain.items() if key != "random"})
    with pytest.raises(MethodError, match="it has no 'random' there"):
        tiny(context=FitContext(resume=without), own_stopping=True)


@pytest.mark.parametrize("until", [-1, 1, 7])
def test_a_stage_that_is_over_or_beyond_the_last_epoch_is_an_error(until):
    with pytest.raises(UsageError, match=f"until is {until}; it must be from 2 to 6"):
        tiny(context=FitContext(resume=kept_after(2), until=until))


def test_a_schedule_that_train_was_not_told_of_is_an_error_only_where_it_would_be_forgotten():
    options = {"schedule": partial(lr_scheduler.StepLR, step_size=2), "named": False}
    assert tiny(**options).report.epochs == 6
    with pytest.raises(MethodError, match="schedule that `train` was not told of; name it in `also`"):
        kept_after(2, **options)


def test_what_train_keeps_itself_cannot_be_named_again():
    network = nn.Linear(1, 1)
    with pytest.raises(MethodError, match="names 'optimiser', which `train` itself keeps"):
        train(network, sgd(network, 1, 0), lambda epoch: (), 1, FitContext(), also={"optimiser": network})


# Arrays and JSON.

KEPT = {
    "numbers": [None, True, 0, 2**70, -0.1, 5e-324, "ä", float("inf"), float("-inf")],
    "nested": {1: (1, (2.5, [])), "a": {}, (1, "b"): ()},
    "tensors": [
        torch.arange(3.0).bfloat16() / 3,
        torch.tensor(1 / 3, dtype=torch.bfloat16),
        torch.tensor([1.5, -2]).to(torch.float8_e4m3fn).view(torch.uint8),
        torch.tensor(1 / 3),
        torch.tensor([[True, False]]),
        torch.tensor(-(2**62)),
        torch.empty(0, 3, dtype=torch.float64),
        torch.tensor([1 + 2j]),
        torch.arange(6, dtype=torch.float16).reshape(2, 3).T,
        torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.rand(4, 3, 1, 1).to(memory_format=torch.channels_last),
        torch.random.get_rng_state(),
    ],
    "arrays": [np.arange(4, dtype=np.uint32), np.array(2.5), np.float64(0.1), np.bool_(True)],
    "random": [random.getstate(), np.random.get_state()],
}


def test_values_come_back_exactly_from_files():
    found = unpack(read(written(pack(KEPT))))
    assert same(found, KEPT)
    assert found["numbers"][-1] == float("-inf") and found["nested"].keys() == KEPT["nested"].keys()


def test_float8_and_nan_come_back_too():
    eighth = torch.tensor([1.5, -2]).to(torch.float8_e4m3fn)
    found = unpack(read(written(pack({"eighth": eighth, "nan": float("nan")}))))
    assert found["eighth"].dtype == eighth.dtype and np.isnan(found["nan"])
    assert torch.equal(found["eighth"].view(torch.uint8), eighth.view(torch.uint8))


def test_names_that_would_be_the_same_are_told_apart():
    parts = {"a": {"b/c": torch.zeros(1), "b": {"c": torch.ones(1)}}}
    assert same(unpack(pack(parts)), parts)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (object(), "a object"),
        ({1, 2}, "a set"),
        (np.array([object()]), "an array of objects"),
        (torch.eye(2).to_sparse(), "a sparse or quantised tensor"),
        (Data([], []), "a Data"),
    ],
)
def test_what_is_not_arrays_and_json_is_an_error_that_says_where(value, what):
    with pytest.raises(MethodError, match=f"cannot be kept to go on with: part/7 is {what}, not arrays"):
        pack({"part": {7: value}})

"""The shared training loop: seeds, modes, the validation curve, accumulation, and its errors."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from stbench.contract import FitContext
from stbench.errors import MethodError, UsageError
from stbench.nn.training import Checkpoints, device_of, evaluating, seeded, shuffled_batches, train
from stbench.slide import QuerySlide

INPUTS = torch.linspace(-1, 1, 24).reshape(12, 2)
TARGETS = INPUTS.sum(1, keepdim=True) * 0.5 + 0.1


def query(n: int) -> QuerySlide:
    return QuerySlide(id=f"q{n}", platform="ST", pixel_xy=np.zeros((n, 2)), array_row_column=np.zeros((n, 2)))


def fit(epochs=3, seed=0, context=None, slides=(), at=(), **options):
    """A small network with dropout, trained in shuffled batches; the network and the report."""
    context = context or FitContext(seed=seed)
    with seeded(context) as generator:
        network = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        optimiser = torch.optim.SGD(network.parameters(), lr=0.05)

        def losses(epoch):
            for rows in shuffled_batches(12, 5, generator):
                yield mse_loss(network(INPUTS[rows]), TARGETS[rows])

        def predict(slide):
            assert not network.training and not torch.is_grad_enabled()
            return network(INPUTS[: slide.n_spots]).numpy()

        report = train(
            network, optimiser, losses, epochs, context, Checkpoints(predict, slides, at), **options
        )
    return network, report


def weights(network):
    return torch.cat([parameter.detach().ravel() for parameter in network.parameters()])


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    assert torch.equal(weights(fit(seed=3)[0]), weights(fit(seed=3)[0]))
    assert not torch.equal(weights(fit(seed=3)[0]), weights(fit(seed=4)[0]))


def test_the_caller_s_random_state_and_settings_are_left_alone():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.random(), torch.rand(1)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    with seeded(FitContext(seed=7)):
        assert torch.are_deterministic_algorithms_enabled()
        random.random(), np.random.random(), torch.rand(1)
    assert (random.random(), np.random.random(), torch.rand(1)) == expected
    assert not torch.are_deterministic_algorithms_enabled()


def test_python_and_numpy_draw_from_the_seed_too():
    def draws(seed):
        with seeded(FitContext(seed=seed)) as generator:
            return random.random(), np.random.random(), torch.rand(1).item(), generator.initial_seed()

    assert draws(5) == draws(5)
    assert all(a != b for a, b in zip(draws(5), draws(6), strict=True))


def test_the_queries_are_predicted_at_the_checkpoints_by_the_weights_of_their_epoch():
    handed = {}
    context = FitContext(hand_over=handed.__setitem__)
    network, report = fit(epochs=3, context=context, slides=(query(3), query(4)), at=(1, 3))
    assert [(at, [len(found) for found in handed[at]]) for at in handed] == [(1, [3, 4]), (3, [3, 4])]
    assert report.epochs == 3
    with evaluating(network):
        np.testing.assert_array_equal(handed[3][1], network(INPUTS[:4]).numpy())
    with evaluating(shorter := fit(epochs=1)[0]):
        np.testing.assert_array_equal(handed[1][1], shorter(INPUTS[:4]).numpy())


def test_the_report_holds_the_mean_loss_of_each_epoch():
    weight = nn.Linear(1, 1, bias=False)
    optimiser = torch.optim.SGD(weight.parameters(), lr=0.0)
    given = {0: [1.0, 2.0, 6.0], 1: [4.0]}

    def losses(epoch):
        yield from (value + 0 * weight(torch.ones(1, 1)).sum() for value in given[epoch])

    assert train(weight, optimiser, losses, 2, FitContext()).losses == (3.0, 4.0)


def test_handing_over_does_not_change_what_is_trained():
    def draw(*handed):
        torch.rand(3), random.random(), np.random.random()

    context = FitContext(hand_over=draw)
    assert torch.equal(weights(fit(slides=(query(2),), at=(1, 2, 3), context=context)[0]), weights(fit()[0]))


def test_progress_is_told_after_what_was_handed_over():
    told = []
    context = FitContext(
        progress=lambda *step: told.append(step), hand_over=lambda at, found: told.append(at)
    )
    fit(epochs=2, context=context, slides=(query(1),), at=(1, 2))
    assert told == [1, (1, 2), 2, (2, 2)]


@pytest.mark.parametrize("lacking", [{"at": ()}, {"slides": ()}, {"context": FitContext()}])
def test_nothing_is_predicted_that_nobody_takes(lacking):
    handed = []
    context = FitContext(hand_over=lambda *found: handed.append(found))
    fit(**{"epochs": 2, "context": context, "slides": (query(1),), "at": (1, 2), **lacking})
    assert handed == []


def test_no_epochs_leave_the_network_as_it_was_made():
    network, report = fit(epochs=0, slides=(query(1),), at=(1,))
    with seeded(FitContext()):
        expected = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    assert report.losses == () and report.epochs == 0
    assert torch.equal(weights(network), weights(expected))


@pytest.mark.parametrize("training", [True, False])
def test_the_network_s_mode_is_restored(training):
    network = nn.Linear(1, 1).train(training)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    modes = []

    def losses(epoch):
        modes.append(network.training)
        yield network(torch.ones(1, 1)).sum()

    train(network, optimiser, losses, 1, FitContext())
    assert modes == [True] and network.training is training
    with evaluating(network):
        assert not network.training and not torch.is_grad_enabled()
    assert network.training is training and torch.is_grad_enabled()


def steps(losses_of, accumulate=1, epochs=1, **options):
    """The weight of a one-weight network after training with lr 1 on gradients (1 + 0 w) x value."""
    weight = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(weight.weight)
    optimiser = torch.optim.SGD(weight.parameters(), lr=1.0)
    weight.weight.grad = torch.full((1, 1), 99.0)  # left by someone else: must not count

    def losses(epoch):
        for value in losses_of(epoch):
            yield weight(torch.ones(1, 1)).sum() * value

    train(weight, optimiser, losses, epochs, FitContext(), accumulate=accumulate, **options)
    return weight.weight.item()


def test_each_loss_is_a_step_on_its_gradient_alone():
    assert steps(lambda epoch: (1.0, 2.0, 4.0)) == -7.0


def test_accumulated_losses_are_averaged_and_a_short_last_group_over_its_own_number():
    assert steps(lambda epoch: (1.0, 3.0, 5.0), accumulate=2) == -(2.0 + 5.0)
    assert steps(lambda epoch: (1.0, 3.0, 5.0), accumulate=8) == -3.0


def test_losses_are_told_the_epoch():
    assert steps(lambda epoch: (10.0**epoch,), epochs=3) == -111.0


def test_mixed_precision_computes_losses_in_bfloat16_and_keeps_weights_in_single():
    seen = []
    network = nn.Linear(4, 4)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)

    def losses(epoch):
        for _ in range(2):
            output = network(torch.ones(3, 4))
            seen.append(output.dtype)
            yield output.float().square().mean()

    for mixed in (False, True):
        train(network, optimiser, losses, 1, FitContext(), mixed_precision=mixed)
    assert seen == [torch.float32] * 2 + [torch.bfloat16] * 2
    assert network.weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_an_error_that_names_epoch_and_loss(bad):
    with pytest.raises(MethodError, match=rf"loss was -?{bad} in epoch 2 of 3"):
        steps(lambda epoch: (1.0, bad if epoch == 1 else 1.0), epochs=3)


def test_an_epoch_without_a_loss_and_negative_epochs_are_errors():
    with pytest.raises(MethodError, match="nothing to train on in epoch 1"):
        steps(lambda epoch: ())
    with pytest.raises(UsageError, match="epochs is -1"):
        steps(lambda epoch: (1.0,), epochs=-1)


def test_batches_cover_every_spot_once_and_may_drop_an_incomplete_last():
    generator = torch.Generator().manual_seed(0)
    batches = list(shuffled_batches(10, 4, generator))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(torch.cat(batches).tolist()) == list(range(10))
    assert torch.cat(batches).tolist() != list(range(10))
    assert [len(batch) for batch in shuffled_batches(10, 4, generator, drop_incomplete=True)] == [4, 4]
    assert [len(batch) for batch in shuffled_batches(3, 4, generator, drop_incomplete=True)] == [3]


def test_a_device_that_is_not_known_or_not_there_is_named():
    assert device_of(FitContext()) == torch.device("cpu")
    with pytest.raises(UsageError, match="no device named 'tpu'"):
        device_of(FitContext(device="tpu"))
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="cuda was asked for"):
            device_of(FitContext(device="cuda"))

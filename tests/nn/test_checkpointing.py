"""Stages that are computed twice give the same numbers as stages that are kept."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from stbench.nn.checkpointing import run_stage


def stage() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.ReLU(), nn.Linear(6, 2))


def trained(recompute: bool) -> tuple[nn.Sequential, torch.Tensor, torch.Tensor]:
    network, inputs = stage(), torch.arange(20.0).view(5, 4).requires_grad_()
    torch.manual_seed(1)
    output = run_stage(network, inputs, recompute=recompute)
    output.square().sum().backward()
    return network, output, inputs.grad


def test_outputs_gradients_and_running_statistics_are_the_same():
    (kept, output, gradient), (again, repeated, recomputed) = trained(False), trained(True)
    torch.testing.assert_close(repeated, output)
    torch.testing.assert_close(recomputed, gradient)
    for one, other in zip(kept.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad)
    for one, other in zip(kept.buffers(), again.buffers(), strict=True):
        torch.testing.assert_close(other, one)


def test_the_stage_learns_its_statistics_as_before_afterwards():
    network, _, _ = trained(True)
    norm = network[1]
    assert norm.momentum == 0.1 and norm.num_batches_tracked == 1
    before = copy.deepcopy(norm.running_mean)
    network(torch.ones(3, 4))
    assert not torch.equal(norm.running_mean, before) and norm.num_batches_tracked == 2


def test_only_inputs_are_kept():
    network, saved = stage(), []
    inputs = torch.ones(5, 4, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x) or x, lambda x: x):
        run_stage(network, inputs, recompute=True)
        recomputed = len(saved)
        run_stage(network, inputs)
    assert recomputed < len(saved) - recomputed


@pytest.mark.parametrize("recompute", [False, True])
def test_a_stage_may_take_several_inputs(recompute):
    double = nn.Bilinear(3, 3, 2)
    output = run_stage(double, torch.ones(4, 3), torch.ones(4, 3), recompute=recompute)
    assert output.shape == (4, 2)

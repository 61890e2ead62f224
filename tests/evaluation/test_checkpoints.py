"""Which epochs are judged, and where a training's stages end."""

from __future__ import annotations

import itertools

import pytest

from stbench.evaluation.checkpoints import N_STAGES, checkpoints_of, stage_of


@pytest.mark.parametrize("epochs", [1, 2, 3, 15, 16, 17, 100, 200, 350])
def test_about_16_epochs_from_the_first_to_the_cap_ever_further_apart(epochs: int):
    found = checkpoints_of(epochs)
    assert found[0] == 1 and found[-1] == epochs and list(found) == sorted(set(found))
    assert len(found) == epochs if epochs < 4 else len(found) <= 16
    gaps = [later - earlier for earlier, later in itertools.pairwise(found)]
    assert all(later >= earlier - 1 for earlier, later in itertools.pairwise(gaps))


def test_a_method_without_epochs_has_no_checkpoint_to_be_asked_for():
    assert checkpoints_of(0) == ()


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 8, 30, 200])
def test_stages_follow_on_each_other_and_end_with_a_checkpoint_at_a_quarter_and_half(epochs: int):
    stages = [stage_of(epochs, number) for number in range(N_STAGES)]
    assert [stage.ends for stage in stages] == [-(-epochs // 4), -(-epochs // 2), epochs]
    assert [stage.begins for stage in stages] == [0, stages[0].ends, stages[1].ends]
    every = [checkpoint for stage in stages for checkpoint in stage.checkpoints]
    assert every == sorted({*checkpoints_of(epochs), *(stage.ends for stage in stages)})
    assert stage_of(epochs, None).checkpoints == checkpoints_of(epochs)

"""Augmentations against torchvision and by hand."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2 import functional as torchvision

from stbench.nn.augmentation import (
    colour_jittered,
    grey,
    happens,
    mirrored,
    random_symmetries,
    rotated,
    symmetry,
    uniform,
)
from stbench.nn.self_distillation import augmented_copy, weighted_ensemble


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 4, edge: int = 9) -> torch.Tensor:
    return torch.rand(n, 3, edge, edge, generator=generator(1))


def test_the_eight_symmetries_are_a_group():
    image = images(1)
    elements = [symmetry(image, i) for i in range(8)]
    distinct = {tuple(element.flatten().tolist()) for element in elements}
    assert len(distinct) == 8
    for element in elements:  # turning or mirroring any of them gives one of them
        assert tuple(element.rot90(1, (-2, -1)).flatten().tolist()) in distinct
        assert tuple(element.flip(-2).flatten().tolist()) in distinct


def test_random_symmetries_are_uniform_and_each_image_has_its_own():
    many = images(1).expand(4000, -1, -1, -1)
    turned = random_symmetries(many, generator())
    elements = torch.stack([symmetry(images(1)[0], i) for i in range(8)])
    which = (turned[:, None] == elements).flatten(2).all(2)
    assert which.any(1).all()
    counts = which.float().sum(0)
    assert counts.min() > 420 and counts.max() < 580  # 500 expected, standard deviation 21


def test_draws_repeat_with_the_seed():
    assert torch.equal(random_symmetries(images(), generator(3)), random_symmetries(images(), generator(3)))
    assert torch.equal(augmented_copy(images(), generator(3)), augmented_copy(images(), generator(3)))


@pytest.mark.parametrize("angle", [0.0, 17.0, 90.0, -45.0, 180.0])
def test_rotation_agrees_with_torchvision(angle):
    found = rotated(images(2, 33), torch.tensor([angle]))
    torch.testing.assert_close(found, torchvision.rotate(images(2, 33), angle))


def test_each_image_turns_by_its_own_angle_and_corners_are_filled():
    pair = images(2, 21)
    found = rotated(pair, torch.tensor([31.0, -71.0]), fill=1.0)
    for i, angle in enumerate((31.0, -71.0)):
        torch.testing.assert_close(
            found[i : i + 1], torchvision.rotate(pair[i : i + 1], angle, fill=[1.0] * 3)
        )
    assert (found[:, :, 0, 0] == 1).all()


def test_mirrored_where_chosen():
    four = images()
    found = mirrored(four, torch.tensor([True, False, True, False]))
    assert torch.equal(found[0], four[0].flip(-1)) and torch.equal(found[1], four[1])


def test_grey_agrees_with_torchvision():
    torch.testing.assert_close(
        grey(images())[:, :1], torchvision.rgb_to_grayscale(images()), atol=1e-4, rtol=0
    )


def test_jitter_of_no_strength_changes_nothing_and_stays_in_range():
    torch.testing.assert_close(colour_jittered(images(), 0.0, generator()), images())
    jittered = colour_jittered(images(), 0.5, generator())
    assert jittered.min() >= 0 and jittered.max() <= 1
    assert not torch.allclose(jittered, images())


def test_jitter_is_brightness_contrast_saturation_of_torchvision():
    one = images(1, 16)
    brightness, contrast, saturation = uniform(3, 0.5, 1.5, generator(5)).tolist()
    expected = torchvision.adjust_brightness(one, brightness)
    expected = torchvision.adjust_contrast(expected, contrast)
    expected = torchvision.adjust_saturation(expected, saturation)
    torch.testing.assert_close(colour_jittered(one, 0.5, generator(5)), expected, atol=2e-4, rtol=0)


def test_probabilities_and_ranges():
    assert happens(4000, 0.1, generator()).float().mean().item() == pytest.approx(0.1, abs=0.02)
    draws = uniform(4000, -90, 90, generator())
    assert draws.min() >= -90 and draws.max() <= 90 and abs(draws.mean()) < 4


def test_a_copy_of_a_slide_shares_one_draw():
    same = images(1, 33).expand(5, -1, -1, -1)
    copies = augmented_copy(same, generator(2))
    assert (copies == copies[:1]).all()
    assert not torch.equal(copies[0], same[0])


def test_an_ensemble_of_equal_predictions_is_that_prediction():
    prediction = torch.rand(6, 3, generator=generator())
    logits = torch.randn(5, 6, generator=generator(1))
    torch.testing.assert_close(weighted_ensemble(prediction.expand(5, 6, 3), logits), prediction)
    different = torch.stack([prediction, prediction + 1])
    favours_second = torch.tensor([[-50.0], [50.0]]).expand(2, 6)
    torch.testing.assert_close(weighted_ensemble(different, favours_second), prediction + 1)

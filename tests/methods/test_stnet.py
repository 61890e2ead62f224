"""ST-Net: its sheet's acceptance statements, and its quick forms against plain ones."""

from __future__ import annotations

import copy
import functools
import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from handed_over import fit_with_queries
from scipy.stats import pearsonr
from torchvision.models import densenet121

from stbench.contract import FitContext
from stbench.datasets.her2 import plugin as Her2
from stbench.errors import CannotFit, MethodError, UnknownName, UsageError
from stbench.methods.stnet import plugin as STNet
from stbench.methods.stnet.method import _batches, summed_error
from stbench.methods.stnet.network import Network
from stbench.methods.stnet.pixels import PixelStatistics, pixel_statistics
from stbench.nn.patch_stream import PatchStream
from stbench.nn.spot_patches import spot_patches
from stbench.preprocess.expression import log_cpm
from stbench.preprocess.patches import PatchSize, patches_of
from stbench.registry import method_card
from stbench.slide import QuerySlide, TrainingSlide

CARD = method_card("stnet")
FEATURES = 6_953_856
# Steps large enough to be seen after two epochs of two batches.
SMALL: dict[str, Any] = {"epochs": 2, "batch_size": 6, "learning_rate": 1e-3}
MODES = ("finetune", "frozen")
COLOUR_TO_GENES = np.random.default_rng(1).standard_normal((3, 4))

pytestmark = pytest.mark.filterwarnings("ignore:No ImageNet weights")


def training_slide(name: str, n: int = 6, edge: int = 32, genes: int = 4) -> TrainingSlide:
    """A slide whose patches are noise around one colour each, which the first four genes follow.

    The patches stand in for those of 224 px: the network pools whatever it is given.
    """
    random = np.random.default_rng(sum(map(ord, name)))
    colour = random.uniform(0.2, 0.8, (n, 1, 1, 3))
    pixels = np.clip(colour + 0.1 * random.standard_normal((n, edge, edge, 3)), 0, 1)
    expression = 3 + random.random((n, genes))
    expression[:, :4] = 3 + colour.reshape(n, 3) @ COLOUR_TO_GENES
    array = np.stack(np.divmod(np.arange(n), 6), axis=1)
    return TrainingSlide(
        id=name,
        group=name,
        platform="ST",
        pixel_xy=100.0 * array[:, ::-1],
        array_row_column=array,
        expression=expression.astype(np.float32),
        panel_counts=np.ones((n, genes), dtype=np.int64),
        totals=np.full(n, 1000),
        size_factors=np.ones(n),
        patches={224: (255 * pixels).astype(np.uint8)},
    )


def query_of(slide: TrainingSlide, patches: np.ndarray | None = None) -> QuerySlide:
    patches = slide.patches[224] if patches is None else patches
    n = len(patches)
    return QuerySlide(
        "query", slide.platform, slide.pixel_xy[:n], slide.array_row_column[:n], patches={224: patches}
    )


def fitted(train=None, seed=0, **settings) -> STNet:
    method = STNet(**{**SMALL, **settings})
    method.fit(train or [training_slide(name) for name in "AB"], context=FitContext(seed=seed))
    return method


@functools.cache
def default_fit(mode: str) -> STNet:
    """One fit that tests share which only look at it."""
    return fitted(mode=mode)


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def fresh_network(genes: int = 4) -> Network:
    torch.manual_seed(0)
    pixels = PixelStatistics((0.5, 0.6, 0.7), (0.2, 0.3, 0.1))
    return Network(densenet121(weights=None).features, pixels, torch.arange(genes) + 0.5)


# Statement 1: parameters, and a frozen backbone that is frozen.


@pytest.mark.parametrize(("genes", "trainable"), [(785, 7_758_481), (171, 7_129_131), (250, 7_210_106)])
def test_parameter_count_of_the_network(genes, trainable):
    with torch.device("meta"):
        network = fresh_network(genes)
    assert count(network) == trainable == FEATURES + 1025 * genes
    assert count(network.head) == 1025 * genes


def test_parameters_of_each_part_of_the_backbone():
    with torch.device("meta"):
        parts = dict(fresh_network().backbone.named_children())
    assert count(parts["conv0"]) + count(parts["norm0"]) == 9_536
    assert [count(parts[f"denseblock{i}"]) for i in (1, 2, 3, 4)] == [335_040, 919_680, 2_837_760, 2_158_080]
    assert [count(parts[f"transition{i}"]) for i in (1, 2, 3)] == [33_280, 132_096, 526_336]
    assert count(parts["norm5"]) == 2_048


@pytest.mark.parametrize(("mode", "trainable"), [("finetune", FEATURES + 1025 * 4), ("frozen", 1025 * 4)])
def test_parameter_count_after_fit(mode, trainable):
    assert STNet(mode=mode).parameter_count() == (0, 0)
    assert fitted(mode=mode, epochs=0).parameter_count() == (trainable, FEATURES + 1025 * 4)


@pytest.mark.parametrize("mode", MODES)
def test_only_fine_tuning_changes_the_backbone_and_its_buffers(mode):
    methods = fitted(mode=mode, epochs=0), default_fit(mode)
    before, after = (method._network.backbone.state_dict() for method in methods)
    assert before.keys() == after.keys()
    unchanged = [torch.equal(before[key], after[key]) for key in before]
    assert all(unchanged) if mode == "frozen" else not all(unchanged)
    if mode == "finetune":
        assert not torch.equal(before["norm5.running_mean"], after["norm5.running_mean"])
        assert not torch.equal(before["conv0.weight"], after["conv0.weight"])


# Statement 2: it starts as the mean predictor, and the first gradient stops at the head.


@pytest.mark.parametrize("mode", MODES)
def test_before_the_first_step_it_predicts_the_training_mean(mode):
    train = [training_slide("A", n=9), training_slide("B", n=4)]
    mean = np.concatenate([slide.expression for slide in train]).mean(axis=0, dtype=np.float64)
    prediction = fitted(train, mode=mode, epochs=0).predict(query_of(training_slide("Q")))
    np.testing.assert_allclose(prediction, np.tile(mean, (6, 1)), rtol=0, atol=1e-6)


def test_the_backbone_gets_no_gradient_from_the_first_batch_and_some_from_the_second():
    network, slide = fresh_network().train(), training_slide("A")
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-2)
    images, truth = network.images(torch.tensor(slide.patches[224])), torch.tensor(slide.expression)
    summed_error(network(images), truth).backward()
    assert all(torch.count_nonzero(p.grad) == 0 for p in network.backbone.parameters())
    assert torch.count_nonzero(network.head.weight.grad) > 0
    optimiser.step()
    optimiser.zero_grad()
    summed_error(network(images), truth).backward()
    assert any(torch.count_nonzero(p.grad) > 0 for p in network.backbone.parameters())


# Statement 3: the loss is a sum over spots and a mean over genes.


def test_the_loss_sums_spots_and_averages_genes():
    random = np.random.default_rng(0)
    prediction, truth = random.standard_normal((2, 6, 5)).astype(np.float32)
    loss = summed_error(torch.tensor(prediction), torch.tensor(truth)).item()
    assert loss == pytest.approx(
        sum(np.mean((p - t) ** 2) for p, t in zip(prediction, truth, strict=True)), rel=1e-5
    )
    twice = [torch.tensor(np.tile(x, (2, 1))) for x in (prediction, truth)]
    assert summed_error(*twice).item() == pytest.approx(2 * loss, rel=1e-5)
    doubled = [torch.tensor(np.tile(x, (1, 2))) for x in (prediction, truth)]
    assert summed_error(*doubled).item() == pytest.approx(loss, rel=1e-5)


# Statement 4: averaging over the symmetries makes the prediction one of the patch, not of its orientation.

TURNS = {
    "a quarter turn": lambda patches: np.rot90(patches, axes=(1, 2)),
    "a mirror": lambda patches: patches[:, :, ::-1],
}


def turned_slide() -> TrainingSlide:
    """A query whose patches have a bright corner, so that their orientation shows."""
    slide = training_slide("Q")
    slide.patches[224][:, :16, :12] //= 4
    return slide


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_or_mirrored_patch_is_predicted_alike(turn):
    method, slide = default_fit("finetune"), turned_slide()
    turned = query_of(slide, TURNS[turn](slide.patches[224]).copy())
    np.testing.assert_allclose(method.predict(turned), method.predict(query_of(slide)), rtol=0, atol=1e-4)


@pytest.mark.parametrize("turn", TURNS)
def test_without_averaging_the_orientation_matters(turn):
    method, slide = fitted(average=False, mode="frozen"), turned_slide()
    turned = query_of(slide, TURNS[turn](slide.patches[224]).copy())
    assert np.abs(method.predict(turned) - method.predict(query_of(slide))).max() > 1e-4


@pytest.mark.parametrize("mode", MODES)
def test_the_averaged_prediction_is_the_mean_of_eight_predictions(mode):
    method, slide = default_fit(mode), turned_slide()
    network, patches = method._network.eval(), slide.patches[224]
    copies = [np.rot90(p, k, axes=(1, 2)) for p in (patches, patches[:, :, ::-1]) for k in range(4)]
    with torch.no_grad():
        each = [network(network.images(torch.tensor(c.copy()))).numpy() for c in copies]
    assert len({one.tobytes() for one in each}) == 8
    np.testing.assert_allclose(method.predict(query_of(slide)), np.mean(each, axis=0), rtol=0, atol=1e-5)


# Statement 5: a spot is predicted from its own patch alone.


@pytest.mark.parametrize("mode", MODES)
def test_a_spot_does_not_depend_on_the_others(mode):
    method, slide = default_fit(mode), training_slide("Q", n=12)
    whole, patches = method.predict(query_of(slide)), slide.patches[224]
    order = np.random.default_rng(0).permutation(12)
    np.testing.assert_allclose(
        method.predict(query_of(slide, patches[order])), whole[order], rtol=0, atol=1e-5
    )
    alone = method.predict(query_of(slide, patches[5:6]))
    assert alone.shape == (1, 4)
    np.testing.assert_allclose(alone[0], whole[5], rtol=0, atol=1e-5)


def test_a_slide_longer_than_one_piece_is_predicted_in_order():
    method, slide = fitted(mode="frozen", average=False, augment=False), training_slide("Q", n=70)
    whole = method.predict(query_of(slide))
    last = method.predict(query_of(slide, slide.patches[224][64:]))
    np.testing.assert_allclose(last, whole[64:], rtol=0, atol=1e-5)


# Statement 6: seeds, and nothing of the query slide in what is fitted.


@pytest.mark.parametrize("mode", MODES)
def test_the_same_seed_gives_identical_predictions(mode):
    query = query_of(training_slide("Q"))
    methods = default_fit(mode), fitted(mode=mode), fitted(mode=mode, seed=1)
    first, again, other = (method.predict(query) for method in methods)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.acceptance
@pytest.mark.parametrize("mode", MODES)
def test_queries_leave_the_fit_alone_and_are_handed_over_as_they_are_predicted(mode):
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    altered = query_of(training_slide("Q"), 255 - query.patches[224])
    unseen = default_fit(mode)
    for slide in (query, altered):
        method = STNet(**SMALL, mode=mode, average=False)
        report, predictions = fit_with_queries(method, train, [slide])
        assert list(predictions) == [1, 2] and report.epochs == len(report.losses) == 2
        assert not np.array_equal(predictions[1][0], predictions[2][0])
        np.testing.assert_array_equal(predictions[2][0], method.predict(slide))
        for name, kept in unseen._network.state_dict().items():
            assert torch.equal(method._network.state_dict()[name], kept), name


def test_pixels_are_normalised_by_the_training_patches_and_by_all_of_them():
    train = [training_slide("A", n=70), training_slide("B")]
    pixels = np.concatenate([slide.patches[224] for slide in train]).reshape(-1, 3) / 255
    network = fitted(train, epochs=0, seed=1)._network
    np.testing.assert_allclose(network.pixel_mean, pixels.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(network.pixel_std, pixels.std(axis=0), rtol=1e-6)
    images = network.images(torch.tensor(train[0].patches[224][:2])).numpy()
    expected = (train[0].patches[224][:2] / 255 - pixels.mean(axis=0)) / pixels.std(axis=0)
    np.testing.assert_allclose(images, expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_pixel_statistics_do_not_depend_on_batches_and_one_colour_can_be_divided_by():
    patches = torch.tensor(training_slide("A", n=10).patches[224])
    assert pixel_statistics(patches.split(3)) == pixel_statistics([patches])
    white = pixel_statistics([torch.full((2, 4, 4, 3), 255, dtype=torch.uint8)])
    assert white.mean == (1.0, 1.0, 1.0) and white.std == pytest.approx((1 / 255,) * 3)


# Statement 7: shape, gene order, patches at the border.


@pytest.mark.parametrize("mode", MODES)
def test_every_spot_is_predicted_whatever_its_patch_shows(mode):
    slide = training_slide("Q", n=5)
    slide.patches[224][0], slide.patches[224][1], slide.patches[224][2, :20] = 255, 0, 255
    prediction = default_fit(mode).predict(query_of(slide))
    assert prediction.shape == (5, 4) and np.isfinite(prediction).all()


@pytest.mark.parametrize("mode", MODES)
def test_columns_follow_the_panel(mode):
    order = [2, 0, 3, 1]
    slides = [training_slide(name) for name in "AB"]
    reordered = [replace(slide, expression=slide.expression[:, order]) for slide in slides]
    query = query_of(training_slide("Q"))
    straight, shuffled = default_fit(mode).predict(query), fitted(reordered, mode=mode).predict(query)
    np.testing.assert_allclose(shuffled, straight[:, order], rtol=0, atol=1e-3)


# Statement 8: it learns.


@pytest.mark.slow
def test_it_beats_the_mean_on_its_own_training_spots(shared_data, shared_cache):
    """96 spots of C3, random weights, patches of 96 px standing in for those of 224 px."""
    slide = next(source for source in Her2().slides(shared_data) if source.id == "C3").read()
    panel = np.argsort(-np.asarray(slide.counts.sum(axis=0)).ravel())[:100]
    train = replace(
        training_slide("C3", n=96),
        expression=log_cpm(slide.counts[:96, panel].toarray(), slide.totals[:96]),
        patches={224: np.array(patches_of(slide, PatchSize(96))[:96])},
    )
    method = STNet(epochs=5, learning_rate=1e-3, average=False)
    method.fit([train])
    error = np.mean((method.predict(query_of(train)) - train.expression) ** 2)
    of_the_mean = np.mean((train.expression.mean(axis=0) - train.expression) ** 2)
    print(f"MSE {of_the_mean:.4f} -> {error:.4f}")
    assert error < of_the_mean


def test_the_frozen_mode_learns_what_colours_tell():
    train, unseen = [training_slide(name, n=24) for name in "AB"], training_slide("Q", n=24)
    method = fitted(train, mode="frozen", epochs=60, learning_rate=1e-2, batch_size=None)
    prediction = method.predict(query_of(unseen))
    found = [pearsonr(prediction[:, g], unseen.expression[:, g]).statistic for g in range(4)]
    assert np.mean(found) > 0.6


# The network and its quick forms against plain ones.


def test_the_network_is_torchvision_s_with_another_last_layer():
    network = fresh_network().eval()
    torch.nn.init.normal_(network.head.weight)
    whole = densenet121(weights=None)
    whole.features.load_state_dict(network.backbone.state_dict())
    whole.classifier = network.head
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(images), whole.eval()(images))


def test_kept_features_are_those_of_each_turned_patch():
    """What frozen training draws from equals the features of the patch that would have been drawn."""
    network, patches = fresh_network().eval(), torch.tensor(turned_slide().patches[224][:3])
    with torch.no_grad():
        kept = network.features_of_copies(patches)
        as_they_are = network.features_of_copies(patches, every_copy=False)
        turned = network.features(network.images(patches.flip(2).rot90(2, (1, 2))))
    assert kept.shape == (3, 8, 1024) and as_they_are.shape == (3, 1, 1024)
    torch.testing.assert_close(kept[:, 6], turned)
    torch.testing.assert_close(as_they_are[:, 0], kept[:, 0])


def test_streamed_patches_are_the_joined_ones():
    slides = [training_slide(name, n=n) for name, n in (("A", 3), ("B", 1), ("C", 5))]
    joined, stream = spot_patches(slides, 224), PatchStream(slides, 224)
    assert len(stream) == 9 and torch.equal(torch.cat(list(stream.in_order(4))), joined)
    spots = torch.tensor([8, 0, 3, 4, 2, 8])
    assert torch.equal(stream.batch(spots), joined[spots])


def test_a_last_batch_of_one_spot_joins_the_one_before():
    sizes = {n: [len(batch) for batch in _batches(n, 4, torch.Generator())] for n in (1, 4, 5, 9, 10)}
    assert sizes == {1: [1], 4: [4], 5: [5], 9: [4, 5], 10: [4, 4, 2]}
    assert sorted(torch.cat(list(_batches(9, 4, torch.Generator()))).tolist()) == list(range(9))


@pytest.mark.parametrize(("mode", "augment"), [("finetune", False), ("frozen", False), ("frozen", True)])
def test_without_augmentation_only_the_patch_as_it_is_trains(mode, augment, monkeypatch):
    seen = []
    plain = Network.features

    def spied(self, images):
        seen.append(len(images))
        return plain(self, images)

    monkeypatch.setattr(Network, "features", spied)
    method = STNet(**SMALL, mode=mode, augment=augment)
    method.fit([training_slide("A")])
    assert seen == ([6, 6] if mode == "finetune" else [6] * (8 if augment else 1))


@pytest.mark.parametrize("augment", [True, False])
def test_fine_tuning_sees_turned_patches_unless_told_not_to(augment, monkeypatch):
    slide, seen, plain = training_slide("A"), [], Network.forward
    slide.patches[224] |= 1
    slide.patches[224][:, 0] = 0  # the top row alone is black

    def spied(self, images):
        seen.append(images)
        return plain(self, images)

    monkeypatch.setattr(Network, "forward", spied)
    STNet(epochs=4, batch_size=6, augment=augment).fit([slide])
    red = torch.cat(seen)[:, 0]
    edges = {"top": (0, 16), "left": (16, 0), "bottom": (31, 16), "right": (16, 31)}
    black = {name for name, (row, column) in edges.items() if (red[:, row, column] == red.min()).any()}
    assert black == (set(edges) if augment else {"top"})


@pytest.mark.parametrize(
    ("mode", "changes"),
    [
        ("finetune", {"augment": False}),
        ("finetune", {"momentum": 0.0}),
        ("finetune", {"learning_rate": 1e-4}),
        ("finetune", {"batch_size": 4}),
        ("frozen", {"augment": False}),
        ("frozen", {"learning_rate": 1e-4}),
        ("frozen", {"batch_size": 4}),
    ],
)
def test_every_training_switch_changes_what_is_learned(mode, changes):
    base, changed = (
        method._network.head.weight for method in (default_fit(mode), fitted(mode=mode, **changes))
    )
    assert not torch.equal(base, changed)


# What a fit says and leaves.


def test_the_report_names_the_start_and_the_steps():
    slides = [training_slide("A", n=8), training_slide("B", n=5)]
    tuned, head = (STNet(mode=mode, epochs=1, batch_size=4, augment=False).fit(slides) for mode in MODES)
    assert "densenet121" in tuned.pretrained and "random" in tuned.pretrained
    assert tuned.steps == head.steps == 3, "13 spots in batches of 4, the last spot with those before it"
    assert tuned.notes == head.notes == ()


def test_the_card_counts_the_steps_of_the_publication():
    spots = 30_612 * 22 / 23
    steps = STNet().epochs * math.ceil(spots / STNet()._size())
    assert CARD.steps_published("paper") == steps == 45_800


@pytest.mark.parametrize("mode", MODES)
def test_a_fitted_method_pickles_without_patches_and_leaves_its_slides_alone(mode):
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    before = copy.deepcopy(train)
    method = fitted(train, mode=mode, epochs=1, augment=False)
    stored = pickle.dumps(method)
    assert not any(patch.tobytes() in stored for slide in train for patch in slide.patches[224][:, 0])
    np.testing.assert_array_equal(pickle.loads(stored).predict(query), method.predict(query))
    for slide, kept in zip(train, before, strict=True):
        np.testing.assert_array_equal(slide.patches[224], kept.patches[224])
        np.testing.assert_array_equal(slide.expression, kept.expression)


def test_the_card_s_settings_are_settings_and_paper_is_the_default():
    assert CARD.presets == {"paper": {}} and CARD.needs.patches == (224,) and CARD.trains_on == "log"
    for settings in (*CARD.grid, CARD.full_grid):
        STNet.check_settings(settings)
    for settings in CARD.grid:
        STNet(**settings)
    assert STNet(mode="frozen").clone(epochs=3).settings() == STNet(mode="frozen", epochs=3).settings()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"mode": "frosen"}, UnknownName, "Did you mean frozen"),
        ({"learning_rate": 0.0}, UsageError, "learning_rate is 0.0"),
        ({"batch_size": 0}, UsageError, "batch_size is 0"),
        ({"momentum": 1.0}, UsageError, "momentum is 1.0"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, error, message):
    with pytest.raises(error, match=message):
        STNet(**settings)


def test_what_cannot_be_fitted_or_predicted_is_said():
    with pytest.raises(MethodError, match="before it was fitted"):
        STNet().predict(query_of(training_slide("Q")))
    with pytest.raises(MethodError, match="A has no patches of 224 px"):
        STNet(**SMALL).fit([replace(training_slide("A"), patches={})])
    with pytest.raises(CannotFit, match="have none"):
        STNet(**SMALL).fit([training_slide("A", n=0)])

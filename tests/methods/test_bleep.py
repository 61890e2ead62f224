"""BLEEP: its sheet's acceptance statements, its batches, and its retrieval against a plain loop."""

from __future__ import annotations

import copy
import functools
import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import timm
import torch
from handed_over import fit_with_queries
from scipy.special import log_softmax, softmax
from scipy.stats import pearsonr
from swept import assert_swept_as_fitted
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

import stbench.methods.bleep.method as bleep_method
from stbench.contract import FitContext
from stbench.datasets.her2 import plugin as Her2
from stbench.errors import CannotFit, MethodError, UsageError
from stbench.methods.bleep import plugin as BLEEP
from stbench.methods.bleep.batches import BatchPlan
from stbench.methods.bleep.network import Network
from stbench.nn.contrastive_losses import soft_target_losses
from stbench.preprocess.expression import log_cpm
from stbench.preprocess.patches import PatchSize, patches_of
from stbench.registry import method_card
from stbench.slide import QuerySlide, TrainingSlide

CARD = method_card("bleep")
SMALL: dict[str, Any] = {
    "epochs": 1,
    "micro_batch": 4,
    "accumulate": 2,
    "retrieved": 3,
    "learning_rate": 1e-4,
}
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
    expression[:, :4] = 3 + 2 * colour.reshape(n, 3) @ COLOUR_TO_GENES
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


def fitted(train=None, seed=0, **settings) -> BLEEP:
    method = BLEEP(**{**SMALL, **settings})
    method.fit(train or [training_slide(name) for name in "AB"], context=FitContext(seed=seed))
    return method


@functools.cache
def default_fit() -> BLEEP:
    """One fit that tests share which only look at it."""
    return fitted()


def bank_profiles() -> np.ndarray:
    return np.concatenate([training_slide(name).expression for name in "AB"])


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# Statement 1: parameters, all of them trained.


@pytest.mark.parametrize(("genes", "total"), [(785, 24_366_400), (171, 24_209_216), (3467, 25_052_992)])
def test_parameter_count_of_the_network(genes, total):
    with torch.device("meta"):
        network = Network(timm.create_model("resnet50", num_classes=0), genes, 256, 0.1)
    assert count(network) == total == 24_165_440 + 256 * genes
    assert count(network.encoder) == 23_508_032
    assert count(network.image_head) == 590_848
    assert count(network.expression_head) == 256 * genes + 66_560


def test_every_parameter_is_trained():
    assert BLEEP().parameter_count() == (0, 0)
    assert fitted(epochs=0).parameter_count() == (24_165_440 + 256 * 4,) * 2
    # A residual branch starts at zero, so that its inner layers move from the second step on.
    before, after = fitted(epochs=0)._network, fitted(epochs=3)._network
    for (name, one), other in zip(before.named_parameters(), after.parameters(), strict=True):
        assert not torch.equal(one, other), name


# Statement 2: shape, and the range of the bank.


def test_a_prediction_is_finite_and_lies_within_the_bank():
    slide = training_slide("Q", n=9)
    slide.patches[224][0], slide.patches[224][1], slide.patches[224][2, :20] = 255, 0, 255
    prediction, bank = default_fit().predict(query_of(slide)), bank_profiles()
    assert prediction.shape == (9, 4) and np.isfinite(prediction).all()
    assert (prediction >= bank.min(axis=0)).all() and (prediction <= bank.max(axis=0)).all()


def test_columns_follow_the_panel():
    order = [2, 0, 3, 1]
    train = [training_slide(name) for name in "AB"]
    reordered = [replace(slide, expression=slide.expression[:, order]) for slide in train]
    settings = {"epochs": 0, "retrieved": 50}  # the whole bank, hence free of the heads' weights
    query = query_of(training_slide("Q"))
    straight, shuffled = (
        fitted(train, **settings).predict(query),
        fitted(reordered, **settings).predict(query),
    )
    np.testing.assert_allclose(shuffled, straight[:, order])


# Statement 3: a spot is embedded from its own patch alone.


def test_an_embedding_does_not_depend_on_the_other_spots():
    method, slide = default_fit(), training_slide("Q", n=70)
    patches, order = slide.patches[224], np.random.default_rng(0).permutation(70)
    whole = method.embed(query_of(slide))
    assert whole.shape == (70, 256)
    np.testing.assert_allclose(method.embed(query_of(slide, patches[order])), whole[order], rtol=0, atol=1e-4)
    np.testing.assert_allclose(method.embed(query_of(slide, patches[66:67])), whole[66:67], rtol=0, atol=1e-4)


# Statement 4: the loss at its ends, and against its formula written out.


@pytest.mark.parametrize("spots", [2, 24])
def test_the_loss_of_equal_embeddings_is_the_logarithm_of_the_batch(spots):
    same = torch.randn(1, 16, generator=torch.Generator().manual_seed(0)).expand(spots, 16)
    assert soft_target_losses(same, same).mean().item() == pytest.approx(math.log(spots), abs=1e-4)


def test_the_loss_of_perfect_pairs_tends_to_zero():
    losses = [soft_target_losses(c * torch.eye(8), c * torch.eye(8)).mean().item() for c in (1, 3, 6)]
    assert losses == sorted(losses, reverse=True) and losses[-1] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 10.0])
def test_the_loss_is_the_published_formula(temperature):
    e, v = np.random.default_rng(0).standard_normal((2, 5, 3))
    logits, targets = e @ v.T / temperature, softmax((v @ v.T + e @ e.T) / (2 * temperature), axis=1)
    rows, columns = log_softmax(logits, axis=1), log_softmax(logits.T, axis=1)
    expected = [-(targets[i] @ rows[i] + targets[:, i] @ columns[i]) / 2 for i in range(5)]
    found = soft_target_losses(torch.tensor(e), torch.tensor(v), temperature)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_an_untrained_embedding_is_sixteen_long():
    """So that a spot's similarity to itself is about 256, which the temperature of 1 goes with."""
    bank = fitted(epochs=0)._bank
    np.testing.assert_allclose(np.linalg.norm(bank.embeddings, axis=1), 16, rtol=0.01)


# Statement 5: small banks, single spots, one neighbour.


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_training_spots_and_a_query_of_one_spot(n):
    slide = training_slide("A", n=n)
    method = fitted([slide], retrieved=50, micro_batch=128, accumulate=4)
    prediction = method.predict(query_of(training_slide("Q", n=1)))
    np.testing.assert_allclose(prediction, slide.expression.mean(axis=0, keepdims=True), rtol=1e-6)


def test_one_neighbour_gives_exactly_one_profile():
    prediction, bank = fitted(retrieved=1).predict(query_of(training_slide("Q"))), bank_profiles()
    assert all((row == bank).all(axis=1).any() for row in prediction)


def test_retrieval_equals_a_loop_over_spots():
    method, query = default_fit(), query_of(training_slide("Q"))
    network = method._network.eval()
    with torch.no_grad():
        bank = network.embed_expression(torch.tensor(bank_profiles())).numpy()
    for embedding, found in zip(method.embed(query), method.predict(query), strict=True):
        cosine = [embedding @ b / np.linalg.norm(embedding) / np.linalg.norm(b) for b in bank]
        nearest = np.argsort(cosine)[::-1][:3]
        np.testing.assert_allclose(found, bank_profiles()[nearest].mean(axis=0), rtol=1e-5)


# Statement 6: nothing of the query slide is in the bank.


def test_a_bank_of_one_profile_predicts_that_profile():
    profile = np.array([0.1, 2.3, 0.0, 7.7], dtype=np.float32)
    train = [replace(training_slide(name), expression=np.tile(profile, (6, 1))) for name in "AB"]
    prediction = fitted(train).predict(query_of(training_slide("Q")))
    np.testing.assert_array_equal(prediction, np.tile(profile, (6, 1)))


def test_queries_leave_the_fit_alone_and_meet_a_bank_of_today_s_weights():
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    embedded = []

    class Spied(BLEEP):
        def predict(self, slide):
            embedded.append(self._bank.embeddings)
            return super().predict(slide)

    method = Spied(**{**SMALL, "epochs": 2})
    report, predictions = fit_with_queries(method, train, [query])
    assert list(predictions) == [1, 2] and report.epochs == len(report.losses) == 2
    np.testing.assert_array_equal(predictions[2][0], method.predict(query))
    assert not np.array_equal(embedded[0], embedded[1]) and np.array_equal(embedded[1], embedded[2])
    np.testing.assert_array_equal(method.predict(query), fitted(train, epochs=2).predict(query))


# Statement 7: seeds.


def test_the_same_seed_gives_identical_predictions():
    query = query_of(training_slide("Q"))
    first, again, other = (m.predict(query) for m in (default_fit(), fitted(), fitted(seed=1)))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# Statement 8: it learns.


@pytest.mark.slow  # more than a minute on one core
def test_the_loss_of_one_real_batch_falls(shared_data, shared_cache):
    """24 spots of C3, random weights, 14 steps on the same batch without augmentation."""
    slide = next(source for source in Her2().slides(shared_data) if source.id == "C3").read()
    panel = np.argsort(-np.asarray(slide.counts.sum(axis=0)).ravel())[:785]
    train = replace(
        training_slide("C3", n=24),
        expression=log_cpm(slide.counts[:24, panel].toarray(), slide.totals[:24]),
        patches={224: np.array(patches_of(slide, PatchSize(224))[:24])},
    )
    losses = []

    class Watched(BLEEP):
        def _losses(self, *batch):
            found = super()._losses(*batch)
            losses.append(found.mean().item())
            return found

    Watched(epochs=14, learning_rate=1e-4, micro_batch=24, accumulate=1, augment=False).fit([train])
    print(" ".join(f"{loss:.2f}" for loss in losses))
    assert len(losses) == 14 and losses[-1] < 0.5 * losses[0]


@pytest.mark.slow
def test_it_learns_what_colours_tell():
    train, unseen = [training_slide(name, n=24) for name in "AB"], training_slide("Q", n=30)
    method = fitted(train, epochs=10, micro_batch=24, retrieved=5, learning_rate=3e-4)
    prediction = method.predict(query_of(unseen))
    found = [pearsonr(prediction[:, g], unseen.expression[:, g]).statistic for g in range(4)]
    assert np.mean(found) > 0.6


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 10.0},
        {"dropout": 0.0},
        {"weight_decay": 0.5},
        {"accumulate": 1},
        {"augment": False},
        {"learning_rate": 2e-4},
    ],
)
def test_every_training_switch_changes_what_is_learned(changes):
    query = query_of(training_slide("Q"))
    assert not np.array_equal(fitted(**changes).embed(query), default_fit().embed(query))


def test_weight_decay_shrinks_weights_apart_from_their_gradient():
    before = []

    def without_gradients(optimiser, *_):
        for parameter in optimiser.param_groups[0]["params"]:
            before.append(parameter.detach().clone())
            parameter.grad.zero_()

    with register_optimizer_step_pre_hook(without_gradients):
        network = fitted(learning_rate=1e-2, weight_decay=10.0)._network
    for start, end in zip(before, network.parameters(), strict=True):  # of the only step
        torch.testing.assert_close(end.detach(), (1 - 1e-2 * 10) * start)


# Batches.


@pytest.mark.parametrize(
    ("n", "plan"),
    [
        (2, (2, 1, 1)),
        (3, (2, 1, 1)),
        (5, (2, 2, 1)),
        (200, (100, 2, 1)),
        (300, (128, 2, 1)),
        (511, (128, 3, 1)),
        (512, (128, 4, 1)),
        (1023, (128, 4, 1)),
        (1100, (128, 4, 2)),
    ],
)
def test_spots_are_dealt_out_in_whole_steps(n, plan):
    size, per_step, steps = BatchPlan.of(n, 128, 4)
    assert (size, per_step, steps) == plan
    batches = list(BatchPlan.of(n, 128, 4).micro_batches(n, torch.Generator().manual_seed(0)))
    assert [len(batch) for batch in batches] == [size] * per_step * steps
    spots = torch.cat(batches)
    assert len(spots.unique()) == len(spots) and spots.min() >= 0 and spots.max() < n


def test_micro_batches_go_through_the_network_one_by_one_and_share_a_step(monkeypatch):
    seen, plain = [], Network.embed_images

    def spied(self, images):
        if self.training:
            seen.append(len(images))
        return plain(self, images)

    monkeypatch.setattr(Network, "embed_images", spied)
    with register_optimizer_step_post_hook(lambda *_: seen.append("step")):
        report = BLEEP(epochs=2, micro_batch=3, accumulate=2).fit(
            [training_slide(name, n=7) for name in "AB"]
        )
    assert seen == [3, 3, "step"] * 4
    assert report.steps == 4 and report.notes == ()
    assert "resnet50" in report.pretrained and "random" in report.pretrained


def test_a_small_training_set_is_named():
    report = BLEEP(epochs=1).fit([training_slide("A", n=5)])
    assert report.notes == (
        "5 training spots do not fill 4 micro-batches of 128: a step has 2 of 2 spots instead.",
    )


# The authors' own stopping rule.


def held_out_losses(monkeypatch, given):
    """BLEEP fitted by its own rule with these held-out losses after its epochs; the report and weights by epoch."""
    weights, left = {}, list(given)
    monkeypatch.setattr(bleep_method, "soft_target_losses", spied_losses(left))
    method = BLEEP(**SMALL | {"epochs": len(given)}, own_stopping=True)

    def hand_over(checkpoint, predictions):
        weights[checkpoint] = {name: value.clone() for name, value in method._network.state_dict().items()}

    train, query = [training_slide(name, n=10) for name in "AB"], query_of(training_slide("Q"))
    report = method.fit(train, [query], range(1, len(given) + 1), FitContext(hand_over=hand_over))
    return method, report, weights


def spied_losses(left):
    """The loss as it is in training; of the held-out spots, which need no gradient, the next of `left`."""

    def losses(expression, image, temperature):
        found = soft_target_losses(expression, image, temperature)
        return found if torch.is_grad_enabled() else torch.full_like(found, left.pop(0))

    return losses


def test_its_own_rule_keeps_the_weights_with_the_lowest_held_out_loss(monkeypatch):
    method, report, weights = held_out_losses(monkeypatch, [3.0, 1.0, 2.0])
    assert report.notes[0] == "The method's own rule kept the weights of epoch 2."
    assert list(weights) == [1, 2, 3]
    for name, value in method._network.state_dict().items():
        assert torch.equal(value, weights[2][name]), name
        assert torch.equal(value, weights[3][name]), "a checkpoint is predicted with the weights kept so far"
    assert any(not torch.equal(value, weights[1][name]) for name, value in weights[2].items())


def test_its_own_rule_holds_a_random_fifth_out_of_training_but_not_of_the_bank(monkeypatch):
    seen, plain = {True: set(), False: set()}, BLEEP._losses

    def spied(self, patches, expression, generator=None):
        seen[generator is not None] |= {tuple(row) for row in expression.tolist()}
        return plain(self, patches, expression, generator)

    monkeypatch.setattr(BLEEP, "_losses", spied)
    train = [training_slide(name, n=20) for name in "AB"]
    method = BLEEP(**SMALL, own_stopping=True)
    method.fit(train)
    learned, held_out = seen[True], seen[False]
    assert len(held_out) == 8 and not learned & held_out
    every = {tuple(row) for slide in train for row in slide.expression.tolist()}
    assert learned <= every and {tuple(row) for row in method._bank.profiles.tolist()} == every


def test_its_own_rule_needs_ten_spots():
    with pytest.raises(CannotFit, match="needs 10 of them, but found 9"):
        BLEEP(**SMALL, own_stopping=True).fit([training_slide("A", n=9)])


@pytest.mark.parametrize("augment", [True, False])
def test_the_encoder_sees_imagenet_s_scale_in_rgb_order_and_turned_patches(augment):
    slide, seen = training_slide("A", n=4), []
    slide.patches[224][:] = np.array([255, 128, 0], dtype=np.uint8)
    slide.patches[224][:, 0] = 0  # the top row, black

    class Spied(BLEEP):
        def _start(self, expression):
            origin = super()._start(expression)
            self._network.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
            return origin

    Spied(**{**SMALL, "epochs": 4, "augment": augment}).fit([slide])
    images = torch.cat(seen)
    colour = (np.array([255, 128, 0]) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(images[:, :, 16, 16], np.tile(colour, (len(images), 1)), rtol=1e-5)
    on_top = (images[:, 0, 0, 16] < 0).tolist()
    assert all(on_top) if not augment else 0 < sum(on_top) < len(on_top)


# What a fit leaves, and what it refuses.


def test_a_fitted_method_pickles_without_patches_and_leaves_its_slides_alone():
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    before = copy.deepcopy(train)
    method = fitted(train)
    stored = pickle.dumps(method)
    assert not any(patch.tobytes() in stored for slide in train for patch in slide.patches[224][:, 0])
    np.testing.assert_array_equal(pickle.loads(stored).predict(query), method.predict(query))
    for slide, kept in zip(train, before, strict=True):
        np.testing.assert_array_equal(slide.patches[224], kept.patches[224])
        np.testing.assert_array_equal(slide.expression, kept.expression)


def test_the_card_s_settings_are_settings_and_paper_is_the_default():
    assert set(CARD.presets) == {"paper", "released"} and CARD.presets["paper"] == {}
    assert CARD.needs.patches == (224,) and CARD.trains_on == "log"
    BLEEP.check_settings(CARD.full_grid)
    for settings in (*CARD.presets.values(), *CARD.grid):
        BLEEP(**settings)
    assert BLEEP(retrieved=7).clone(epochs=3).settings() == BLEEP(retrieved=7, epochs=3).settings()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"retrieved": 0}, "retrieved is 0"),
        ({"micro_batch": 1}, "at least 2"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, message):
    with pytest.raises(UsageError, match=message):
        BLEEP(**settings)


def test_a_fit_that_fails_leaves_no_bank_of_other_weights():
    train, query = [training_slide("A", n=3)], query_of(training_slide("Q"))

    class Failing(BLEEP):
        losses = 0

        def _losses(self, *batch):
            self.losses += 1
            if self.losses == 2:
                raise MethodError("in the second of two epochs")
            return super()._losses(*batch)

    later_epoch, later_fit = Failing(**SMALL | {"epochs": 2}), fitted(train, epochs=0)
    with pytest.raises(MethodError, match="second of two epochs"):
        fit_with_queries(later_epoch, train, [query])
    with pytest.raises(MethodError, match="no patches"):
        later_fit.fit([replace(train[0], patches={})])
    for method in (later_epoch, later_fit):
        with pytest.raises(MethodError, match="its last fit failed"):
            method.predict(query)


def test_what_cannot_be_fitted_or_predicted_is_said():
    with pytest.raises(MethodError, match="before it was fitted"):
        BLEEP().predict(query_of(training_slide("Q")))
    with pytest.raises(MethodError, match="A has no patches of 224 px"):
        BLEEP(**SMALL).fit([replace(training_slide("A"), patches={})])
    for slides in ([training_slide("A", n=1)], []):
        with pytest.raises(CannotFit, match=f"needs 2 of them, but found {len(slides)}"):
            BLEEP(**SMALL).fit(slides)


@pytest.mark.parametrize(("preset", "batch", "epochs"), [("paper", 512, 150), ("released", 256, 4)])
def test_published_steps_are_whole_batches_of_four_fifths_of_her2_without_a_slide(preset, batch, epochs):
    spots = int(13_620 * 35 / 36 * 4 / 5)  # HER2+ has 13,620 spots on 36 slides
    assert CARD.steps_published(preset) == spots // batch * epochs


@pytest.mark.parametrize("own_stopping", [False, True])
def test_how_many_profiles_are_averaged_is_tried_on_one_fit(own_stopping):
    assert CARD.at_prediction == ("retrieved",)
    method = BLEEP(**SMALL | {"epochs": 2, "own_stopping": own_stopping})
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    assert_swept_as_fitted(method, train, query, "retrieved", [1, 3, 200])

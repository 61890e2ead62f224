"""M2OST: what its paper states and what its released code does right, and its blocks against plain loops."""

from __future__ import annotations

import itertools
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from handed_over import fit_with_queries
from torch import nn

from stbench.contract import FitContext
from stbench.errors import CannotFit, MethodError, UsageError
from stbench.methods.m2ost import plugin as M2OST
from stbench.methods.m2ost.mixing import (
    CrossViewChannelMixing,
    CrossViewTokenMixing,
    TokenMixing,
    TokenwiseMixing,
)
from stbench.methods.m2ost.network import Network
from stbench.methods.m2ost.tokens import DeformablePatchEmbedding, TokenMaker, centre, squares
from stbench.methods.m2ost.views import FIELDS, SpotViews, augmented
from stbench.registry import method_card
from stbench.slide import QuerySlide, TrainingSlide

CARD = method_card("m2ost")
SMALL = {"width": 24, "depth": 1, "batch_size": 8, "epochs": 2, "learning_rate": 1e-3}
EDGE, GENES = 32, 5


def training_slide(name: str, n: int = 12, edge: int = EDGE) -> TrainingSlide:
    """A slide of noise patches whose expression follows from the mean colour of the first view."""
    random = np.random.default_rng(sum(map(ord, name)))
    patches = {field: random.integers(0, 256, (n, edge, edge, 3), dtype=np.uint8) for field in FIELDS}
    colour = random.random((n, 3))
    patches[FIELDS[0]] = (patches[FIELDS[0]] * colour[:, None, None]).astype(np.uint8)
    array = np.stack(np.divmod(np.arange(n), 6), axis=1)
    return TrainingSlide(
        id=name,
        group=name,
        platform="ST",
        pixel_xy=270.0 * array[:, ::-1],
        array_row_column=array,
        expression=(4 * colour[:, [0, 1, 2, 0, 1]]).astype(np.float32),
        panel_counts=np.ones((n, GENES), dtype=np.int64),
        totals=np.full(n, 1000),
        size_factors=np.ones(n),
        patches=patches,
    )


def query_of(slide: TrainingSlide, order=slice(None)) -> QuerySlide:
    return QuerySlide(
        id="query",
        platform=slide.platform,
        pixel_xy=slide.pixel_xy[order],
        array_row_column=slide.array_row_column[order],
        patches={edge: patches[order] for edge, patches in slide.patches.items()},
    )


def fitted(train=None, seed=0, **settings) -> M2OST:
    method = M2OST(**{**SMALL, **settings})
    method.fit(train or [training_slide(name) for name in "AB"], context=FitContext(seed=seed))
    return method


def published(genes: int, depth: int = 4) -> Network:
    """The network at its published size, without memory for its numbers."""
    settings = M2OST.defaults()
    with torch.device("meta"):
        return Network(genes, 224, settings["width"], depth, settings["heads"])


def small_network() -> Network:
    torch.manual_seed(0)
    return Network(GENES, EDGE, width=24, depth=2, heads=3).eval()


def random_views(n: int = 3, edge: int = EDGE) -> list[torch.Tensor]:
    return list(torch.rand(3, n, 3, edge, edge, generator=torch.Generator().manual_seed(1)))


def count(*parts: nn.Module) -> int:
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


# Statement 1: parameters. The published numbers include a norm in each block (1,152) that is never used.


@pytest.mark.parametrize(
    ("genes", "depth", "trainable"),
    [(785, 4, 7_352_161), (171, 4, 6_997_883), (250, 4, 7_043_466), (785, 6, 10_336_865)],
)
def test_parameter_counts(genes, depth, trainable):
    assert M2OST.defaults()["depth"] == 4
    assert count(published(genes, depth)) == trainable - depth * 1_152


def test_parameters_of_each_submodule():
    network = published(785)
    embedding = network.embedding
    makers = (embedding.of_whole, embedding.of_half, embedding.of_quarter)
    assert [count(maker) for maker in makers] == [555_648, 111_840, 35_376]
    assert count(embedding) - count(*makers) == 226_560
    for block in network.blocks:
        parts = (block.within, block.tokenwise, block.across, block.channels)
        assert [count(part) for part in parts] == [444_096 - 1_152, 49_856, 553_920, 444_480]
    assert count(network.blocks) + count(network.norm) == 5_969_792 - 4 * 1_152
    assert count(network.head) == 452_945


def test_every_parameter_learns():
    network = Network(GENES, EDGE, width=24, depth=2, heads=3)
    network(random_views()).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


# Statement 2: tokens and shapes.


def test_token_counts_and_the_output_of_a_triple_of_224_pixels():
    network = Network(genes=7, edge=224, width=24, depth=1, heads=3)
    views = random_views(2, 224)
    with torch.no_grad():
        assert [tokens.shape for tokens in network.embedding(views)] == [
            (2, 197, 24),
            (2, 393, 24),
            (2, 589, 24),
        ]
        assert network(views).shape == (2, 7)


@pytest.mark.parametrize(("parts", "first", "last"), [(2, 56, 168), (4, 84, 140)])
def test_central_crops_are_pixels_56_to_168_and_84_to_140(parts, first, last):
    images = torch.arange(224.0).expand(1, 3, 224, 224)
    for cut in (centre(images, parts), centre(images.mT, parts).mT):
        assert torch.equal(cut[0, 0, 0], torch.arange(float(first), float(last)))


def test_squares_go_row_by_row_and_list_row_column_channel():
    image = torch.arange(3 * 4 * 6.0).view(1, 3, 4, 6)
    expected = [
        [
            image[0, channel, 2 * row + y, 2 * column + x]
            for y in (0, 1)
            for x in (0, 1)
            for channel in range(3)
        ]
        for row in (0, 1)
        for column in (0, 1, 2)
    ]
    assert squares(image, 2)[0].tolist() == [[float(value) for value in square] for square in expected]


def test_tokens_are_class_token_then_fine_then_coarse_with_positions_of_their_own():
    torch.manual_seed(0)
    embedding, views = DeformablePatchEmbedding(EDGE, 12), random_views()
    with torch.no_grad():
        found = embedding(views)
        whole, half, quarter = embedding.of_whole, embedding.of_half, embedding.of_quarter
        expected = [
            [whole(views[0])],
            [half(views[1][..., 8:24, 8:24]), whole(views[1])],
            [quarter(views[2][..., 12:20, 12:20]), half(views[2][..., 8:24, 8:24]), whole(views[2])],
        ]
        for tokens, parts, position in zip(found, expected, embedding.positions, strict=True):
            first = embedding.class_token.expand(3, 1, 12)
            torch.testing.assert_close(tokens, torch.cat([first, *parts], 1) + position)


# Statement 3: spots do not influence each other.


def test_a_spot_s_prediction_depends_neither_on_its_batch_nor_on_the_order():
    network, views = small_network(), random_views(9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        together = network(views)
        alone = torch.cat([network([view[[i]] for view in views]) for i in range(9)])
        permuted = network([view[order] for view in views])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)
    torch.testing.assert_close(permuted, together[order], atol=1e-6, rtol=0)


def test_predicting_in_pieces_follows_the_order_of_the_spots(monkeypatch):
    slide, method = training_slide("Q", n=11), fitted()
    straight = method.predict(query_of(slide))
    monkeypatch.setattr("stbench.methods.m2ost.method.PREDICTED_AT_ONCE", 4)
    order = np.random.default_rng(0).permutation(11)
    np.testing.assert_allclose(method.predict(query_of(slide, order)), straight[order], atol=1e-5)


# Statement 4: every view counts, in its own role.


@pytest.mark.parametrize("view", [0, 1, 2])
def test_a_corner_of_any_view_changes_the_prediction(view):
    network, views = small_network(), random_views()
    with torch.no_grad():
        before = network(views)
        views[view][..., :4, :4] = 0
        assert (network(views) - before).abs().max() > 1e-5


@pytest.mark.parametrize("swapped", list(itertools.permutations(range(3)))[1:])
def test_the_views_are_not_interchangeable(swapped):
    network, views = small_network(), random_views()
    with torch.no_grad():
        assert (network([views[i] for i in swapped]) - network(views)).abs().max() > 1e-3


# Statements 5 and 6: constant images, the slide's edge, one spot.


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_views_give_finite_predictions_and_gradients(value):
    network = small_network()
    prediction = network([torch.full((2, 3, EDGE, EDGE), value)] * 3)
    prediction.square().sum().backward()
    assert torch.isfinite(prediction).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_a_spot_at_the_edge_and_slides_with_one_spot_and_with_none():
    train = [training_slide("A", n=9), training_slide("B", n=1)]
    for slide in train:
        for patches in slide.patches.values():
            patches[0, :, : EDGE // 2] = 255  # what the harness fills in beyond the image
    method = fitted(train)  # 10 spots in batches of 8
    for n in (1, 3):
        prediction = method.predict(query_of(training_slide("Q", n=n)))
        assert prediction.shape == (n, GENES) and prediction.dtype == np.float32
        assert np.isfinite(prediction).all()
    nothing = method.predict(query_of(training_slide("Q", n=0)))
    assert nothing.shape == (0, GENES) and nothing.dtype == np.float32
    lone = fitted([training_slide("A", n=1)])
    assert np.isfinite(lone.predict(query_of(train[0]))).all()


# Statement 7: seeds, and one draw of the augmentation for the three views.


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_same_seed_gives_identical_predictions(dropout):
    query = query_of(training_slide("Q"))
    first, again, other = (fitted(seed=seed, attention_dropout=dropout).predict(query) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_views_of_a_spot_are_mirrored_and_turned_alike_and_spots_differently():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, EDGE, EDGE, generator=generator).expand(40, -1, -1, -1)
    first, second, third = augmented([image] * 3, generator)
    assert torch.equal(first, second) and torch.equal(first, third)
    assert len(first.flatten(1).unique(dim=0)) == 40
    assert not torch.equal(augmented([image] * 3, generator)[0], first), "each call draws anew"


def test_augmentation_mirrors_half_of_the_spots_turns_by_any_angle_and_fills_with_white():
    """A black image with one red side: where its mass lies tells the angle, a green mark beside it the mirroring."""
    n, edge = 400, 64
    image = torch.zeros(n, 3, edge, edge)
    image[:, 0, 24:40, 48:56] = 1  # red, to the right
    image[:, 1, 12:20, 24:40] = 1  # green, at the top: a quarter turn counter-clockwise from red
    turned = augmented([image] * 3, torch.Generator().manual_seed(0))[0]
    assert turned.amax() == 1 and (turned[:, 2] > 0).any(), "corners are white"
    inside = (turned[:, 2:] == 0) * turned
    place = torch.arange(edge) - (edge - 1) / 2
    x, y = ((inside[:, :2] * axis).sum((2, 3)) for axis in (place, -place[:, None]))  # (n, 2)
    angle = torch.atan2(y, x)
    mirrored = torch.sin(angle[:, 1] - angle[:, 0]) < 0
    assert 0.4 < mirrored.float().mean() < 0.6
    quarters = torch.histc(angle[:, 0], bins=4, min=-np.pi, max=np.pi) / n
    assert ((quarters > 0.17) & (quarters < 0.33)).all()


def test_training_shows_each_epoch_new_views_and_prediction_the_plain_ones(monkeypatch):
    seen = []

    def spied(views, generator):
        seen.append(augmented(views, generator))
        return seen[-1]

    monkeypatch.setattr("stbench.methods.m2ost.method.augmented", spied)
    method = fitted([training_slide("A", n=1)], epochs=3)
    assert len(seen) == 3 and not torch.equal(seen[0][0], seen[1][0])
    method.predict(query_of(training_slide("Q")))
    fitted([training_slide("A", n=1)], augmentation=False)
    assert len(seen) == 3


def test_queries_do_not_change_the_fit_and_are_handed_over_as_predicted():
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    method = M2OST(**SMALL)
    report, predictions = fit_with_queries(method, train, [query])
    assert list(predictions) == [1, 2] and report.epochs == len(report.losses) == 2 and report.notes == ()
    assert report.steps == 2 * 3, "24 spots in batches of 8"
    np.testing.assert_array_equal(predictions[2][0], method.predict(query))
    np.testing.assert_array_equal(method.predict(query), fitted(train).predict(query))
    restored = pickle.loads(pickle.dumps(method))
    np.testing.assert_array_equal(restored.predict(query), method.predict(query))
    assert method.parameter_count() == (count(method._network),) * 2


# Statement 8: real spots.


@pytest.mark.slow
def test_ten_steps_on_24_real_spots_lower_the_error_every_time(shared_data, shared_cache):
    from stbench.datasets.her2 import plugin as Her2
    from stbench.evaluation.design import Design
    from stbench.evaluation.folds import group_slides, leave_one_group_out
    from stbench.evaluation.materials import Materials
    from stbench.nn import training
    from stbench.nn.spot_patches import spot_expression

    sources = [source for source in Her2().slides(shared_data) if source.id in ("B4", "C2")]
    groups = group_slides({source.id: source.patient for source in sources}, "slide")
    design = Design(dataset="her2", genes=f"file:{shared_data / 'panels' / 'her_hvg_cut_1000.txt'}")
    fold = Materials(design, sources, groups).fold(leave_one_group_out(groups)[0])
    (name,) = fold.fold.train
    slide = fold.training_slide(name, CARD, fold.scaling([name], CARD))
    torch.manual_seed(0)
    network = Network(785, 224, 192, 4, 3)
    images = SpotViews([slide], torch.device("cpu")).batch(torch.arange(24))
    expression = spot_expression([slide])[:24]
    errors = []

    def losses(epoch):
        loss = F.mse_loss(network(images), expression)
        errors.append(loss.item())
        yield loss

    training.train(network, torch.optim.Adam(network.parameters(), lr=1e-4), losses, 10, FitContext())
    assert (np.diff(errors) < 0).all() and errors[-1] < 0.85 * errors[0]


# Blocks against plain loops.


def state() -> list[torch.Tensor]:
    """Three views of 4, 6 and 9 tokens of 12 numbers, of two spots."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, n, 12, generator=generator) for n in (4, 6, 9)]


def attended(query, key, value, heads=3):
    """Attention with its score matrix written out, head by head."""
    parts = zip(*(part.chunk(heads, -1) for part in (query, key, value)), strict=True)
    return torch.cat([(q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v for q, k, v in parts], -1)


def mixed_within(mix, tokens):
    query, key, value = (tokens @ weight.T for weight in mix.to_qkv.weight.chunk(3))
    return tokens + mix.to_output(attended(query, key, value))


def mixed_tokenwise(mix, tokens):
    first, second = mix.layers[1][0], mix.layers[1][3]
    return tokens + F.gelu(second(F.gelu(first(mix.layers[0](tokens)))))


def mixed_across(mix, views):
    parts = [
        [mix.norm(view) @ weight.T for weight in to_qkv.weight.chunk(3)]
        for view, to_qkv in zip(views, mix.to_qkv, strict=True)
    ]
    return [
        to_output(torch.cat([attended(parts[i][0], *parts[j][1:]) for j in range(3) if j != i], -1))
        for i, to_output in enumerate(mix.to_output)
    ]


def mixed_channels(mix, views):
    norm, first, second = mix.gates[0], mix.gates[1][0], mix.gates[1][3]
    means = torch.cat([view.mean(1) for view in views], 1)
    gates = second(F.gelu(first(norm(means)))).sigmoid().chunk(3, 1)
    return [view * (1 + gate[:, None]) for view, gate in zip(views, gates, strict=True)]


def test_mixing_within_a_view_has_no_norm_before_it():
    torch.manual_seed(0)
    mix, tokens = TokenMixing(12, 3, dropout=0.5).eval(), state()[0]
    with torch.no_grad():
        torch.testing.assert_close(mix(tokens), mixed_within(mix, tokens))
        assert not torch.equal(mix.train()(tokens), mix(tokens)), "attention weights are masked in training"


def test_token_mixing_across_views_equals_six_products_written_out():
    torch.manual_seed(0)
    mix, views = CrossViewTokenMixing(12, 3), state()
    with torch.no_grad():
        torch.testing.assert_close(mix(views), mixed_across(mix, views))
    assert mix.norm.normalized_shape == (12,)


def test_tokenwise_and_channel_mixing_as_written_in_the_paper():
    torch.manual_seed(0)
    views, tokenwise, channels = state(), TokenwiseMixing(12), CrossViewChannelMixing(12)
    assert tokenwise.layers[1][0].out_features == 8
    assert isinstance(tokenwise.layers[0], nn.LayerNorm) and isinstance(channels.gates[0], nn.LayerNorm)
    with torch.no_grad():
        torch.testing.assert_close(tokenwise(views[0]), mixed_tokenwise(tokenwise, views[0]))
        torch.testing.assert_close(channels(views), mixed_channels(channels, views))


def test_the_network_is_its_blocks_in_order_and_a_head_on_the_class_tokens():
    network, views = small_network(), random_views()
    assert len(network.blocks) == 2
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))  # norms, too, have weights of their own
        tokens = network.embedding(views)
        for block in network.blocks:
            tokens = [mixed_within(mix, view) for mix, view in zip(block.within, tokens, strict=True)]
            tokens = [mixed_tokenwise(block.tokenwise, view) for view in tokens]
            tokens = mixed_channels(block.channels, mixed_across(block.across, tokens))
        described = torch.cat([network.norm(view[:, 0]) for view in tokens], 1)  # (3, 72)
        expected = described @ network.head.weight.T + network.head.bias
        torch.testing.assert_close(network(views), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("edge", "hidden"), [(16, 576), (8, 288), (4, 144)])
def test_token_makers_have_the_published_hidden_widths(edge, hidden):
    with torch.device("meta"):
        assert TokenMaker(edge, 192).layers[1].out_features == hidden


# Training.


def test_pixels_go_from_0_to_1():
    levels = np.array([0, 51, 255], dtype=np.uint8)
    patches = {field: np.broadcast_to(levels[:, None, None, None], (3, EDGE, EDGE, 3)) for field in FIELDS}
    slide = replace(training_slide("A", n=3), patches=patches)
    for view in SpotViews([slide], torch.device("cpu")).batch(torch.arange(3)):
        assert view.shape == (3, 3, EDGE, EDGE)
        torch.testing.assert_close(view.amin((1, 2, 3)), torch.tensor([0.0, 0.2, 1.0]))
        torch.testing.assert_close(view.amax((1, 2, 3)), torch.tensor([0.0, 0.2, 1.0]))


def test_each_epoch_goes_through_all_spots_in_an_order_of_its_own(monkeypatch):
    batch, asked = SpotViews.batch, []

    def watched(views, spots):
        asked.extend(spots.tolist())
        return batch(views, spots)

    monkeypatch.setattr(SpotViews, "batch", watched)
    fitted()
    first, second, in_order = asked[:24], asked[24:], list(range(24))
    assert sorted(first) == sorted(second) == in_order
    assert first != in_order and second != in_order and first != second


def test_it_learns_the_colour_of_a_spot_and_keeps_no_patches():
    train, unseen = [training_slide(name, n=30) for name in "ABC"], training_slide("Q", n=30)
    method = fitted(train, epochs=30, batch_size=16, learning_rate=3e-3, mean_bias=True)
    error = np.square(method.predict(query_of(unseen)) - unseen.expression).mean()
    assert error < 0.7 * unseen.expression.var(0).mean()
    assert len(pickle.dumps(method)) < 6 * method.parameter_count().total + 50_000


def test_the_mean_bias_is_that_of_the_training_spots():
    train = [training_slide(name) for name in "AB"]
    method = fitted(train, epochs=0, mean_bias=True)
    mean = np.concatenate([slide.expression for slide in train]).mean(0)
    np.testing.assert_allclose(method._network.head.bias.detach(), mean, rtol=1e-6)


def test_spots_without_a_count_do_not_train_and_the_report_says_so():
    whole = training_slide("A")
    counts = whole.panel_counts.copy()
    counts[8:] = 0
    kept = {edge: patches[:8] for edge, patches in whole.patches.items()}
    first = replace(whole, expression=whole.expression[:8], panel_counts=counts[:8], patches=kept,
                    pixel_xy=whole.pixel_xy[:8], array_row_column=whole.array_row_column[:8])  # fmt: skip
    method = M2OST(**SMALL)
    report = method.fit([replace(whole, panel_counts=counts)])
    assert report.notes == ("4 of 12 training spots have no count over the panel and were left out.",)
    query = query_of(training_slide("Q"))
    np.testing.assert_array_equal(method.predict(query), fitted([first]).predict(query))
    with pytest.raises(CannotFit, match="No training spot has a count"):
        fitted([replace(whole, panel_counts=0 * counts)])


# Settings and errors.


@pytest.mark.parametrize(("preset", "published"), [("paper", 13_800), ("released", 55_200)])
def test_the_card_counts_the_steps_of_the_publication(preset, published):
    spots, settings = 13_620 * 35 / 36, M2OST.defaults() | CARD.presets[preset]
    steps = settings["epochs"] * math.ceil(spots / settings["batch_size"])
    assert CARD.steps_published(preset) == steps == published


def test_the_card_s_settings_are_settings_and_paper_is_the_default():
    assert set(CARD.presets) == {"paper", "released"} and CARD.presets["paper"] == {}
    for settings in (*CARD.presets.values(), *CARD.grid, CARD.full_grid):
        M2OST.check_settings(settings)
    assert CARD.needs.patches == FIELDS and CARD.needs.resized_to == 224


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 0}, "depth is 0"),
        ({"width": 25}, "multiple of . heads"),
        ({"attention_dropout": 1.0}, "below 1"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, message):
    with pytest.raises(UsageError, match=message):
        fitted(**settings)


def test_predict_before_fit_and_slides_without_the_three_views_are_errors():
    slide = training_slide("A")
    with pytest.raises(MethodError, match="before it was fitted"):
        M2OST().predict(query_of(slide))
    with pytest.raises(MethodError, match="Slide A has no patches of 896 px"):
        fitted([replace(slide, patches={field: slide.patches[field] for field in FIELDS[:2]})])
    uneven = {**slide.patches, FIELDS[2]: np.zeros((12, 48, 48, 3), dtype=np.uint8)}
    with pytest.raises(MethodError, match="squares of one edge"):
        fitted([replace(slide, patches=uneven)])
    with pytest.raises(MethodError, match="multiple of 16"):
        fitted([training_slide("A", edge=40)])

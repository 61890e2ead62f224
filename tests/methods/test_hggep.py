"""HGGEP: what its publication and released code state, and its fast forms against plain loops."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from handed_over import fit_with_queries
from native_sections import native_sections
from scipy import stats
from torchvision.models import shufflenet_v2_x0_5

import stbench.methods.hggep.method as hggep_method
from stbench.contract import FitContext
from stbench.errors import CannotFit, MethodError, UnknownName, UsageError
from stbench.methods.hggep import plugin as HGGEP
from stbench.methods.hggep.hypergraph import (
    HypergraphLayers,
    HypergraphRecipe,
    adjacency_shares,
    build_hypergraph,
    edge_weights,
)
from stbench.methods.hggep.network import Network
from stbench.methods.hggep.patches import (
    ChannelSpatialAttention,
    CrossDifference,
    PatchEncoder,
    last_map_edge,
)
from stbench.nn.array_neighbours import neighbours_within
from stbench.nn.count_losses import CountDistribution, zero_inflated_negative_binomial
from stbench.nn.distilled_heads import TrainingTargets
from stbench.nn.distilled_slides import DistilledSlide, distilled_slide, sizes_asked
from stbench.nn.spot_patches import as_images
from stbench.registry import method_card
from stbench.slide import QuerySlide, TrainingSlide

CARD = method_card("hggep")
# Patches of 12 pixels end as maps of one pixel, d = 64.
SMALL = {"depth": 1, "heads": 2, "head_width": 8, "lstm_layers": 2, "copies": 2, "epochs": 2}
RECIPE = HypergraphRecipe(4, similar=False, edge_weight="mean")
pytestmark = pytest.mark.filterwarnings("ignore:No ImageNet weights")


def training_slide(name: str, n: int = 12, edge: int = 12, genes: int = 3, isolated: bool = False):
    """A slide on an array four spots wide; `isolated` moves its last spot far away."""
    random = np.random.default_rng(sum(map(ord, name)))
    array = np.stack(np.divmod(np.arange(n), 4), axis=1)
    if isolated:
        array[-1] = 40, 40
    counts = random.poisson(3, (n, genes))
    return TrainingSlide(
        id=name,
        group=name,
        platform="ST",
        pixel_xy=100.0 * array[:, ::-1],
        array_row_column=array,
        expression=np.log1p(counts).astype(np.float32),
        panel_counts=counts,
        totals=counts.sum(1),
        size_factors=np.ones(n),
        patches={112: random.integers(0, 256, (n, edge, edge, 3), dtype=np.uint8)},
    )


def query_of(slide: TrainingSlide, order=slice(None)) -> QuerySlide:
    return QuerySlide(
        id="query",
        platform=slide.platform,
        pixel_xy=slide.pixel_xy[order],
        array_row_column=slide.array_row_column[order],
        patches={112: slide.patches[112][order]},
    )


def fitted(train=None, seed=0, **settings) -> HGGEP:
    method = HGGEP(**{**SMALL, **settings})
    method.fit(train or [training_slide(name) for name in "AB"], context=FitContext(seed=seed))
    return method


class Watched(HGGEP):
    """Remembers the terms of each step."""

    def _terms(self, slide, places, generator):
        terms = super()._terms(slide, places, generator)
        self.seen = [*getattr(self, "seen", []), tuple(term.item() for term in terms)]
        return terms


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def meta_network(genes: int, **settings):
    """The network for patches of 112 pixels, without memory for its weights."""
    method = HGGEP(**settings)
    method._n_positions = 64
    with torch.device("meta"):
        truth = TrainingTargets(torch.empty(2, genes), torch.empty(2, genes), torch.empty(2))
        slide = DistilledSlide("A", torch.empty(2, 112, 112, 3), truth, method.copies, recompute=False)
        return method._new_network(shufflenet_v2_x0_5(weights=None), sizes_asked([slide], method.zinb_weight))


def settled(method: HGGEP, patches: np.ndarray) -> HGGEP:
    """Batch norms take their running statistics from `patches`.

    After a few steps from a random start these are still near 0 and 1, where features hardly see the image.
    """
    encoder = method._network.patches
    norms = [layer for layer in encoder.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        encoder.train()(as_images(torch.tensor(patches)))
    for norm in norms:
        norm.momentum = 0.1
    return method


def small_network(**settings):
    """An untrained small network, the images of a slide and the places of its spots."""
    slide, method = training_slide("A"), fitted(epochs=0, **settings)
    images = torch.tensor(slide.patches[112]).permute(0, 3, 1, 2).float()
    return method._network, images, method._places(slide, torch.device("cpu"))


# Statement 1: parameters.


@pytest.mark.parametrize("genes", [785, 171])
def test_parameters_of_the_network(genes):
    assert count(meta_network(genes)) == 113_146_610 + 4100 * genes


def test_parameters_of_each_part():
    network = meta_network(785)
    spots, heads = network.spots, network.heads
    enhancement, *backbone, last = network.patches.stages
    assert count(spots.position.column) == count(spots.position.row) == 65_536
    assert count(enhancement) == 168
    stages = [*backbone, last.stage4, last.conv5]
    assert [count(stage) for stage in stages] == [696, 6_936, 45_552, 89_952, 198_656]
    assert [count(tap) for tap in last.taps] == [17_443, 198_819, 1_182_819]
    assert [count(blocks) for blocks in spots.transformers] == [25_194_496] * 3
    assert count(spots.hypergraph) == 1_051_136 and count(spots.fusion) == 33_587_200
    assert count(heads.expression) == 806_673 and count(heads.logit) == 1_050_625
    assert [count(part) for part in heads.counts.children()] == [804_625] * 3
    needed = count(network) - count(heads.counts) - count(heads.logit)
    assert count(network) - needed == 3_464_500
    assert count(meta_network(785, copies=0, zinb_weight=0)) == needed


# Statement 2: shapes.


def test_shapes_from_the_patch_to_the_taps():
    encoder, maps = (
        PatchEncoder(shufflenet_v2_x0_5(weights=None), 112, 0.7).eval(),
        torch.rand(2, 3, 112, 112),
    )
    shapes = []
    with torch.no_grad():
        for stage in list(encoder.stages)[:-1]:
            maps = stage(maps)
            shapes.append(tuple(maps.shape[1:]))
        last = encoder.stages[-1]
        fourth = last.stage4(maps)
        assert shapes == [(3, 58, 58), (24, 29, 29), (48, 15, 15), (96, 8, 8)]
        assert fourth.shape[1:] == (192, 4, 4) and last.conv5(fourth).shape[1:] == (1024, 4, 4)
        assert last(maps).shape == (2, 3, 1024) and encoder.width == 1024
    assert [last_map_edge(edge) for edge in (12, 112, 224)] == [1, 4, 8]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_slides_with_fewer_spots_than_neighbours(n):
    method = fitted([training_slide("A", n=max(n, 2)), training_slide("B")])
    prediction = method.predict(query_of(training_slide("Q", n=n)))
    assert prediction.shape == (n, 3) and prediction.dtype == np.float32
    assert np.isfinite(prediction).all()


# Statement 3: the difference convolution.


def test_the_difference_convolution_leaves_its_share_of_a_constant_image():
    torch.manual_seed(0)
    conv = CrossDifference(3, 3, theta=0.7)
    inside = conv(torch.full((1, 3, 12, 12), 5.0))[0, :, 1:, 1:]
    expected = (1 - 0.7) * conv.weight.sum((1, 2)) * 5
    torch.testing.assert_close(inside, expected[:, None, None].expand_as(inside))


def test_the_difference_convolution_is_a_cross_less_a_share_of_the_centre():
    torch.manual_seed(0)
    conv, image = CrossDifference(3, 2, theta=0.7), torch.randn(1, 3, 8, 8)
    padded = F.pad(image, (1, 1, 1, 1))[0]
    offsets = [(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)]  # top, left, centre, right, bottom
    expected = torch.zeros(2, 4, 4)
    for o, y, x in np.ndindex(2, 4, 4):
        for c in range(3):
            for weight, (dy, dx) in zip(conv.weight[o, c], offsets, strict=True):
                expected[o, y, x] += weight * (
                    padded[c, 2 * y + dy, 2 * x + dx] - 0.7 * padded[c, 2 * y + 1, 2 * x + 1]
                )
    torch.testing.assert_close(conv(image)[0], expected, rtol=1e-4, atol=1e-5)


def test_the_ring_around_the_enhanced_patch_is_bias_alone():
    encoder = PatchEncoder(shufflenet_v2_x0_5(weights=None), 12, 0.7).eval()
    joined = encoder.stages[0].join[0]
    maps = joined(torch.rand(1, 6, 6, 6))
    assert maps.shape[2:] == (8, 8)
    torch.testing.assert_close(maps[0, :, 0], joined.bias[:, None].expand(3, 8))


def test_attention_gates_channels_and_then_pixels():
    torch.manual_seed(0)
    block, maps = ChannelSpatialAttention(32), torch.randn(2, 32, 4, 4)
    gate = sum(
        block.channel(pool(maps, 1)) for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d)
    ).sigmoid()
    gated = maps * gate
    pixel = F.conv2d(
        torch.stack([gated.mean(1), gated.max(1).values], 1),
        block.spatial.weight,
        block.spatial.bias,
        padding=3,
    )
    torch.testing.assert_close(block(maps), gated * pixel.sigmoid())


# Statement 4: predictions.


def test_two_predictions_are_identical_and_permuting_the_spots_permutes_them():
    slide, order, method = training_slide("Q", n=30), np.random.default_rng(0).permutation(30), fitted()
    straight = method.predict(query_of(slide))
    np.testing.assert_array_equal(method.predict(query_of(slide)), straight)
    np.testing.assert_allclose(method.predict(query_of(slide, order)), straight[order], atol=1e-4)


def test_a_prediction_follows_the_patches_of_its_spots():
    slide = training_slide("Q", n=20)
    method = settled(fitted(), slide.patches[112])
    straight = method.predict(query_of(slide))
    reversed_patches = replace(slide, patches={112: slide.patches[112][::-1].copy()})
    moved = np.abs(method.predict(query_of(reversed_patches)) - straight)
    assert (moved.max(axis=1) > 1e-2).all(), "at every spot"


def test_three_depths_and_their_hypergraph_reach_the_lstm_in_order():
    network, _, places = small_network(dropout=0.0, graph_dropout=0.0)
    spots, features = network.spots.eval(), torch.randn(2, 12, 3, network.patches.width)
    row, column = torch.tensor(training_slide("A").array_row_column).unbind(1)
    place = spots.position.column.weight[column] + spots.position.row.weight[row]
    h4, h5, h6 = (spots.transformers[tap](features[:, :, tap] + place) for tap in range(3))
    total = h4 + h5 + h6
    hyper = spots.hypergraph(total, *build_hypergraph(total, places.shares, RECIPE))
    sequence = torch.stack([depth.flatten(0, 1) for depth in (h4, h5, h6, hyper)])
    expected = spots.fusion.lstm(sequence)[0].mean(0).view_as(total)
    torch.testing.assert_close(spots(features, places), expected)


# Statement 5: the hypergraph.


def spots_and_shares(n=14, isolated=True, radius=2.0):
    slide = training_slide("A", n=n, isolated=isolated)
    neighbours, kept = neighbours_within(slide, 8, radius)
    shares = adjacency_shares(torch.tensor(neighbours), torch.tensor(kept))
    features = torch.randn(2, n, 6, generator=torch.Generator().manual_seed(0))
    return slide.array_row_column, features, shares


def naive_choices(array, features, similar=False) -> list[list[int]]:
    """Nearest 8 spots within two array units, scores as sums of two shares, the four largest, in plain loops."""
    n, choices = len(array), []
    for i in range(n):
        distance = np.linalg.norm(array - array[i], axis=1)
        others = sorted((j for j in range(n) if j != i), key=lambda j: (distance[j], *array[j]))
        adjacent = [j for j in others[:8] if distance[j] <= 2.0]
        apart = [float((features[i] - features[j]).square().sum().sqrt()) for j in range(n)]
        if similar:
            apart = [0.0 if j == i else max(apart) - apart[j] for j in range(n)]
        score = [apart[j] / sum(apart) + (1 / len(adjacent) if j in adjacent else 0) for j in range(n)]
        ranked = sorted((j for j in range(n) if j != i), key=lambda j: -score[j])[:4]
        choices.append(sorted((j, score[j]) for j in ranked))
    return choices


@pytest.mark.parametrize("similar", [False, True])
def test_choices_and_weights_equal_a_loop_over_spots(similar):
    array, features, shares = spots_and_shares()
    incidence, weight = build_hypergraph(features, shares, RECIPE._replace(similar=similar))
    assert incidence.shape == (2, 2 * 14 * 4) and weight.shape == (2 * 14,)
    for b in range(2):
        expected = naive_choices(array, features[b], similar)
        received = {e: [] for e in range(14)}
        for i, choices in enumerate(expected):
            held = incidence[1][incidence[0] == b * 14 + i] - b * 14
            assert sorted(held.tolist()) == [j for j, _ in choices] and i not in held
            for j, score in choices:
                received[j].append(score)
        for e, scores in received.items():
            assert weight[b * 14 + e].item() == pytest.approx(np.mean(scores) if scores else 0, rel=1e-4)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_every_spot_chooses_as_many_others_as_there_are_up_to_four(n):
    _, features, shares = spots_and_shares(n)
    spots, edges = build_hypergraph(features, shares, RECIPE).incidence
    assert torch.bincount(spots).tolist() == [min(4, n - 1)] * 2 * n
    assert (spots != edges).all() and (spots // n == edges // n).all(), "never itself, never another pass"


def test_spots_that_look_alike_have_no_feature_share():
    _, features, shares = spots_and_shares()
    _, weight = build_hypergraph(torch.zeros_like(features), shares, RECIPE)
    assert torch.isfinite(weight).all() and shares[-1].sum() == 0


def test_hypergraph_convolutions_equal_the_dense_formula():
    _, features, shares = spots_and_shares()
    graph = build_hypergraph(features, shares, RECIPE)
    torch.manual_seed(0)
    layers = HypergraphLayers(6, dropout=0.5).eval()
    for parameter in layers.parameters():
        torch.nn.init.normal_(parameter)
    held = torch.zeros(28, 28)
    held[graph.incidence[0], graph.incidence[1]] = 1

    def inverse(x):
        return torch.where(x > 0, 1 / x, 0)

    def convolved(x, conv):
        size, degree = held.sum(0), held @ graph.weight
        mixed = held @ (inverse(size)[:, None] * (held.T @ (x @ conv.lin.weight.T)))
        return inverse(degree)[:, None] * mixed + conv.bias

    x = features.flatten(0, 1)
    expected = x + convolved(layers.norm(convolved(x, layers.narrow).relu()), layers.widen)
    torch.testing.assert_close(layers(features, *graph).flatten(0, 1), expected, rtol=1e-4, atol=1e-4)


def test_no_gradient_flows_through_choices_and_weights():
    _, features, shares = spots_and_shares()
    graph = build_hypergraph(features.requires_grad_(), shares, RECIPE)
    assert not graph.weight.requires_grad


def test_weights_by_incidence_depend_on_the_order_and_means_do_not():
    score, chosen = torch.tensor([[4.0, 3.0], [2.0, 1.0], [6.0, 5.0]]), torch.tensor([[1, 2], [2, 0], [1, 0]])
    assert edge_weights(score, chosen, "mean").tolist() == [3.0, 5.0, 2.5]
    assert edge_weights(score, chosen, "incidence").tolist() == [4.0, 3.0, 2.0]


def test_an_isolated_spot_gives_finite_output():
    slide = training_slide("A", isolated=True)
    assert np.isfinite(fitted([slide]).predict(query_of(slide))).all()


# Statement 6: the count likelihood.


def test_the_count_likelihood_is_that_of_a_zero_inflated_negative_binomial():
    counts, mean, r, zero, size = np.array([[0.0, 3.0]]), 2.5, 1.7, 0.3, 0.5
    p = stats.nbinom.pmf(counts, r, r / (r + mean * size))
    expected = -np.log(np.where(counts == 0, zero + (1 - zero) * p, (1 - zero) * p)).mean()
    parameters = CountDistribution(*(torch.full((1, 2), value) for value in (mean, r, zero)))
    found = zero_inflated_negative_binomial(torch.tensor(counts).float(), torch.tensor([size]), parameters)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_a_spot_without_counts_gives_a_finite_loss():
    slide = training_slide("A")
    counts = slide.panel_counts.copy()
    counts[5] = 0
    method = Watched(**SMALL)
    method.fit([replace(slide, panel_counts=counts)])
    assert np.isfinite(method.seen).all() and np.isfinite(method.predict(query_of(slide))).all()


# Statement 7: copies.


@pytest.mark.parametrize("off", [{"copies": 0}, {"distillation_weight": 0.0}])
def test_without_copies_or_a_pull_towards_them_there_is_no_distillation(off):
    method, slides = Watched(**{**SMALL, **off}), [training_slide("A")]
    report = method.fit(slides)
    assert all(distillation == 0 for _, _, distillation in method.seen)
    assert "No augmented copies, hence no self-distillation." in report.notes
    assert method._network.heads.logit is None
    np.testing.assert_array_equal(
        method.predict(query_of(slides[0])), fitted(slides, copies=0).predict(query_of(slides[0]))
    )


def test_copies_are_distilled():
    method = Watched(**SMALL)
    method.fit([training_slide("A")])
    assert all(distillation > 0 for _, _, distillation in method.seen)


def test_each_copy_is_one_transform_of_all_spots(monkeypatch):
    """Every spot shows the same patch, so that spots of one pass differ only if their transforms do."""
    slide, seen = training_slide("A"), []

    class Spied(HGGEP):
        def _new_network(self, backbone, sizes):
            network = super()._new_network(backbone, sizes)
            network.patches.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
            return network

    same = np.broadcast_to(slide.patches[112][:1], slide.patches[112].shape)
    Spied(**{**SMALL, "copies": 5, "epochs": 1}).fit([replace(slide, patches={112: same})])
    assert len(seen) == 6 and all((images == images[:1]).all() for images in seen)
    for one in range(6):
        assert not any(torch.equal(seen[one], seen[other]) for other in range(one)), "redrawn for each copy"


# Statement 8: training.


@pytest.mark.slow  # more than a minute on one core
def test_thirty_steps_about_halve_the_loss_on_a_real_section(shared_data, shared_cache):
    method = Watched(epochs=30, copies=1, learning_rate=1e-4)
    method.fit(native_sections(shared_data, CARD, ["C2"], spots=50), context=FitContext(seed=12000))
    loss = [
        expression + 0.25 * counts + 0.5 * distillation for expression, counts, distillation in method.seen
    ]
    assert 1.0 < loss[0] < 1.6
    assert loss[-1] < 0.6 * loss[0]


# Fast forms against plain ones.


def test_passes_as_a_batch_equal_one_pass_after_the_other():
    network, images, places = small_network(dropout=0.0, graph_dropout=0.0)
    passes = [images, images.flip(-1), images.flip(-2)]
    network.train()
    start = copy.deepcopy(network.state_dict())
    together = network.states(passes, places)
    statistics = {name: value.clone() for name, value in network.named_buffers()}
    network.load_state_dict(start)
    apart = torch.cat([network.states([one], places) for one in passes])
    torch.testing.assert_close(together, apart)
    for name, value in network.named_buffers():
        torch.testing.assert_close(statistics[name], value)
    assert next(v for name, v in statistics.items() if "num_batches" in name) == 3, "one update for each pass"


def test_recomputing_activations_changes_neither_gradients_nor_statistics():
    network, images, places = small_network()
    network.train()
    start, found = copy.deepcopy(network.state_dict()), []
    for recompute in (False, True):
        network.load_state_dict(start)
        network.zero_grad()
        torch.manual_seed(0)
        states = network.states([images, images.flip(-1)], places, recompute)
        network.heads(states).square().mean().backward()
        gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
        found.append(gradients + [buffer.clone() for buffer in network.buffers()])
    for kept, recomputed in zip(*found, strict=True):
        torch.testing.assert_close(recomputed, kept)


def test_streamed_patches_give_the_prediction_of_one_call(monkeypatch):
    slide = training_slide("Q", n=20)
    method = settled(fitted(), slide.patches[112])
    with torch.no_grad():
        images = torch.tensor(slide.patches[112]).permute(0, 3, 1, 2).float()
        whole = method._network.eval()(images, method._places(slide, torch.device("cpu")))
    monkeypatch.setattr(hggep_method, "_SPOTS_AT_A_TIME", 7)
    np.testing.assert_allclose(method.predict(query_of(slide)), whole.numpy(), atol=1e-4)


# Harness: what happens to slides, settings and errors.


def test_the_same_seed_gives_the_same_losses_and_predictions():
    def run(seed):
        method = Watched(**SMALL)
        report = method.fit([training_slide(name) for name in "AB"], context=FitContext(seed=seed))
        assert report.pretrained.startswith("shufflenet_v2_x0_5") and report.steps == 4
        return method.seen, method.predict(query_of(training_slide("Q")))

    (losses, prediction), (again, repeated), (other, _) = run(3), run(3), run(4)
    assert losses == again and losses != other
    np.testing.assert_array_equal(prediction, repeated)


def test_slides_of_one_spot_are_left_out_of_training():
    train = [training_slide("A"), training_slide("B", n=1)]
    report = HGGEP(**SMALL).fit(train)
    assert any("fewer than two spots, left out: 1" in note for note in report.notes)
    assert report.steps == 2, "one slide, two epochs"
    with pytest.raises(CannotFit, match="two spots"):
        HGGEP(**SMALL).fit(train[1:])


def test_slides_without_counts_train_without_the_count_likelihood():
    slides = [training_slide("A"), replace(training_slide("B"), panel_counts=np.zeros((12, 3), dtype=int))]
    report = HGGEP(**SMALL).fit(slides)
    assert any("hence no count likelihood, on: B." in note for note in report.notes)


def test_large_slides_recompute_and_take_fewer_copies(monkeypatch):
    asked, states = [], Network.states

    def watched(self, passes, places, recompute=False):
        asked.append(recompute)
        return states(self, passes, places, recompute)

    monkeypatch.setattr(Network, "states", watched)
    slides, method = [training_slide("A")], HGGEP(**SMALL)
    query, kept = query_of(slides[0]), fitted(slides)
    monkeypatch.setattr(hggep_method, "RECOMPUTED_ABOVE", 3 * 12 - 1)
    report = method.fit(slides)
    assert asked == [False, False, True, True]
    assert "Activations computed twice to save memory, on: A." in report.notes
    np.testing.assert_allclose(method.predict(query), kept.predict(query), atol=1e-5)
    monkeypatch.setattr(hggep_method, "MOST_SPOTS", 24)
    assert "1 of 2 copies of A: 12 spots." in method.fit(slides).notes


@pytest.mark.parametrize(("n", "recompute", "copies"), [(666, False, 5), (667, True, 5), (2501, True, 4)])
def test_slides_above_666_spots_recompute_and_above_2500_take_fewer_copies(n, recompute, copies):
    limits = hggep_method.RECOMPUTED_ABOVE, hggep_method.MOST_SPOTS
    slide = distilled_slide(training_slide("A", n=n, edge=1), 112, 5, *limits)
    assert (slide.recompute, slide.copies) == (recompute, copies)


def test_the_learning_rate_falls_every_so_many_epochs(monkeypatch):
    rates, adam = [], torch.optim.Adam.step

    def step(self, *arguments, **options):
        rates.append(self.param_groups[0]["lr"])
        return adam(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    fitted([training_slide("A")], epochs=5, decay_every=2, decay=0.5, learning_rate=0.01, copies=0)
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.005, 0.0025])


def test_queries_do_not_change_the_fit():
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    method = HGGEP(**SMALL)
    report, predictions = fit_with_queries(method, train, [query])
    assert list(predictions) == [1, 2] and report.epochs == len(report.losses) == 2
    np.testing.assert_array_equal(predictions[2][0], method.predict(query))
    np.testing.assert_array_equal(method.predict(query), fitted(train).predict(query))


def test_it_learns_what_patches_show():
    """Each spot has a brightness of its own, drawn anew for each slide; expression follows it."""

    def slide(name):
        made, level = training_slide(name, n=24), np.random.default_rng(ord(name)).uniform(size=24)
        patches = np.broadcast_to(200 * level[:, None, None, None], (24, 12, 12, 3)).astype(np.uint8)
        return replace(made, patches={112: patches}, expression=np.outer(level, [1, 2, 3]).astype(np.float32))

    query, train = slide("Q"), [slide(name) for name in "ABC"]
    still = {"copies": 0, "zinb_weight": 0, "dropout": 0.0, "graph_dropout": 0.0}
    method = fitted(train, epochs=8, learning_rate=4e-3, **still)
    prediction = settled(method, train[0].patches[112]).predict(query_of(query))
    assert np.corrcoef(prediction[:, 0], query.expression[:, 0])[0, 1] > 0.6


def test_the_loss_falls():
    method = Watched(**{**SMALL, "epochs": 15, "learning_rate": 2e-3, "copies": 1})
    method.fit([training_slide("A")])
    expression, counts, _ = zip(*method.seen, strict=True)
    assert min(expression[-3:]) < 0.5 * expression[0] and min(counts[-3:]) < counts[0]


def test_a_fitted_method_pickles_and_counts_its_parameters():
    method, query = fitted(), query_of(training_slide("Q"))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(method)).predict(query), method.predict(query))
    assert method.parameter_count() == (count(method._network),) * 2 and HGGEP().parameter_count() == (0, 0)


def test_the_cards_settings_are_settings_and_paper_is_the_default():
    assert set(CARD.presets) == {"paper", "released"} and CARD.presets["paper"] == {}
    for settings in (*CARD.presets.values(), *CARD.grid, CARD.full_grid):
        HGGEP.check_settings(settings)
    method = fitted(**{**CARD.presets["released"], "epochs": 2})
    assert np.isfinite(method.predict(query_of(training_slide("Q")))).all()


def test_paper_trains_as_the_tutorial_and_released_as_the_script():
    found = {name: {**HGGEP.defaults(), **settings} for name, settings in CARD.presets.items()}
    assert [found["paper"][name] for name in ("epochs", "decay", "decay_every")] == [350, 0.9, 50]
    assert [found["released"][name] for name in ("epochs", "decay")] == [500, 1.0]
    for name, steps in (("paper", 10_850), ("released", 15_500)):
        assert CARD.steps_published(name) == 31 * found[name]["epochs"] == steps


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"picks": 0}, UsageError, "picks is 0"),
        ({"copies": -1}, UsageError, "copies is -1"),
        ({"graph_dropout": 1.0}, UsageError, "graph_dropout is 1.0"),
        ({"edge_weight": "means"}, UnknownName, "Did you mean mean"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, error, message):
    with pytest.raises(error, match=message):
        fitted(**settings)


def test_what_cannot_be_predicted_is_an_error():
    slide = training_slide("A")
    with pytest.raises(MethodError, match="before it was fitted"):
        HGGEP().predict(query_of(slide))
    with pytest.raises(MethodError, match="no patches of 112 px"):
        fitted([replace(slide, patches={})])
    far = replace(slide, array_row_column=slide.array_row_column + 62)
    with pytest.raises(MethodError, match="n_pos"):
        fitted([far])

"""THItoGene: the statements that its architecture and training must meet, and its blocks against plain loops."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from handed_over import fit_with_queries

from stbench.contract import FitContext
from stbench.datasets.her2 import plugin as Her2
from stbench.errors import CannotFit, MethodError, MethodWarning, UnknownName, UsageError
from stbench.evaluation.design import Design
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.methods.thitogene import plugin as THItoGene
from stbench.methods.thitogene.capsules import CapsuleNetwork, Routing, squash
from stbench.methods.thitogene.dynamic_convolution import DynamicConvolution
from stbench.methods.thitogene.graph_attention import GraphAttention
from stbench.methods.thitogene.network import Network
from stbench.methods.thitogene.slide_inputs import neighbour_lists
from stbench.registry import method_card
from stbench.slide import QuerySlide, TrainingSlide

CARD = method_card("thitogene")
EDGE, GENES = 48, 4
SMALL = {
    "layers": 1,
    "capsules": 3,
    "capsule_width": 8,
    "heads": 2,
    "head_width": 8,
    "hidden": 16,
    "graph_heads": 2,
    "graph_width": 8,
    "patch_pixels": EDGE,
    "learning_rate": 1e-3,
    "epochs": 2,
}
_NETWORK_SIZES = [name for name in SMALL if name not in ("learning_rate", "epochs")]
MIXING = np.random.default_rng(99).standard_normal((3, GENES))


def training_slide(name: str, n: int = 12, platform: str = "ST") -> TrainingSlide:
    """A slide on an array six spots wide whose expression follows from the colour of its patches."""
    random = np.random.default_rng(sum(map(ord, name)))
    array = np.stack(np.divmod(np.arange(n), 6), axis=1)
    colours = random.random((n, 1, 1, 3))
    patches = np.rint(random.uniform(0, 60, (n, EDGE, EDGE, 3)) + 190 * colours).astype(np.uint8)
    return TrainingSlide(
        id=name,
        group=name,
        platform=platform,
        pixel_xy=100.0 * array[:, ::-1],
        array_row_column=array,
        expression=2 + (colours[:, 0, 0] - 0.5) @ MIXING,
        panel_counts=random.integers(0, 9, (n, GENES)),
        totals=np.full(n, 1000),
        size_factors=np.ones(n),
        patches={EDGE: patches},
    )


def query_of(slide: TrainingSlide, order=slice(None)) -> QuerySlide:
    return QuerySlide(
        id=slide.id,
        platform=slide.platform,
        pixel_xy=slide.pixel_xy[order],
        array_row_column=slide.array_row_column[order],
        patches={edge: patches[order] for edge, patches in slide.patches.items()},
    )


def fitted(train=None, seed=0, **settings) -> THItoGene:
    method = THItoGene(**{**SMALL, **settings})
    method.fit(train or [training_slide(name) for name in "AB"], context=FitContext(seed=seed))
    return method


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def published_network() -> Network:
    """The full network, untrained."""
    torch.manual_seed(0)
    return Network(genes=5, positions=64)


def random_images(n: int, edge: int = 112) -> torch.Tensor:
    """(n, 3, edge, edge) raw pixels, each patch with a mean colour of its own."""
    random = torch.Generator().manual_seed(n)
    noise = torch.randint(100, (n, 3, edge, edge), generator=random)
    return (noise + torch.randint(155, (n, 3, 1, 1), generator=random)).float()


# Statement 1: parameters.


@pytest.mark.parametrize(
    ("layers", "genes", "parameters"),
    [(4, 785, 63_586_712), (4, 171, 62_957_362), (8, 785, 109_766_040), (8, 171, 109_136_690)],
)
def test_parameter_counts(layers, genes, parameters):
    with torch.device("meta"):
        assert count(Network(genes, 64, layers=layers)) == parameters
        assert count(Network(genes, 128, layers=layers)) == parameters + 128 * 64


def test_parameters_of_each_submodule():
    with torch.device("meta"):
        network = Network(785, 64)
    assert count(network.patch.convolution) == 3_815
    assert count(network.patch.capsules) == 317_344
    assert [count(table) for table in (network.position.column, network.position.row)] == [4_096, 4_096]
    assert count(network.blocks) == 46_179_328
    assert count(network.first) + count(network.second) == 15_746_048
    assert count(network.head) == 1_331_985


def test_the_defaults_are_the_published_network():
    settings = THItoGene().settings()
    with torch.device("meta"):
        network = THItoGene()._new_network(785, 64)
    assert count(network) == 63_586_712
    assert network.dropout.p == network.first.dropout.p == network.blocks[0].attention.dropout.p == 0.2
    assert settings["n_pos"] is None and settings["attention_over"] == "neighbours"
    assert (settings["learning_rate"], settings["epochs"]) == (1e-5, 300)
    small = fitted([training_slide("A", platform=name) for name in ("ST", "Visium")], epochs=0)
    assert small.parameter_count() == (count(small._network),) * 2
    assert small._network.position.row.num_embeddings == 128


def test_initial_weights_have_their_published_spread(published_network):
    convolution, capsules = published_network.patch.convolution, published_network.patch.capsules
    spreads = [
        (convolution.candidates, (2 / 256) ** 0.5),
        (convolution.position_gate.weight, (2 / 16) ** 0.5),
        (capsules.features[1][0].weight, (2 / 288) ** 0.5),
        (capsules.routing.weight, 0.0156),
        (published_network.position.row.weight, 1),
        (published_network.first.values.weight, 1.414 * (2 / (1408 + 1024)) ** 0.5),
        (published_network.first.ends, 1.414 * (2 / 2049) ** 0.5),
    ]
    for weight, spread in spreads:
        assert weight.std().item() == pytest.approx(spread, rel=0.15)
    assert not convolution.mix.bias.any() and not capsules.routing.bias.any()
    narrow = Network(3, 64, position_std=0.02, layers=1, graph_heads=1, graph_width=8)
    assert narrow.position.column.weight.std().item() == pytest.approx(0.02, rel=0.1)


# Statement 2: shapes on the way.


def test_shapes_from_patch_to_expression(published_network):
    n, network = 6, published_network.train()
    neighbours = torch.tensor(neighbour_lists(training_slide("A", n=n), 4, False))
    with torch.no_grad():
        maps = F.relu(network.patch.convolution(random_images(n)))
        features = network.patch.capsules.features(maps)
        capsules = network.patch.capsules(maps)
        seen = network.patch(random_images(n))
        expression = network(random_images(n), torch.zeros(n, 2, dtype=torch.long), neighbours)
    assert maps.shape == (n, 16, 28, 28) and features.shape == (n, 128, 9, 9)
    assert capsules.shape == (n, 20, 64) and (capsules.norm(dim=2) < 1).all()
    torch.testing.assert_close(seen, capsules.flatten(1), rtol=1e-4, atol=1e-6)
    assert expression.shape == (n, 5) and torch.isfinite(expression).all()


def test_squash_keeps_directions_and_bounds_lengths():
    vectors = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-4, 0.0], [60.0, 80.0]], requires_grad=True)
    squashed = squash(vectors)
    lengths = 1 - np.exp(-np.array([5, 0, 1e-4, 100]))
    np.testing.assert_allclose(squashed.norm(dim=1).detach().numpy(), lengths, rtol=1e-5)
    torch.testing.assert_close(squashed[0] / squashed[0].norm(), torch.tensor([0.6, 0.8]))
    squashed.sum().backward()
    assert torch.isfinite(vectors.grad).all(), "the zero vector included"


# Statement 3: whom a spot hears.


def dense_weights(layer: GraphAttention, values: torch.Tensor, adjacency: torch.Tensor, axis: int):
    """(n, n, H) attention of the published formula: scores, -9e15 where there is no link, softmax along `axis`."""
    heads = []
    for h in range(values.shape[1]):
        listener, neighbour = layer.ends[h, :, 0].chunk(2)
        scores = F.leaky_relu((values[:, h] @ listener)[:, None] + (values[:, h] @ neighbour)[None], 0.01)
        heads.append(torch.where(adjacency, scores, -9e15).softmax(axis))
    return torch.stack(heads, dim=2)


def graph_inputs(n: int = 13) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Nodes (n, 6), neighbour lists (n, 4) and the adjacency (n, n) that they make; the last spot is in no list."""
    nodes, slide = torch.randn(n, 6, generator=torch.Generator().manual_seed(0)), training_slide("A", n=n)
    slide.array_row_column[-1] = 50
    neighbours = torch.tensor(neighbour_lists(slide, 4, False))
    adjacency = torch.zeros(n, n, dtype=torch.bool).scatter(1, neighbours, True)
    assert not adjacency.any(0)[-1]
    return nodes, neighbours, adjacency


def test_each_row_of_attention_sums_to_one_over_four_neighbours():
    torch.manual_seed(0)
    nodes, neighbours, adjacency = graph_inputs()
    layer = GraphAttention(6, 5, 3, dropout=0.2).eval()
    values = layer.values(nodes).unflatten(1, (3, 5))
    index = neighbours.unsqueeze(2).expand(-1, -1, 3)
    weights = torch.zeros(13, 13, 3).scatter(1, index, layer.weights(values, neighbours))
    torch.testing.assert_close(weights.sum(1), torch.ones(13, 3))
    assert ((weights != 0).sum(1) == 4).all() and not weights.diagonal().any()
    assert torch.equal((weights != 0).any(2), adjacency)
    torch.testing.assert_close(weights, dense_weights(layer, values, adjacency, axis=1))


@pytest.mark.parametrize(("over", "axis"), [("neighbours", 1), ("receivers", 0)])
def test_attention_by_gathering_equals_a_dense_masked_matrix(over, axis):
    torch.manual_seed(0)
    nodes, neighbours, adjacency = graph_inputs()
    layer = GraphAttention(6, 5, 3, dropout=0.2, over=over).eval()
    values = layer.values(nodes).unflatten(1, (3, 5))
    weights = dense_weights(layer, values, adjacency, axis)
    heads = [F.elu(weights[:, :, h] @ values[:, h]) for h in range(3)]
    torch.testing.assert_close(layer(nodes, neighbours), torch.cat(heads, dim=1))


def test_neighbours_are_the_nearest_on_the_array_and_self_loops_a_switch():
    slide = training_slide("A", n=18)
    plain, looped = neighbour_lists(slide, 4, False), neighbour_lists(slide, 4, True)
    assert sorted(plain[7]) == [1, 6, 8, 13] and sorted(plain[0]) == [1, 2, 6, 7]
    np.testing.assert_array_equal(looped, np.column_stack([plain, np.arange(18)]))
    query = query_of(slide)
    assert not np.array_equal(fitted(self_loop=True).predict(query), fitted().predict(query))
    twice = replace(slide, array_row_column=slide.array_row_column // 2)  # spots that share a place
    assert (neighbour_lists(twice, 4, False) != np.arange(18)[:, None]).all()


def test_a_spot_without_neighbours_hears_nothing():
    layer = GraphAttention(6, 5, 3, dropout=0.2).eval()
    heard = layer(torch.ones(1, 6), torch.empty(1, 0, dtype=torch.long))
    assert torch.equal(heard, torch.zeros(1, 15))


# Statement 4: the order of the spots.


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_permuting_the_spots_permutes_the_predictions(preset):
    slide, order = training_slide("Q", n=30), np.random.default_rng(0).permutation(30)
    method = fitted(**CARD.presets[preset])
    straight = method.predict(query_of(slide))
    np.testing.assert_allclose(method.predict(query_of(slide, order)), straight[order], atol=1e-4)
    assert straight.std(axis=0).min() > 1e-3


def test_permuting_the_spots_of_the_published_network(published_network):
    slide, order = training_slide("Q", n=9), torch.randperm(9, generator=torch.Generator().manual_seed(0))
    images, places = random_images(9), torch.tensor(slide.array_row_column)
    permuted = replace(slide, array_row_column=slide.array_row_column[order])
    network = published_network.eval()
    with torch.no_grad():
        straight = network(images, places, torch.tensor(neighbour_lists(slide, 4, False)))
        other = network(images[order], places[order], torch.tensor(neighbour_lists(permuted, 4, False)))
    assert (other - straight[order]).abs().max() < 1e-4


# Statement 5: few spots.


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_slides_with_few_spots_train_and_are_predicted(n, preset):
    method = fitted([training_slide("A", n=n), training_slide("B", n=n)], **CARD.presets[preset])
    for spots in (1, n):
        prediction = method.predict(query_of(training_slide("Q", n=spots)))
        assert prediction.shape == (spots, GENES) and prediction.dtype == np.float32
        assert np.isfinite(prediction).all()


def test_training_slides_with_a_single_spot_are_left_out_and_named():
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    more = [*train, training_slide("C", n=1), training_slide("D", n=0)]
    method = THItoGene(**SMALL)
    assert "left out, having a single spot: C" in method.fit(more).notes
    np.testing.assert_array_equal(method.predict(query), fitted(train).predict(query))
    with pytest.raises(CannotFit, match="no training slide has two"):
        fitted([training_slide("C", n=1)])


# Statement 6: seeds.


def test_the_same_seed_gives_identical_predictions_and_so_does_predicting_twice():
    query = query_of(training_slide("Q"))
    first, again, other = (fitted(seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.predict(query), again.predict(query))
    np.testing.assert_array_equal(first.predict(query), first.predict(query))
    assert not np.array_equal(first.predict(query), other.predict(query))


def test_queries_do_not_change_the_fit():
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    method = THItoGene(**SMALL)
    report, predictions = fit_with_queries(method, train, [query])
    assert list(predictions) == [1, 2] and report.epochs == len(report.losses) == 2
    np.testing.assert_array_equal(predictions[2][0], method.predict(query))
    np.testing.assert_array_equal(method.predict(query), fitted(train).predict(query))


# Statement 7: training.


class Watched(THItoGene):
    """Keeps the loss of every step."""

    def _loss(self, inputs, truth):
        loss = super()._loss(inputs, truth)
        self.losses = [*getattr(self, "losses", []), loss.item()]
        return loss


def test_a_step_is_adam_s_on_the_mean_squared_error_over_spots_and_genes():
    """Adam's first step is rate x gradient / (|gradient| + 1e-8)."""
    slide, settings = training_slide("A"), {**SMALL, "dropout": 0.0, "learning_rate": 3e-4}
    before, stepped = fitted([slide], **{**settings, "epochs": 0}), Watched(**{**settings, "epochs": 1})
    stepped.fit([slide])
    network, after = before._network.train(), stepped._network.state_dict()
    images = torch.tensor(slide.patches[EDGE]).permute(0, 3, 1, 2).float()
    places = torch.tensor(slide.array_row_column[:, ::-1].copy())
    expression = network(images, places, torch.tensor(neighbour_lists(slide, 4, False)))
    loss = ((expression - torch.tensor(slide.expression)) ** 2).sum() / (slide.n_spots * GENES)
    loss.backward()
    assert stepped.losses == [pytest.approx(loss.item(), rel=1e-5)]
    for name, start in network.named_parameters():
        if name.startswith("patch.capsules.features") and name.endswith("0.bias"):
            continue  # batch norm takes it out again: its gradient is rounding
        step = 3e-4 * start.grad / (start.grad.abs() + 1e-8)
        clear = (start.grad.abs() > 1e-4) | (start.grad == 0)  # elsewhere rounding may turn its sign
        torch.testing.assert_close(after[name][clear], (start - step)[clear], rtol=0, atol=1e-6, msg=name)


def test_dropout_acts_on_tokens_blocks_and_the_input_and_weights_of_graph_attention():
    torch.manual_seed(0)
    sizes = {name: SMALL[name] for name in _NETWORK_SIZES}
    network, slide = Network(GENES, 64, **sizes, dropout=0.3).train(), training_slide("A", n=60)
    acted = []
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.register_forward_hook(lambda _, given, kept: acted.append((given[0], kept)))
    places, neighbours = torch.tensor(slide.array_row_column), torch.tensor(neighbour_lists(slide, 4, False))
    network.expression(torch.randn(60, 24), places, neighbours)
    block = [(60, 40), (60, 16), (60, 40)]  # attention, feed-forward's hidden layer, its output
    graph = [(60, 40), (60, 4, 2), (60, 16), (60, 4, 1)]  # input and weights of either layer
    assert [tuple(given.shape) for given, _ in acted] == [(60, 40), *block, *graph]
    for given, kept in acted:
        assert (kept == 0).float().mean().item() == pytest.approx(0.3, abs=0.08)
        torch.testing.assert_close(kept[kept != 0], given[kept != 0] / 0.7)


@pytest.mark.acceptance
def test_the_loss_falls_to_the_variance_of_the_genes_on_sixty_real_spots(shared_data, shared_cache):
    """Thirty steps at 1e-4 with the target of the published model, log10(1 + 1e4 share of the panel)."""
    design = Design(dataset="her2", genes=f"file:{shared_data / 'panels' / 'her_hvg_cut_1000.txt'}")
    sources = [source for source in Her2().slides(shared_data) if source.id in ("C2", "C3")]
    fold = Materials(design, sources, {"C2": "C2", "C3": "C3"}).fold(Fold("C3", ("C2",), ("C3",)))
    slide = fold.training_slide("C2", CARD, fold.scaling(("C2",), CARD))
    shares = slide.panel_counts / slide.panel_counts.sum(axis=1, keepdims=True)
    first = replace(
        slide,
        pixel_xy=slide.pixel_xy[:60],
        array_row_column=slide.array_row_column[:60],
        expression=np.log10(1 + 1e4 * shares[:60]),
        patches={112: slide.patches[112][:60]},
    )
    method = Watched(learning_rate=1e-4, epochs=30)
    method.fit([first])
    assert len(method.losses) == 30
    assert method.losses[-1] < 0.35 * method.losses[0]
    assert method.losses[-1] == pytest.approx(first.expression.var(axis=0).mean(), rel=0.3)


def test_the_loss_falls_on_small_slides():
    method = Watched(**{**SMALL, "epochs": 40, "learning_rate": 5e-3})
    method.fit([training_slide(name) for name in "AB"])
    assert len(method.losses) == 80
    assert np.mean(method.losses[-8:]) < 0.3 * np.mean(method.losses[:2])


# Statement 8: the image path is connected.


def test_a_patch_changes_the_predictions_of_its_slide():
    method, slide = fitted(), training_slide("Q")
    patches = slide.patches[EDGE].copy()
    patches[3] = 255 - patches[3]
    changed = method.predict(query_of(replace(slide, patches={EDGE: patches})))
    assert not np.array_equal(changed, method.predict(query_of(slide)))


def test_gradients_reach_the_routing_and_every_other_weight():
    method, slide = fitted(epochs=0), training_slide("A")
    inputs = method._inputs(slide, 64, torch.device("cpu"))
    method._network.train()
    method._loss(inputs, torch.tensor(slide.expression).float()).backward()
    for name, parameter in method._network.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


# Blocks against plain loops.


def test_the_dynamic_convolution_equals_a_convolution_per_patch():
    """Each patch by itself: gated channels, then its own kernel, then gated filters."""
    torch.manual_seed(0)
    block = DynamicConvolution().eval()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    images = random_images(5, edge=16) / 255
    found = block(images)
    assert found.shape == (5, 16, 4, 4)
    for image, maps in zip(images, found, strict=True):
        squeezed = F.relu(block.norm(block.squeeze(image.mean((1, 2))[None])))[0]
        mix = block.mix(squeezed).softmax(0)
        kernel = sum(mix[k] * block.candidates[k] for k in range(4))
        kernel = kernel * block.position_gate(squeezed).sigmoid().view(4, 4)
        gated = image * block.channel_gate(squeezed).sigmoid().view(3, 1, 1)
        expected = F.conv2d(gated[None], kernel, stride=4)[0]
        expected = expected * block.filter_gate(squeezed).sigmoid().view(16, 1, 1)
        torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-5)


def test_the_gates_are_normalised_over_the_spots_of_the_slide():
    torch.manual_seed(0)
    block, colours = DynamicConvolution().train(), torch.rand(7, 3)
    squeezed = colours @ block.squeeze.weight.T
    centred = (squeezed - squeezed.mean(0)) / (squeezed.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(block.norm(block.squeeze(colours)), centred, rtol=1e-4, atol=1e-5)


def test_routing_equals_a_loop_over_capsules():
    torch.manual_seed(0)
    routing, primary = Routing(3, 5).requires_grad_(False), torch.randn(2, 16, 8)
    torch.nn.init.normal_(routing.weight)
    torch.nn.init.normal_(routing.bias)
    found = routing(primary)
    for n in range(2):
        views = [[routing.weight[k, j].T @ primary[n, j] for j in range(16)] for k in range(3)]
        scores = torch.tensor([[v @ sum(row) / 5**0.5 for v in row] for row in views])
        coupling = scores.softmax(0) + routing.bias
        for k in range(3):
            expected = sum(coupling[k, j] * views[k][j] for j in range(16))
            length = expected.norm()
            expected = (1 - torch.exp(-length)) * expected / length
            torch.testing.assert_close(found[n, k], expected, rtol=1e-4, atol=1e-5)


def test_primary_capsules_are_a_depthwise_convolution_of_the_whole_map():
    torch.manual_seed(0)
    capsules, maps = CapsuleNetwork(28, 20, 64).eval(), torch.rand(2, 16, 28, 28)
    features = maps
    for layer, stride in zip(capsules.features, (1, 1, 1, 2), strict=True):
        features = layer[0].bias[:, None, None] + F.conv2d(features, layer[0].weight, stride=stride)
        features = F.relu(features / (1 + 1e-5) ** 0.5)  # batch norm before any training
    primary = (features * capsules.primary.weight[:, 0]).sum((2, 3)) + capsules.primary.bias
    expected = capsules.routing(squash(primary.view(2, 16, 8)))
    torch.testing.assert_close(capsules(maps), expected, rtol=1e-3, atol=1e-6)


def test_the_whole_network_equals_its_formulas():
    """A patch at a time through the convolution, all 112 px of it; attention written out with its scores."""
    torch.manual_seed(0)
    sizes = {**{name: SMALL[name] for name in _NETWORK_SIZES}, "patch_pixels": 112, "layers": 2}
    network, slide, images = Network(GENES, 64, **sizes).eval(), training_slide("A", n=11), random_images(11)
    liven(network)
    places = torch.tensor(slide.array_row_column[:, ::-1].copy())
    neighbours = torch.tensor(neighbour_lists(slide, 4, False))
    adjacency = torch.zeros(11, 11, dtype=torch.bool).scatter(1, neighbours, True)
    with torch.no_grad():
        capsules = plain_capsules(network.patch, images)
        column, row = network.position.column.weight[places[:, 0]], network.position.row.weight[places[:, 1]]
        tokens = torch.cat([capsules.flatten(1), column, row], dim=1)
        for block in network.blocks:
            tokens = plain_block(block, tokens)
        for layer, heads in ((network.first, 2), (network.second, 1)):
            values = layer.values(tokens).unflatten(1, (heads, -1))
            weights = dense_weights(layer, values, adjacency, axis=1)
            tokens = torch.cat([F.elu(weights[:, :, h] @ values[:, h]) for h in range(heads)], dim=1)
        widen, _, norm, genes = network.head
        normalised = F.layer_norm(widen(tokens).clamp_min(0), (8,), norm.weight, norm.bias)
        torch.testing.assert_close(
            network(images, places, neighbours), genes(normalised), rtol=1e-3, atol=1e-4
        )
        without = network(images.flip(0), places, neighbours)
    assert (without - genes(normalised)).abs().max() > 0.01, "the patches matter here"


def liven(network: Network) -> None:
    """Norms as after training, and routing weights large enough for capsules to count."""
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.LayerNorm)):
            torch.nn.init.normal_(module.weight, 1, 0.2)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    torch.nn.init.normal_(network.patch.capsules.routing.weight)
    torch.nn.init.normal_(network.patch.capsules.routing.bias, std=0.3)


def plain_capsules(patch_network, images: torch.Tensor) -> torch.Tensor:
    """(n, capsules, width) by the published formulas, n times as many small convolutions as needed."""
    convolution, capsules = patch_network.convolution, patch_network.capsules
    maps = []
    for image, mean in zip(images, images.mean((2, 3)), strict=True):
        squeezed = F.relu(convolution.norm(convolution.squeeze(mean[None])))[0]
        kernel = torch.einsum("k,kocyx->ocyx", convolution.mix(squeezed).softmax(0), convolution.candidates)
        kernel = kernel * convolution.position_gate(squeezed).sigmoid().view(4, 4)
        gated = image * convolution.channel_gate(squeezed).sigmoid()[:, None, None]
        filters = convolution.filter_gate(squeezed).sigmoid()[:, None, None]
        maps.append(F.conv2d(gated[None], kernel, stride=4)[0] * filters)
    features = F.relu(torch.stack(maps))
    for (layer, norm, _), stride in zip(capsules.features, (1, 1, 1, 2), strict=True):
        features = F.relu(norm(F.conv2d(features, layer.weight, layer.bias, stride)))
    primary = (features * capsules.primary.weight[:, 0]).sum((2, 3)) + capsules.primary.bias
    views = torch.einsum("kjio,nji->nkjo", capsules.routing.weight, plain_squash(primary.view(-1, 16, 8)))
    scores = (views * views.sum(2, keepdim=True)).sum(3) / views.shape[3] ** 0.5
    coupling = scores.softmax(1) + capsules.routing.bias
    return plain_squash((coupling[..., None] * views).sum(2))


def plain_squash(vectors: torch.Tensor) -> torch.Tensor:
    length = vectors.norm(dim=-1, keepdim=True)
    return (1 - torch.exp(-length)) * vectors / length


def plain_block(block, tokens: torch.Tensor) -> torch.Tensor:
    """A pre-norm transformer block of two heads of eight."""
    query, key, value = block.attention.to_qkv(block.attention_norm(tokens)).chunk(3, dim=1)
    heads = []
    for part in (slice(0, 8), slice(8, 16)):
        heads.append((query[:, part] @ key[:, part].T / 8**0.5).softmax(1) @ value[:, part])
    tokens = tokens + block.attention.to_output(torch.cat(heads, dim=1))
    hidden = F.gelu(block.feed_forward[0](block.feed_forward_norm(tokens)))
    return tokens + block.feed_forward[3](hidden)


def test_tokens_are_capsules_then_column_then_row():
    network, slide = fitted()._network.eval(), training_slide("Q")
    tokens = []
    network.dropout.register_forward_hook(lambda module, given, _: tokens.append(given[0]))
    places = torch.tensor(slide.array_row_column[:, ::-1].copy())
    neighbours = torch.tensor(neighbour_lists(slide, 4, False))
    with torch.no_grad():
        network.expression(torch.zeros(12, 24), places, neighbours)
    assert tokens[0].shape == (12, 40) and not tokens[0][:, :24].any()
    assert torch.equal(tokens[0][:, 24:32], network.position.column.weight[places[:, 0]])
    assert torch.equal(tokens[0][:, 32:], network.position.row.weight[places[:, 1]])


def test_predicting_in_pieces_equals_predicting_at_once():
    """300 spots go through the convolutions in two pieces."""
    method, slide = fitted(), training_slide("Q", n=300)
    inputs = method._inputs(query_of(slide), 64, torch.device("cpu"))
    with torch.no_grad():
        images = inputs.patches.permute(0, 3, 1, 2).float()
        whole = method._network.eval()(images, inputs.columns_rows, inputs.neighbours)
    np.testing.assert_allclose(method.predict(query_of(slide)), whole.numpy(), rtol=1e-4, atol=1e-5)


# Positions, settings, notes and errors.


def test_places_beyond_the_tables_take_the_nearest_entry_with_a_warning():
    slide = training_slide("Q")
    method = fitted(n_pos=4)  # columns reach 5
    with pytest.warns(MethodWarning, match=r"4 spots of slide Q .*0 to 3.*nearest entry"):
        prediction = method.predict(query_of(slide))
    assert np.isfinite(prediction).all()
    inputs = method._inputs(slide, 4, torch.device("cpu"))
    assert inputs.columns_rows.max() == 3
    torch.testing.assert_close(inputs.neighbours, torch.tensor(neighbour_lists(slide, 4, False)))
    notes = THItoGene(**SMALL, n_pos=4).fit([training_slide("A")]).notes
    assert any("4 spots of slide A" in note for note in notes)


def test_queries_beyond_the_tables_are_noted_too():
    within, slide = query_of(training_slide("V")), training_slide("Q")
    beyond = query_of(replace(slide, array_row_column=slide.array_row_column + np.array([0, 3])))
    method = THItoGene(**SMALL, n_pos=6)  # columns reach 5, those of Q 8
    with warnings.catch_warnings():
        warnings.simplefilter("error", MethodWarning)  # the notes say it once, not every epoch
        report, _ = fit_with_queries(method, [training_slide("A")], [within, beyond])
        method.predict(within)
    (said,) = report.notes
    assert said == "6 spots of slide Q lie beyond the position tables (0 to 5) and take the nearest entry"


def test_the_card_s_settings_are_settings_and_paper_is_the_default():
    assert set(CARD.presets) == {"paper", "released"} and CARD.presets["paper"] == {}
    for settings in (*CARD.presets.values(), *CARD.grid, CARD.full_grid):
        THItoGene.check_settings(settings)
    assert CARD.needs.patches == (112,) and CARD.trains_on == "log"


def test_the_report_tells_how_many_steps_were_taken():
    report = THItoGene(**SMALL).fit([training_slide(name) for name in "AB"])
    assert (report.steps, report.epochs, report.pretrained, report.notes) == (4, 2, "", ())
    for preset in ("paper", "released"):
        epochs = {**THItoGene.defaults(), **CARD.presets[preset]}["epochs"]
        assert CARD.steps_published(preset) == 31 * epochs == 9_300


def test_a_fitted_method_pickles():
    method, query = fitted(), query_of(training_slide("Q"))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(method)).predict(query), method.predict(query))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"attention_over": "receiver"}, UnknownName, "Did you mean receivers"),
        ({"neighbours": 0}, UsageError, "neighbours is 0"),
        ({"graph_width": 1}, UsageError, "graph_width is 1"),
        ({"n_pos": 0}, UsageError, "n_pos is 0"),
        ({"dropout": 1.0}, UsageError, "dropout is 1"),
        ({"patch_pixels": 40}, UsageError, "multiple of 4 from 44 on"),
        ({"position_std": 0.0}, UsageError, "must be positive"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, error, message):
    with pytest.raises(error, match=message):
        fitted(**settings)


def test_what_cannot_be_predicted_is_said():
    with pytest.raises(MethodError, match="before it was fitted"):
        THItoGene().predict(query_of(training_slide("Q")))
    with pytest.raises(MethodError, match="no patches of 48 px"):
        fitted([replace(training_slide("A"), patches={})])

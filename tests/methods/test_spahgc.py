"""SpaHGC: its sheet's acceptance statements, and its blocks against plain loops."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from handed_over import fit_with_queries
from scipy.stats import pearsonr

import stbench.methods.spahgc.method as spahgc_method
from stbench.contract import FitContext
from stbench.errors import CannotFit, MethodError, UnknownName, UsageError
from stbench.methods.spahgc import plugin as SpaHGC
from stbench.methods.spahgc.attention import (
    CrossNodeAttentionPooling,
    CrossNodeDualAttention,
    DualForm,
    PoolingForm,
)
from stbench.methods.spahgc.graph import GraphRecipe, build_graph
from stbench.methods.spahgc.loss import contrast, contrastive_loss
from stbench.methods.spahgc.masks import Dropout
from stbench.methods.spahgc.network import Edges, Features, Layer, Nodes
from stbench.methods.spahgc.views import two_views
from stbench.nn.correlation_loss import correlation_loss
from stbench.nn.training_bank import bank_slides, training_bank
from stbench.registry import method_card
from stbench.slide import QuerySlide, TrainingSlide

CARD = method_card("spahgc")
SMALL = {"hidden": 16, "layers": 2, "heads": 2, "epochs": 2, "learning_rate": 1e-2}
RECIPE = GraphRecipe(5, None, 7, 7, "cosine", "cosine", "retrieved")
MIXING = np.random.default_rng(99).standard_normal((10, 4)).astype(np.float32)


def training_slide(name: str, n: int = 20, group: str = "", d: int = 10, genes: int = 4) -> TrainingSlide:
    """A slide on an array six spots wide whose expression follows from its embeddings."""
    random = np.random.default_rng(sum(map(ord, name)))
    array = np.stack(np.divmod(np.arange(n), 6), axis=1)
    embeddings = random.standard_normal((n, d), dtype=np.float32)
    expression = random.random((n, genes), dtype=np.float32)
    if (d, genes) == MIXING.shape:
        expression = 1 / (1 + np.exp(-embeddings @ MIXING))
    return TrainingSlide(
        id=name,
        group=group or name,
        platform="ST",
        pixel_xy=100.0 * array[:, ::-1],
        array_row_column=array,
        expression=expression,
        panel_counts=np.ones((n, genes), dtype=np.int64),
        totals=np.full(n, 1000),
        size_factors=np.ones(n),
        embeddings=embeddings,
    )


def query_of(slide: TrainingSlide, order=slice(None)) -> QuerySlide:
    assert slide.embeddings is not None
    return QuerySlide(
        id="query",
        platform=slide.platform,
        pixel_xy=slide.pixel_xy[order],
        array_row_column=slide.array_row_column[order],
        embeddings=slide.embeddings[order],
    )


def fitted(train=None, seed=0, **settings) -> SpaHGC:
    method = SpaHGC(**{**SMALL, **settings})
    method.fit(train or [training_slide(name) for name in "ABC"], context=FitContext(seed=seed))
    return method


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# Statement 1: parameters.


@pytest.mark.parametrize(
    ("d", "genes", "trainable"),
    [(1024, 785, 5_403_665), (1024, 171, 4_931_499), (1280, 785, 5_534_737), (1280, 171, 5_062_571)],
)
@pytest.mark.parametrize(("preset", "extra"), [("released", -2048), ("paper", -2048 + (2 - 9) * 65_792)])
def test_parameter_counts_of_the_presets(d, genes, trainable, preset, extra):
    method = SpaHGC(**CARD.presets[preset]).clone(epochs=0)
    method.fit([training_slide(name, n=3, d=d, genes=genes) for name in "AB"])
    assert method.parameter_count() == (trainable + extra, trainable + extra)


def test_parameters_of_each_submodule():
    method = SpaHGC(**CARD.presets["released"]).clone(epochs=0)
    method.fit([training_slide(name, n=3, d=1024, genes=785) for name in "AB"])
    stem, layers = method._network.encoder.stem, method._network.encoder.layers
    assert [count(part) for part in (stem.target, stem.reference, stem.shared, stem.expression)] == [
        262_144,
        463_104,
        66_048,
        200_960,
    ]
    assert len(layers) == 4
    for layer in layers:
        assert [count(layer.spatial), count(layer.reference), count(layer.cross)] == [
            131_328,
            131_328,
            723_968 - 512,
        ]
    head = method._network.head
    assert count(head.pooling) == 263_168 and count(head.genes) == 201_745


def test_parameters_of_both_presets_as_the_sheet_states_them():
    sizes = {"d": 1280, "genes": 785, "n": 3}
    for preset, trainable in (("paper", 5_072_145), ("released", 5_532_689)):
        method = SpaHGC(**CARD.presets[preset]).clone(epochs=0)
        method.fit([training_slide(name, **sizes) for name in "AB"])
        assert method.parameter_count().trainable == trainable


# Statement 2: every edge type matters, and every ablation switch removes what it names.


def small_graph():
    train = [training_slide(name) for name in "ABC"]
    return build_graph(train[0], training_bank(train[1:]), RECIPE)


def altered(graph, what):
    """The graph's features and edges with one thing changed."""
    features, edges = graph.features, graph.edges
    if what == "TS":
        nothing = torch.zeros(edges.spatial.shape).to_sparse_csr()
        return features, edges._replace(spatial=nothing)
    if what == "RS":
        nothing = torch.zeros(edges.reference.shape).to_sparse_csr()
        return features, edges._replace(reference=nothing)
    if what == "CS":
        return features, edges._replace(cross=edges.cross.flip(0))
    return features._replace(reference=features.reference.flip(0)), edges


def reacts(settings, what) -> bool:
    """Whether predictions of an untrained network change with `what`."""
    network, graph = fitted(**{**settings, "epochs": 0})._network.eval(), small_graph()
    with torch.no_grad():
        return not torch.allclose(
            network(graph.features, graph.edges), network(*altered(graph, what)), atol=1e-7
        )


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("what", ["TS", "CS", "RS", "references"])
def test_predictions_change_with_every_edge_type(preset, what):
    assert reacts(CARD.presets[preset], what)


@pytest.mark.parametrize(
    ("settings", "silent", "heard"),
    [
        ({"edges": "CS+RS"}, ["TS"], ["CS", "RS", "references"]),
        ({"edges": "TS+CS"}, ["RS"], ["TS", "CS", "references"]),
        ({"edges": "TS+RS"}, ["CS", "RS", "references"], ["TS"]),
        ({"edges": ""}, ["TS", "CS", "RS", "references"], []),
        ({"cnda": False}, [], ["TS", "CS", "RS", "references"]),
        ({"cnap": False}, [], ["TS", "CS", "RS", "references"]),
        ({"cnda": False, "cnap": False}, ["CS", "RS", "references"], ["TS"]),
    ],
)
def test_an_ablation_removes_what_it_names_and_nothing_else(settings, silent, heard):
    assert not any(reacts(settings, what) for what in silent)
    assert all(reacts(settings, what) for what in heard)


@pytest.mark.parametrize("changes", [{"cnda": False}, {"cnap": False}, {"edges": "TS"}, {"mlp_head": False}])
def test_an_ablation_has_fewer_parameters_and_trains(changes):
    ablated = fitted(**changes)
    assert ablated.parameter_count().trainable < fitted(epochs=0).parameter_count().trainable
    assert np.isfinite(ablated.predict(query_of(training_slide("Q")))).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"mask": "none"},
        {"mask": "random"},
        {"second_view": "frozen"},
        {"target_mask": 0.1},
        {"target_contrast_weight": 0.0, "reference_contrast_weight": 0.0},
        {"correlation_weight": 0.5},
        {"reference_nodes": "all", "references": 2},
        {"cross_metric": "l1", "references": 2},
        {"reference_metric": "l2", "reference_neighbours": 2},
        {"leaky_logits": True},
        {"cnda_heads": 2},
        {"cnda_dropout": 0.5},
        {"cnda_output_map": True},
        {"cnap_target_map": True},
        {"predicting_view": 2},
        {"contrast_average": "apart"},
        {"mse_over_genes": "sum"},
    ],
)
def test_every_training_switch_changes_what_is_learned(changes):
    query = query_of(training_slide("Q"))
    base = {name: value for name, value in changes.items() if name in ("references", "reference_neighbours")}
    assert not np.array_equal(fitted(**changes).predict(query), fitted(**base).predict(query))


# Statement 3: references come from other groups of the training set only.


def test_references_never_come_from_the_target_s_group_while_another_exists():
    train = [training_slide(name, group=name[0]) for name in ("A1", "A2", "B1", "C1")]
    for target, allowed in zip(train, ["B1 C1", "B1 C1", "A1 A2 C1", "A1 A2 B1"], strict=True):
        assert [slide.id for slide in bank_slides(target, train)] == allowed.split()
    siblings = train[:2]
    assert [slide.id for slide in bank_slides(siblings[0], siblings)] == ["A2"]
    with pytest.raises(CannotFit, match="A1 is the only one"):
        bank_slides(train[0], train[:1])


@pytest.mark.parametrize("reference_nodes", ["retrieved", "all"])
def test_no_graph_of_a_fit_holds_a_node_of_its_own_group_or_from_outside(monkeypatch, reference_nodes):
    """Sections of one patient are exact copies here, so that a leak would be retrieved first."""
    built = []

    def spied(slide, bank, recipe, device):
        graph = build_graph(slide, bank, recipe, device)
        built.append((slide.id, set(graph.reference_slide.tolist())))
        return graph

    monkeypatch.setattr(spahgc_method, "build_graph", spied)
    train = [replace(training_slide(name[0]), id=name, group=name[0]) for name in ("A1", "A2", "B1", "B2")]
    outside = query_of(training_slide("A"))
    method = SpaHGC(**SMALL, reference_nodes=reference_nodes)
    method.fit(train, queries=[outside])
    others = {"A": {"B1", "B2"}, "B": {"A1", "A2"}}
    assert [name for name, _ in built] == ["A1", "A2", "B1", "B2", "query"], "each graph is built once"
    for name, sources in built[:4]:
        assert sources and sources <= others[name[0]]
    assert built[4][1] <= {"A1", "A2", "B1", "B2"}


def test_the_bank_of_a_query_is_the_whole_training_set():
    train = [training_slide(name, group="P") for name in "ABC"]
    for slide in train:
        graph = build_graph(query_of(slide), training_bank(train), RECIPE._replace(references=1))
        assert set(graph.reference_slide.tolist()) == {slide.id}


# Statement 4: the views.


def test_complementary_views_add_up_exactly_and_drop_at_their_rates():
    random = torch.Generator().manual_seed(0)
    features = Features(torch.randn(200, 333, generator=random), torch.randn(100, 777, generator=random))
    first, second = two_views(features, "complementary", 0.8, 0.9, random)
    for whole, kept, dropped, rate in zip(features, first, second, (0.8, 0.9), strict=True):
        assert torch.equal(kept + dropped, whole)
        assert not ((kept != 0) & (dropped != 0)).any()
        assert (kept == 0).float().mean().item() == pytest.approx(rate, abs=0.005)
    again, _ = two_views(features, "complementary", 0.8, 0.9, random)
    assert not torch.equal(again.target, first.target)


def test_random_views_have_masks_of_their_own_and_none_masks_nothing():
    random = torch.Generator().manual_seed(0)
    features = Features(torch.ones(300, 300), torch.ones(300, 300))
    first, second = two_views(features, "random", 0.5, 0.5, random)
    assert (first.target * second.target).mean().item() == pytest.approx(0.25, abs=0.01)
    assert two_views(features, "none", 0.5, 0.5, random) == (features, features)


@pytest.mark.parametrize(("rate", "share"), [(0.0, 1.0), (1.0, 0.0)])
def test_the_extreme_rates_keep_all_and_nothing(rate, share):
    features = Features(torch.ones(50, 501), torch.ones(3, 7))
    first, _ = two_views(features, "complementary", rate, rate, torch.Generator().manual_seed(1))
    assert first.target.mean() == share and first.reference.mean() == share


def test_dropout_drops_at_its_rate_keeps_the_mean_and_is_off_in_eval_mode():
    torch.manual_seed(0)
    dropout, values = Dropout(0.2), torch.ones(400, 256)
    dropped = dropout(values)
    assert set(dropped.unique().tolist()) == {0.0, 1.25}
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    assert not torch.equal(dropout(values), dropped)
    assert torch.equal(dropout.eval()(values), values)


# Statements 5 to 7: permutation, small slides and banks, seeds.


def test_permuting_the_spots_permutes_the_predictions():
    slide, order = training_slide("Q", n=30), np.random.default_rng(0).permutation(30)
    for preset in CARD.presets.values():
        method = fitted(**preset)
        straight = method.predict(query_of(slide))
        np.testing.assert_allclose(method.predict(query_of(slide, order)), straight[order], atol=1e-5)


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_slides_with_fewer_spots_than_neighbours_and_banks_smaller_than_k(n, preset):
    train = [training_slide("A", n=n), training_slide("B", n=1)]
    method = fitted(train, **CARD.presets[preset])
    for spots in (1, n):
        prediction = method.predict(query_of(training_slide("Q", n=spots)))
        assert prediction.shape == (spots, 4) and prediction.dtype == np.float32
        assert np.isfinite(prediction).all()


def test_a_slide_without_spots_is_passed_over():
    train = [training_slide(name) for name in "AB"]
    query = query_of(training_slide("Q"))
    more = [*train, training_slide("C", n=0)]
    np.testing.assert_array_equal(fitted(more).predict(query), fitted(train).predict(query))


def test_the_same_seed_gives_identical_predictions():
    query = query_of(training_slide("Q"))
    first, again, other = (fitted(seed=seed).predict(query) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_queries_do_not_change_the_fit_and_are_handed_over_unmasked():
    train, query = [training_slide(name) for name in "ABC"], query_of(training_slide("Q"))
    method = SpaHGC(**SMALL)
    report, predictions = fit_with_queries(method, train, [query])
    assert list(predictions) == [1, 2] and report.epochs == len(report.losses) == 2
    np.testing.assert_array_equal(predictions[2][0], method.predict(query))
    np.testing.assert_array_equal(method.predict(query), fitted(train).predict(query))


def test_a_fitted_method_pickles_and_leaves_its_slides_alone():
    train = [training_slide(name) for name in "ABC"]
    before = copy.deepcopy(train)
    method, query = fitted(train), query_of(training_slide("Q"))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(method)).predict(query), method.predict(query))
    for slide, kept in zip(train, before, strict=True):
        np.testing.assert_array_equal(slide.embeddings, kept.embeddings)
        np.testing.assert_array_equal(slide.expression, kept.expression)


def test_it_learns_what_embeddings_tell():
    train, unseen = [training_slide(name, n=60) for name in "ABC"], training_slide("Q", n=60)
    method = fitted(train, hidden=32, epochs=40, learning_rate=3e-3, target_mask=0.1)
    prediction = method.predict(query_of(unseen))
    found = [pearsonr(prediction[:, g], unseen.expression[:, g]).statistic for g in range(4)]
    assert np.mean(found) > 0.6


def test_the_frozen_second_view_never_changes_and_is_not_part_of_the_model():
    seen = []

    class Spied(SpaHGC):
        def _loss(self, graph, truth, second, generator):
            seen.append((second is self._network.encoder, second.stem.target.weight.detach().clone()))
            return super()._loss(graph, truth, second, generator)

    for second_view in ("shared", "frozen"):
        Spied(**SMALL, second_view=second_view).fit([training_slide(name) for name in "AB"])
    shared, frozen = seen[:4], seen[4:]
    assert all(same for same, _ in shared) and not any(same for same, _ in frozen)
    assert torch.equal(frozen[0][1], frozen[-1][1]) and not torch.equal(shared[0][1], shared[-1][1])
    assert torch.equal(frozen[0][1], shared[0][1]), "the copy is of the first state"


# Graphs.


def neighbours_of(adjacency, node):
    return adjacency.to_dense()[node].nonzero().ravel().tolist()


def test_spatial_links_are_the_nearest_spots():
    """Array 6 wide: spot 0 is a corner, spot 7 has eight spots around it."""
    train = [training_slide("A", n=18), training_slide("B")]
    nearest = build_graph(train[0], training_bank(train[1:]), RECIPE).edges.spatial
    assert neighbours_of(nearest, 7) == [0, 1, 6, 8, 13], "four at distance 1, then the first diagonal"
    assert neighbours_of(nearest, 0) == [1, 2, 6, 7, 12]


def test_with_a_radius_spatial_links_reach_cells_of_224_pixels_strictly_within_it():
    """Spots at 100 px: three cells of 224 px in a row hold columns 0-2, 3-4, 5 and rows 0-2."""
    train = [training_slide("A", n=18), training_slide("B")]
    recipe = RECIPE._replace(neighbours=17, target_radius=2**0.5)
    within = build_graph(train[0], training_bank(train[1:]), recipe).edges.spatial
    assert neighbours_of(within, 5) == [3, 4, 9, 10, 11, 15, 16, 17], "its own cell and the one beside it"
    assert len(neighbours_of(within, 4)) == 17, "both cells beside its own"


def test_references_among_themselves_are_as_many_as_references_unless_they_are_set():
    assert SpaHGC(references=3)._recipe().reference_neighbours == 3
    assert SpaHGC(references=3, reference_neighbours=5)._recipe().reference_neighbours == 5


@pytest.mark.parametrize("metric", ["cosine", "l1", "l2"])
def test_cross_and_reference_links_are_the_most_similar_nodes(metric):
    target, others = training_slide("A"), [training_slide(name) for name in "BC"]
    bank = training_bank(others)
    recipe = RECIPE._replace(
        references=3, reference_neighbours=2, cross_metric=metric, reference_metric=metric
    )
    graph = build_graph(target, bank, recipe)
    distance = {
        "cosine": lambda a, b: 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b),
        "l1": lambda a, b: np.abs(a - b).sum(),
        "l2": lambda a, b: np.linalg.norm(a - b),
    }[metric]
    for i, z in enumerate(target.embeddings):
        expected = np.argsort([distance(z, other) for other in bank.embeddings])[:3]
        found = graph.features.reference[graph.edges.cross[i]].numpy()
        np.testing.assert_array_equal(found[:, :10], bank.embeddings[expected])
        np.testing.assert_array_equal(found[:, 10:], bank.expression[expected])
    described = graph.features.reference.numpy()
    for i, node in enumerate(described):
        order = np.argsort([distance(node, other) if j != i else np.inf for j, other in enumerate(described)])
        assert neighbours_of(graph.edges.reference, i) == sorted(order[:2])
    assert len(described) == len(np.unique(graph.edges.cross)), "each retrieved spot is one node"


def test_links_as_pairs_and_as_sparse_rows_mean_the_same():
    """Accelerators take pairs; the layers must give the same numbers from both."""
    graph, network = small_graph(), fitted(epochs=0)._network.eval()

    def pairs(adjacency):
        heard, speaker = adjacency.to_dense().nonzero(as_tuple=True)
        return torch.stack([speaker, heard])

    edges = graph.edges._replace(spatial=pairs(graph.edges.spatial), reference=pairs(graph.edges.reference))
    with torch.no_grad():
        torch.testing.assert_close(network(graph.features, edges), network(graph.features, graph.edges))


# Blocks against plain loops.


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def softmax(x):
    raised = np.exp(x - x.max())
    return raised / raised.sum()


def split(projected, parts):
    return np.split(projected, parts, axis=1)


def linear(layer, x):
    return x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def attended(query, keys, values, heads, activation):
    """One node's weighted sum over its edges, head by head."""
    parts = []
    for q, k, v in zip(np.split(query, heads), split(keys, heads), split(values, heads), strict=True):
        parts.append(softmax(activation(k @ q / np.sqrt(len(q)))) @ v)
    return np.concatenate(parts)


def plain(x):
    return x


def attention_inputs():
    random = torch.Generator().manual_seed(0)
    target, reference, stream = (torch.randn(n, 8, generator=random) for n in (5, 6, 6))
    cross = torch.tensor([[0, 1, 2], [1, 2, 3], [2, 0, 4], [1, 4, 0], [2, 1, 0]])  # nobody retrieved node 5
    return target, reference, stream, cross


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("activation", [plain, leaky])
@pytest.mark.parametrize("output_map", [True, False])
def test_dual_attention_equals_a_loop_over_nodes(heads, activation, output_map):
    torch.manual_seed(0)
    target, reference, stream, cross = attention_inputs()
    block = CrossNodeDualAttention(8, DualForm(heads, activation is leaky, output_map, dropout=0.1)).eval()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    to_target, to_reference = (
        message.detach().numpy() for message in block(target, reference, stream, cross)
    )
    described = np.concatenate([reference.numpy(), block.norm(stream).detach().numpy()], axis=1)
    reference_query, reference_key, reference_value = split(linear(block.from_reference, described), 3)
    query, key, value = split(linear(block.from_target, target.numpy()), 3)
    last_target, last_reference = (
        [lambda x, layer=layer: linear(layer, x) for layer in (block.to_target, block.to_reference)]
        if output_map
        else (plain, plain)
    )
    for i, ends in enumerate(cross.numpy()):
        message = attended(query[i], reference_key[ends], reference_value[ends], heads, activation)
        np.testing.assert_allclose(to_target[i], last_target(message), rtol=1e-4, atol=1e-4)
    for r in range(6):
        ends = np.flatnonzero((cross.numpy() == r).any(1))
        message = np.zeros(8)
        if len(ends):
            message = attended(reference_query[r], key[ends], value[ends], heads, activation)
        np.testing.assert_allclose(to_reference[r], last_reference(message), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", [plain, leaky])
@pytest.mark.parametrize(("target_map", "output_projection"), [(True, False), (False, True)])
def test_pooling_adds_what_the_references_say(activation, target_map, output_projection):
    target, reference, _, cross = attention_inputs()
    form = PoolingForm(2, activation is leaky, target_map, output_projection)
    block = CrossNodeAttentionPooling(8, form)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    pooled = block(target, reference, cross).detach().numpy()
    mapped = linear(block.target, target.numpy()) if target_map else target.numpy()
    key, value = split(linear(block.reference, reference.numpy()), 2)
    for i, ends in enumerate(cross.numpy()):
        added = attended(linear(block.query, mapped[i]), key[ends], value[ends], 2, activation)
        added = linear(block.output, added) if output_projection else added
        np.testing.assert_allclose(pooled[i], mapped[i] + added, rtol=1e-4, atol=1e-4)


def test_a_layer_takes_the_mean_of_both_messages_without_residual():
    target, reference, stream, cross = attention_inputs()
    layer = Layer(8, frozenset({"TS", "CS", "RS"}), DualForm(2, False, False, 0.1)).eval()
    links = torch.tensor(
        [[0, 1, 1, 0, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0], [0] * 5, [1, 1, 1, 1, 0]]
    ).float()
    similar = torch.ones(6, 6).fill_diagonal_(0)
    edges = Edges(links.to_sparse_csr(), cross, similar.to_sparse_csr())
    with torch.no_grad():
        nodes = layer(Nodes(target, reference, stream), edges)
        messages = layer.cross(target, reference, stream, cross)
        for node, state, adjacency, sage, message in (
            (nodes.target, target, links, layer.spatial, messages[0]),
            (nodes.reference, reference, similar, layer.reference, messages[1]),
        ):
            mean = adjacency @ state / adjacency.sum(1, keepdim=True).clamp_min(1)
            heard = sage.lin_l(mean) + sage.lin_r(state)
            expected = leaky(((heard + message) / 2).numpy())
            np.testing.assert_allclose(node.numpy(), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(nodes.expression.numpy(), leaky(stream.numpy()), rtol=1e-6)


# Losses.


def test_the_correlation_loss_is_one_minus_the_mean_pearson_correlation():
    random = np.random.default_rng(0)
    prediction, truth = random.standard_normal((2, 30, 5))
    truth[:, 3], prediction[:, 4] = 0.7, 0.3
    expected = [pearsonr(prediction[:, g], truth[:, g]).statistic for g in range(3)] + [0, 0]
    tensors = torch.tensor(prediction).float().requires_grad_(), torch.tensor(truth).float()
    loss = correlation_loss(*tensors)
    assert loss.item() == pytest.approx(1 - np.mean(expected), abs=1e-5)
    loss.backward()
    assert torch.isfinite(tensors[0].grad).all()


def test_the_correlation_of_one_spot_counts_as_zero_and_has_a_finite_gradient():
    prediction = torch.ones(1, 3, requires_grad=True)
    loss = correlation_loss(prediction, torch.rand(1, 3))
    loss.backward()
    assert loss.item() == 1 and torch.equal(prediction.grad, torch.zeros(1, 3))


def test_the_contrastive_loss_is_zero_for_equal_directions_and_four_for_opposite_ones():
    nodes = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    assert contrastive_loss(nodes, 3 * nodes).item() == pytest.approx(0, abs=1e-6)
    assert contrastive_loss(nodes, -nodes).item() == pytest.approx(4, abs=1e-6)


def test_contrast_together_is_the_mean_over_all_nodes_and_apart_the_sum_of_both_means():
    random = torch.Generator().manual_seed(0)
    first, second = (Nodes(*(torch.randn(n, 4, generator=random) for n in (2, 6, 6))) for _ in range(2))

    def of(a, b):
        return [2 - 2 * float(x @ y / x.norm() / y.norm()) for x, y in zip(a, b, strict=True)]

    targets, references = of(first.target, second.target), of(first.reference, second.reference)
    together = contrast(first, second, 1.0, 1.0, "together").item()
    assert together == pytest.approx(np.mean(targets + references), abs=1e-5)
    apart = contrast(first, second, 0.2, 0.1, "apart").item()
    assert apart == pytest.approx(0.2 * np.mean(targets) + 0.1 * np.mean(references), abs=1e-5)


# Settings and errors.


def test_the_card_s_settings_are_settings_and_paper_is_the_default():
    assert set(CARD.presets) == {"paper", "released"} and CARD.presets["paper"] == {}
    for settings in (*CARD.presets.values(), *CARD.grid, CARD.full_grid):
        SpaHGC.check_settings(settings)
    assert SpaHGC(**CARD.presets["released"]).settings() != SpaHGC().settings()
    assert SpaHGC(neighbours=3).clone(heads=2).settings() == SpaHGC(neighbours=3, heads=2).settings()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"cross_metric": "cosin"}, UnknownName, "Did you mean cosine"),
        ({"edges": "TS+XS"}, UnknownName, "edge type named 'XS'"),
        ({"references": 0}, UsageError, "references is 0"),
        ({"target_mask": 1.5}, UsageError, "between 0 and 1"),
        ({"hidden": 10}, UsageError, "multiple of . heads"),
        ({"cnda_heads": 3}, UsageError, "multiple of 3 cnda_heads"),
        ({"predicting_view": 3}, UsageError, "must be 1 or 2"),
        ({"mse_over_genes": "panel"}, UnknownName, "mse_over_genes"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, error, message):
    with pytest.raises(error, match=message):
        SpaHGC(**settings)


def test_predict_before_fit_and_slides_without_embeddings_are_errors():
    with pytest.raises(MethodError, match="before it was fitted"):
        SpaHGC().predict(query_of(training_slide("Q")))
    bare = [replace(training_slide(name), embeddings=None) for name in "AB"]
    with pytest.raises(MethodError, match=r"(A|B) has no embeddings"):
        SpaHGC(**SMALL).fit(bare)
    with pytest.raises(CannotFit):
        SpaHGC(**SMALL).fit([training_slide("A")])

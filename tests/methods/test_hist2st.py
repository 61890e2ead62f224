"""Hist2ST: what its publication and released code state, and its fast forms against plain loops."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from handed_over import fit_with_queries
from native_sections import native_sections

import stbench.methods.hist2st.method as hist2st_method
from stbench.contract import FitContext
from stbench.errors import CannotFit, MethodError, UsageError
from stbench.methods.hist2st import plugin as Hist2ST
from stbench.methods.hist2st.network import ConvMixerBlock, GraphLayer, Network, PatchEncoder
from stbench.methods.hist2st.places import places_of
from stbench.nn.count_losses import CountDistribution, negative_binomial, zero_inflated_negative_binomial
from stbench.nn.distilled_heads import SpotHeads, TrainingTargets
from stbench.nn.distilled_slides import DistilledSlide, distilled_slide, sizes_asked
from stbench.registry import method_card
from stbench.slide import QuerySlide, TrainingSlide

CARD = method_card("hist2st")
# Patches of 14 pixels: maps of 2 x 2 with 8 / 8 channels, d = 4.
SMALL = {
    "channels": 8,
    "kernel": 3,
    "depth": 2,
    "heads": 2,
    "head_width": 4,
    "copies": 2,
    "epochs": 2,
    "learning_rate": 1e-3,
}


def training_slide(name: str, n: int = 12, edge: int = 14, genes: int = 3, isolated: bool = False):
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


def fitted(train=None, seed=0, **settings) -> Hist2ST:
    method = Hist2ST(**{**SMALL, **settings})
    method.fit(train or [training_slide(name) for name in "AB"], context=FitContext(seed=seed))
    return method


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def meta_network(genes: int, counts: bool = True, **settings):
    """The network for patches of 112 pixels, without memory for its weights."""
    method = Hist2ST(**settings)
    method._n_positions = 64
    with torch.device("meta"):
        truth = TrainingTargets(
            torch.empty(2, genes), torch.empty(2, genes) if counts else None, torch.empty(2)
        )
        slide = DistilledSlide("A", torch.empty(2, 112, 112, 3), truth, method.copies, recompute=False)
        return method._new_network(sizes_asked([slide], method.zinb_weight))


def small_network(**settings):
    """An untrained small network, the images of a slide and the places of its spots."""
    slide, method = training_slide("A"), fitted(epochs=0, **settings)
    images = torch.tensor(slide.patches[112]).permute(0, 3, 1, 2).float()
    return method._network, images, places_of(slide, 64, method.neighbours, method.radius)


# Statement 1: parameters.


@pytest.mark.parametrize("genes", [785, 171])
def test_parameters_with_and_without_the_heads_of_the_loss(genes):
    assert count(meta_network(genes)) == 72_571_333 + 4100 * genes
    bare = 71_520_708 + 1025 * genes
    assert count(meta_network(genes, copies=0, zinb_weight=0)) == bare
    assert count(meta_network(genes, counts=False, copies=0)) == bare, "no counts, no count heads"


def test_parameters_of_each_part():
    network = meta_network(785)
    patches, spots, heads = network.patches, network.spots, network.heads
    assert count(patches[0]) == 4_736 and count(patches[-2]) == 132
    assert sum(count(part) for part in patches if isinstance(part, ConvMixerBlock)) == 5_824
    assert count(spots.position.column) == count(spots.position.row) == 65_536
    assert count(spots.transformer) == 50_388_992 and count(spots.transformer[0]) == 6_298_624
    assert count(spots.graph) == 4_194_304 and count(spots.fusion) == 16_793_600
    assert [count(part) for part in heads.counts.children()] == [804_625] * 3
    assert count(heads.logit) == 1_050_625 and count(heads.expression) == 806_673


# Statement 2: shapes, whatever the number of spots.


def test_the_whole_network_predicts_one_three_and_five_spots():
    method = Hist2ST(epochs=0, copies=0, depth=1)
    method.fit([training_slide("A", edge=112)])
    for n in (1, 3, 5):
        prediction = method.predict(query_of(training_slide("Q", n=n, edge=112)))
        assert prediction.shape == (n, 3) and prediction.dtype == np.float32
        assert np.isfinite(prediction).all()


@pytest.mark.parametrize("n", [1, 3, 5])
def test_slides_with_fewer_spots_than_neighbours_train(n):
    method = fitted([training_slide("A", n=n)])
    for spots in (1, n):
        assert np.isfinite(method.predict(query_of(training_slide("Q", n=spots)))).all()


# Statement 3: spots come in any order.


def test_permuting_the_spots_permutes_the_predictions():
    slide, order, method = training_slide("Q", n=30), np.random.default_rng(0).permutation(30), fitted()
    straight = method.predict(query_of(slide))
    np.testing.assert_allclose(method.predict(query_of(slide, order)), straight[order], atol=1e-5)


# Statement 4: the graph layer hears neighbours and nothing else.


def lists_of(places) -> list[list[int]]:
    return [part.tolist() for part in places.neighbours.tensor_split(places.starts[1:])]


def test_a_graph_layer_passes_a_change_to_those_that_list_the_spot_and_scales_rows_to_length_one():
    places = places_of(training_slide("A"), 64, 4, 2.0)
    torch.manual_seed(0)
    layer, states = GraphLayer(6, concat_self=False), torch.randn(2, 12, 6)
    changed = states.clone()
    changed[1, 7] += 1
    before, after = (layer(x, places.neighbours, places.starts) for x in (states, changed))
    affected = (before != after).any(-1)
    assert not affected[0].any(), "passes do not mix"
    assert affected[1].tolist() == [7 in heard for heard in lists_of(places)]
    lengths = before.norm(dim=-1)
    assert ((lengths - 1).abs() < 1e-6).logical_or(lengths == 0).all()


@pytest.mark.parametrize("concat_self", [False, True])
def test_a_graph_layer_equals_a_loop_over_spots(concat_self):
    places = places_of(training_slide("A", isolated=True), 64, 4, 2.0)
    torch.manual_seed(0)
    layer, states = GraphLayer(6, concat_self), torch.randn(2, 12, 6)
    found = layer(states, places.neighbours, places.starts)
    for b in range(2):
        for i, heard in enumerate(lists_of(places)):
            mean = states[b, heard].mean(0)
            message = layer.linear(torch.cat([states[b, i], mean]) if concat_self else mean).relu()
            torch.testing.assert_close(found[b, i], message / message.norm().clamp_min(1e-12))


def test_neighbours_are_the_nearest_within_the_radius_in_array_units():
    slide = training_slide("A")  # spots 0 to 3 in the first row, 4 to 7 in the second
    assert lists_of(places_of(slide, 64, 4, 2.0))[5] == [1, 4, 6, 9]
    assert lists_of(places_of(slide, 64, 4, 1.0))[0] == [1, 4]
    assert lists_of(places_of(slide, 64, 4, 2.0))[0] == [1, 4, 5, 2], "(distance, row, column)"
    far = replace(slide, array_row_column=slide.array_row_column * [1, 9])
    assert lists_of(places_of(far, 64, 3, 1.0))[0] == [4]
    assert lists_of(places_of(far, 64, 3, None))[0] == [4, 8, 1]
    visium = np.array([[0, 0], [0, 2], [1, 1], [1, -1], [-1, 1], [-1, -1], [0, -2]]) + 2
    hexagon = replace(slide, platform="Visium", array_row_column=visium)
    assert lists_of(places_of(hexagon, 128, 4, 2.0))[0] == [5, 4, 3, 2], "the diagonals"


def test_the_outputs_of_four_graph_layers_in_a_row_reach_the_lstm_in_order():
    network, _, places = small_network(dropout=0.0)
    spots, features = network.spots.eval(), torch.randn(2, 12, 4)
    row, column = torch.tensor(training_slide("A").array_row_column).unbind(1)
    place = spots.position.column.weight[column] + spots.position.row.weight[row]
    states, depths = spots.transformer(features + place), []
    for layer in spots.graph:
        states = layer(states, places.neighbours, places.starts)
        depths.append(states)
    assert len(depths) == 4
    fused, _ = spots.fusion.lstm(torch.stack([depth.flatten(0, 1) for depth in depths]))
    torch.testing.assert_close(spots(features, places), fused.mean(0).view_as(features))


# Statement 5: isolated spots.


def test_an_isolated_spot_hears_itself_and_nothing_becomes_nan():
    slide = training_slide("A", isolated=True)
    assert lists_of(places_of(slide, 64, 4, 2.0))[11] == [11]
    assert np.isfinite(fitted([slide]).predict(query_of(slide))).all()


# Statement 6: the count likelihood.


def test_the_count_likelihood_follows_the_two_formulas():
    x, m, r, pi, e = 4.0, 2.5, 1.7, 0.3, 1e-10
    nb = (
        torch.lgamma(torch.tensor(r + e))
        + torch.lgamma(torch.tensor(x + 1))
        - torch.lgamma(torch.tensor(x + r + e))
        + (r + x) * np.log(1 + m / (r + e))
        + x * (np.log(r + e) - np.log(m + e))
    )
    zero = -np.log(pi + (1 - pi) * (r / (r + m + e)) ** r + e)
    size, tensor = torch.tensor([0.5]), partial(torch.full, (1, 1))
    parameters = CountDistribution(tensor(m / 0.5), tensor(r), tensor(pi))
    for counts, expected in ((x, float(nb) - np.log(1 - pi + e)), (0.0, zero)):
        found = zero_inflated_negative_binomial(tensor(counts), size, parameters)
        assert found.item() == pytest.approx(expected, rel=1e-5)
    none = zero_inflated_negative_binomial(tensor(x), size, parameters._replace(zero=tensor(0.0)))
    assert none.item() == pytest.approx(negative_binomial(tensor(x), tensor(m), tensor(r)).item())
    for mean in (1e-5, 1e6):
        clipped = parameters._replace(mean=tensor(mean))
        assert all(
            torch.isfinite(zero_inflated_negative_binomial(tensor(c), size, clipped)) for c in (0.0, x)
        )


# Statement 7: the ensemble of identical copies.


def test_the_ensemble_of_identical_copies_is_the_prediction_of_one():
    network, images, places = small_network(dropout=0.0)
    network.train()
    states = network.states([images] * 4, places)
    prediction, weights = network.heads(states), torch.randn(3, 12).softmax(0)
    torch.testing.assert_close((weights[:, :, None] * prediction[1:]).sum(0), prediction[0])
    truth = TrainingTargets(torch.zeros(12, 3), None, None)
    assert network.heads.loss_terms(states, truth).distillation.item() < 1e-12


# Statement 8: training.


class Watched(Hist2ST):
    """Remembers the terms of each step."""

    def _terms(self, slide, places, generator):
        terms = super()._terms(slide, places, generator)
        self.trained = [*getattr(self, "trained", []), slide.id]
        self.seen = [*getattr(self, "seen", []), tuple(term.item() for term in terms)]
        return terms


def test_the_same_seed_gives_the_same_losses_and_predictions():
    def run(seed):
        method = Watched(**SMALL)
        method.fit([training_slide(name) for name in "AB"], context=FitContext(seed=seed))
        return method.seen, method.predict(query_of(training_slide("Q")))

    (losses, prediction), (again, repeated), (other, _) = run(3), run(3), run(4)
    assert losses == again and losses != other
    assert all(term > 0 for terms in losses for term in terms)
    np.testing.assert_array_equal(prediction, repeated)


@pytest.mark.acceptance
def test_the_error_falls_step_by_step_on_two_real_sections(shared_data, shared_cache):
    """The whole network at learning rate 1e-5, all copies and terms on, four steps on each of two sections."""
    sections = native_sections(shared_data, CARD, ["B4", "C2"], spots=50)
    method = Watched(epochs=4)
    report = method.fit(sections, context=FitContext(seed=12000))
    assert report.steps == 8
    for section in sections:
        errors = [
            terms[0] for name, terms in zip(method.trained, method.seen, strict=True) if name == section.id
        ]
        assert len(errors) == 4 and errors == sorted(errors, reverse=True)
        assert errors[0] - errors[-1] > 0.05


# Fast forms against plain ones.


def test_passes_as_a_batch_equal_one_pass_after_the_other():
    network, images, places = small_network(dropout=0.0)
    passes = [images, images.flip(-1), images.flip(-2)]
    network.train()
    start = {name: value.clone() for name, value in network.state_dict().items()}
    together = network.states(passes, places)
    statistics = {name: value.clone() for name, value in network.named_buffers()}
    network.load_state_dict(start)
    apart = torch.cat([network.states([one], places) for one in passes])
    torch.testing.assert_close(together, apart)
    for name, value in network.named_buffers():
        torch.testing.assert_close(statistics[name], value)
    assert next(v for name, v in statistics.items() if "num_batches" in name) == 3, "one update for each pass"


def test_recomputing_activations_changes_neither_gradients_nor_statistics():
    network, images, places = small_network(dropout=0.2)
    network.train()
    start = {name: value.clone() for name, value in network.state_dict().items()}
    found = []
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
    slide, method = training_slide("Q", n=20), fitted()
    with torch.no_grad():
        images = torch.tensor(slide.patches[112]).permute(0, 3, 1, 2).float()
        whole = method._network.eval()(images, places_of(slide, 64, 4, 2.0))
    monkeypatch.setattr(hist2st_method, "_SPOTS_AT_A_TIME", 7)
    np.testing.assert_allclose(method.predict(query_of(slide)), whole.numpy(), atol=1e-5)


def test_the_blocks_are_composed_as_published():
    torch.manual_seed(0)
    encoder, images = PatchEncoder(7, 8, 3, 1, dropout=0.0).eval(), torch.rand(2, 3, 14, 14)
    first, second = encoder[2].within_channels[:3], encoder[2].within_channels[3:]
    norm = partial(F.batch_norm, running_mean=torch.zeros(8), running_var=torch.ones(8))
    x = encoder[0](images)
    y = F.gelu(norm(F.conv2d(x, first[0].weight, first[0].bias, padding=1, groups=8)))
    y = x + F.gelu(norm(F.conv2d(y, second[0].weight, second[0].bias, padding=1, groups=8)))
    y = norm(F.gelu(encoder[2].across_channels[0](y)))
    expected = encoder[3](y).reshape(2, -1)
    torch.testing.assert_close(encoder(images), expected)


@pytest.mark.parametrize(("unit_pixels", "brightest"), [(False, 255), (True, 1)])
def test_pixels_reach_the_network_from_0_to_255_or_to_1_in_training_and_prediction(unit_pixels, brightest):
    slide, seen = training_slide("A"), []

    class Spied(Hist2ST):
        def _new_network(self, sizes):
            network = super()._new_network(sizes)
            network.patches.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
            return network

    method = Spied(**{**SMALL, "copies": 0, "epochs": 1, "unit_pixels": unit_pixels})
    method.fit([slide])
    method.predict(query_of(slide))
    assert len(seen) == 2
    for images in seen:
        expected = torch.tensor(slide.patches[112]).permute(0, 3, 1, 2) * (brightest / 255)
        torch.testing.assert_close(images, expected)


# Harness: what happens to slides, settings and errors.


def test_slides_without_counts_train_without_the_count_likelihood():
    slides = [training_slide("A"), replace(training_slide("B"), panel_counts=np.zeros((12, 3), dtype=int))]
    report = Hist2ST(**SMALL).fit(slides)
    assert any("hence no count likelihood, on: B." in note for note in report.notes)
    without = Watched(**SMALL)
    without.fit([replace(slide, panel_counts=None) for slide in slides])
    assert all(counts == 0 for _, counts, _ in without.seen)
    assert isinstance(without._network.heads, SpotHeads) and without._network.heads.counts is None


def test_an_empty_spot_gives_a_finite_loss():
    slide = training_slide("A")
    counts = slide.panel_counts.copy()
    counts[:7] = 0  # more than half of them: the median total is 0
    method = Watched(**SMALL)
    method.fit([replace(slide, panel_counts=counts)])
    assert np.isfinite(method.seen).all()


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


def test_large_slides_recompute_and_take_fewer_copies(monkeypatch):
    asked, states = [], Network.states

    def watched(self, passes, places, recompute=False):
        asked.append(recompute)
        return states(self, passes, places, recompute)

    monkeypatch.setattr(Network, "states", watched)
    slides, method = [training_slide("A")], Hist2ST(**SMALL)
    query, kept = query_of(slides[0]), fitted(slides)
    monkeypatch.setattr(hist2st_method, "RECOMPUTED_ABOVE", 3 * 12 - 1)
    report = method.fit(slides)
    assert asked == [False, False, True, True]
    assert "Activations computed twice to save memory, on: A." in report.notes
    np.testing.assert_allclose(method.predict(query), kept.predict(query))
    monkeypatch.setattr(hist2st_method, "MOST_SPOTS", 24)
    assert "1 of 2 copies of A: 12 spots." in method.fit(slides).notes


@pytest.mark.parametrize(("n", "recompute", "copies"), [(1500, False, 5), (1501, True, 5), (3334, True, 4)])
def test_slides_above_1500_spots_recompute_and_above_3333_take_fewer_copies(n, recompute, copies):
    limits = hist2st_method.RECOMPUTED_ABOVE, hist2st_method.MOST_SPOTS
    slide = distilled_slide(training_slide("A", n=n, edge=1), 112, 5, *limits)
    assert (slide.recompute, slide.copies) == (recompute, copies)


def test_the_learning_rate_falls_every_so_many_epochs(monkeypatch):
    rates, adam = [], torch.optim.Adam.step

    def step(self, *arguments, **options):
        rates.append(self.param_groups[0]["lr"])
        return adam(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    fitted([training_slide("A")], epochs=5, decay_every=2, decay=0.5, learning_rate=0.1)
    assert rates == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])


def test_queries_do_not_change_the_fit():
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    method = Hist2ST(**SMALL)
    report, predictions = fit_with_queries(method, train, [query])
    assert list(predictions) == [1, 2] and report.epochs == len(report.losses) == 2
    np.testing.assert_array_equal(predictions[2][0], method.predict(query))
    np.testing.assert_array_equal(method.predict(query), fitted(train).predict(query))


def test_a_fitted_method_pickles_and_counts_its_parameters():
    method, query = fitted(), query_of(training_slide("Q"))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(method)).predict(query), method.predict(query))
    assert method.parameter_count() == (count(method._network),) * 2 and Hist2ST().parameter_count() == (0, 0)


def test_it_learns_what_patches_show():
    """Brightness is a wave over the slide whose place differs from slide to slide; expression follows it."""

    def slide(name):
        made = training_slide(name, n=40)
        level = 0.5 + 0.5 * np.sin(made.array_row_column[:, 0] / 1.5 + 2.5 * ord(name))
        patches = np.broadcast_to(200 * level[:, None, None, None], (40, 14, 14, 3)).astype(np.uint8)
        return replace(made, patches={112: patches}, expression=np.outer(level, [1, 2, 3]).astype(np.float32))

    query = slide("Q")
    train = [slide(name) for name in "ABCDE"]
    method = fitted(train, channels=32, epochs=20, learning_rate=3e-3, copies=1, zinb_weight=0)
    prediction = method.predict(query_of(query))
    assert np.corrcoef(prediction[:, 0], query.expression[:, 0])[0, 1] > 0.6


def test_the_cards_settings_are_settings_and_paper_is_the_default():
    assert set(CARD.presets) == {"paper", "released"} and CARD.presets["paper"] == {}
    for settings in (*CARD.presets.values(), *CARD.grid, CARD.full_grid):
        Hist2ST.check_settings(settings)


def test_the_report_counts_the_steps_and_the_card_those_of_the_publication():
    report = Hist2ST(**SMALL).fit([training_slide(name) for name in "AB"])
    assert (report.steps, report.epochs, report.notes) == (4, 2, ())
    for preset in ("paper", "released"):
        epochs = {**Hist2ST.defaults(), **CARD.presets[preset]}["epochs"]
        assert CARD.steps_published(preset) == epochs * 31 == 10_850


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"copies": -1}, "copies is -1"),
        ({"neighbours": 0}, "neighbours is 0"),
        ({"channels": 12}, "multiple of 8"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, message):
    with pytest.raises(UsageError, match=message):
        fitted(**settings)


def test_what_cannot_be_fitted_or_predicted_is_an_error():
    slide = training_slide("A")
    with pytest.raises(MethodError, match="before it was fitted"):
        Hist2ST().predict(query_of(slide))
    with pytest.raises(CannotFit, match="no training slide"):
        Hist2ST(**SMALL).fit([])
    with pytest.raises(MethodError, match="no patches of 112 px"):
        fitted([replace(slide, patches={})])
    far = replace(slide, array_row_column=slide.array_row_column + 62)
    with pytest.raises(MethodError, match="n_pos"):
        fitted([far])
    assert fitted([far], n_pos=80, epochs=0).predict(query_of(far)).shape == (12, 3)

"""HisToGene: the statements that its architecture and training must meet, and its network against plain formulas."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from handed_over import fit_with_queries
from scipy.stats import pearsonr

from stbench.contract import FitContext
from stbench.datasets.her2 import plugin as Her2
from stbench.errors import CannotFit, MethodError, UsageError
from stbench.evaluation.design import Design
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.methods.histogene import plugin as HisToGene
from stbench.methods.histogene.network import Network
from stbench.nn import training
from stbench.registry import method_card
from stbench.slide import QuerySlide, TrainingSlide

CARD = method_card("histogene")
EDGE, GENES = 8, 4
SMALL = {
    "layers": 2,
    "width": 32,
    "heads": 2,
    "head_width": 16,
    "hidden": 64,
    "patch_pixels": EDGE,
    "learning_rate": 1e-3,
    "epochs": 2,
}
MIXING = np.random.default_rng(99).standard_normal((3, GENES))


def training_slide(name: str, n: int = 20, platform: str = "ST") -> TrainingSlide:
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


def fitted(train=None, seed=0, **settings) -> HisToGene:
    method = HisToGene(**{**SMALL, **settings})
    method.fit(train or [training_slide(name) for name in "AB"], context=FitContext(seed=seed))
    return method


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def published_network() -> Network:
    """The full network, untrained, in eval mode."""
    torch.manual_seed(0)
    return Network(genes=5, positions=64).eval()


def random_inputs(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(1, n, 37632) raw pixels and (1, n, 2) positions of a slide."""
    random = torch.Generator().manual_seed(n)
    patches = torch.randint(256, (1, n, 37_632), generator=random, dtype=torch.uint8)
    return patches, torch.randint(64, (1, n, 2), generator=random)


# Statement 1: parameters.


@pytest.mark.parametrize(("layers", "without_genes"), [(8, 105_843_712), (4, 72_256_512)])
@pytest.mark.parametrize("genes", [785, 171])
def test_parameter_counts(layers, without_genes, genes):
    with torch.device("meta"):
        assert count(Network(genes, 64, layers=layers)) == without_genes + 1025 * genes
        assert count(Network(genes, 128, layers=layers)) == without_genes + 1025 * genes + 131_072


def test_parameters_of_each_submodule():
    with torch.device("meta"):
        network = Network(785, 64)
    assert count(network.patch) == 38_536_192
    assert [count(table) for table in (network.position.column, network.position.row)] == [65_536, 65_536]
    assert [count(block) for block in network.blocks] == [8_396_800] * 8
    assert (count(network.norm), count(network.genes)) == (2_048, 804_625)


def test_the_defaults_are_the_published_network():
    settings = HisToGene().settings()
    assert settings["n_pos"] is None and settings["pixel_scale"] == 1 and not settings["start_at_mean"]
    assert (settings["learning_rate"], settings["epochs"]) == (1e-5, 100)
    small = fitted([training_slide("A", platform=name) for name in ("ST", "Visium")], epochs=0)
    assert small.parameter_count() == (count(small._network),) * 2
    assert small._network.position.row.num_embeddings == 128


# Statement 2: any number of spots.


@pytest.mark.parametrize("n", [1, 2, 200])
def test_a_slide_of_any_size_gets_a_row_per_spot(published_network, n):
    with torch.no_grad():
        expression = published_network(*random_inputs(n))
    assert expression.shape == (1, n, 5) and torch.isfinite(expression).all()


@pytest.mark.parametrize("n", [1, 2, 20])
def test_slides_of_any_size_train_and_are_predicted(n):
    method = fitted([training_slide("A", n=n), training_slide("B", n=1), training_slide("C", n=0)])
    for spots in (1, n):
        prediction = method.predict(query_of(training_slide("Q", n=spots)))
        assert prediction.shape == (spots, GENES) and prediction.dtype == np.float32
        assert np.isfinite(prediction).all()


# Statement 3: the order of the spots.


def test_permuting_the_spots_permutes_the_predictions(published_network):
    patches, positions = random_inputs(30)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        straight = published_network(patches, positions)
        permuted = published_network(patches[:, order], positions[:, order])
    assert (permuted - straight[:, order]).abs().max() < 1e-5


# Statement 4: spots of a slide hear from each other, slides do not.


def test_a_patch_changes_the_predictions_of_its_slide_and_of_no_other(published_network):
    patches, positions = (torch.cat([values, values]) for values in random_inputs(6))  # two slides
    with torch.no_grad():
        before = published_network(patches, positions)
        patches[0, 2] = 255 - patches[0, 2]
        after = published_network(patches, positions)
    assert (before[0] != after[0]).any(dim=1).all(), "every spot hears it"
    assert torch.equal(before[1], after[1])


# Statement 5: positions are absolute, and must lie in the tables.


def test_shifting_a_slide_on_the_array_changes_its_predictions():
    method, slide = fitted(), training_slide("Q")
    shifted = replace(slide, array_row_column=slide.array_row_column + 5)
    assert not np.allclose(method.predict(query_of(slide)), method.predict(query_of(shifted)), atol=1e-6)


@pytest.mark.parametrize(
    ("row_column", "found", "remedy"),
    [((3, 64), "to 64", "n_pos to at least 65"), ((-1, 3), "from -1", "start at 0")],
)
def test_a_position_outside_the_tables_is_an_error_before_training(row_column, found, remedy):
    def progress(*_):
        raise AssertionError("training had started")

    slide = training_slide("B")
    outside = replace(slide, array_row_column=np.array([row_column] * slide.n_spots))
    with pytest.raises(MethodError, match=rf"Slide B .*{found}.*0 to 63"):
        HisToGene(**SMALL).fit([training_slide("A"), outside], context=FitContext(progress=progress))
    with pytest.raises(MethodError, match=r"Slide B .*0 to 63"):
        HisToGene(**SMALL).fit([slide], [query_of(outside)], (1,), FitContext(progress=progress))
    with pytest.raises(MethodError, match=rf"Slide B .*{remedy}"):
        fitted().predict(query_of(outside))


def test_a_visium_array_fits_the_default_tables_and_not_the_released_ones():
    slide = replace(
        training_slide("V", n=2, platform="Visium"), array_row_column=np.array([[77, 127], [0, 0]])
    )
    assert np.isfinite(fitted([slide]).predict(query_of(slide))).all()
    with pytest.raises(MethodError, match="set n_pos to at least 128"):
        fitted([slide], **CARD.presets["released"])


# Statement 6: seeds. That a test slide's counts change nothing is a claim of `stbench check`.


def test_the_same_seed_gives_identical_losses_and_predictions():
    query = query_of(training_slide("Q"))
    train, losses = [training_slide(name) for name in "AB"], []
    for seed in (3, 3, 4):
        losses.append(HisToGene(**SMALL).fit(train, context=FitContext(seed=seed)).losses)
    assert losses[0] == losses[1] != losses[2] and len(losses[0]) == 2
    np.testing.assert_array_equal(*(fitted(seed=3).predict(query) for _ in range(2)))


def test_the_seed_of_python_s_hashes_changes_nothing():
    code = (
        f"import sys; sys.path[:0] = {[str(folder) for folder in Path(__file__).parents[:2]]}; "
        "from test_histogene import *; "
        "print(fitted().predict(query_of(training_slide('Q'))).tobytes().hex())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    ]
    first, second = (process.communicate()[0] for process in started)
    assert len(first) > 20 * GENES * 8 and first == second


def test_queries_do_not_change_the_fit():
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    method = HisToGene(**SMALL)
    _, predictions = fit_with_queries(method, train, [query])
    np.testing.assert_array_equal(predictions[2][0], method.predict(query))
    np.testing.assert_array_equal(method.predict(query), fitted(train).predict(query))


# Statement 7: training.


def test_a_step_is_adam_s_on_the_mean_squared_error_over_spots_and_genes(monkeypatch):
    """Adam's first step is rate x gradient / (|gradient| + 1e-8)."""
    slide, settings, seen = training_slide("A"), {"dropout": 0.0, "learning_rate": 3e-4}, []
    loop = training.train

    def watched(network, optimiser, losses, *rest):
        def kept(epoch):
            for loss in losses(epoch):
                seen.append(loss.item())
                yield loss

        return loop(network, optimiser, kept, *rest)

    monkeypatch.setattr(training, "train", watched)
    before = fitted([slide], epochs=0, **settings)._network
    after = fitted([slide], epochs=1, **settings)._network.state_dict()
    pixels = torch.tensor(slide.patches[EDGE].reshape(slide.n_spots, -1))
    expression = before(pixels, torch.tensor(slide.array_row_column[:, ::-1].copy()))
    loss = ((expression - torch.tensor(slide.expression)) ** 2).sum() / (slide.n_spots * GENES)
    loss.backward()
    assert seen == [pytest.approx(loss.item(), rel=1e-5)]
    for name, start in before.named_parameters():
        step = 3e-4 * start.grad / (start.grad.abs() + 1e-8)
        clear = (start.grad.abs() > 1e-5) | (start.grad == 0)  # elsewhere rounding may turn its sign
        assert clear.float().mean() > 0.5, name
        torch.testing.assert_close(after[name][clear], (start - step)[clear], rtol=0, atol=1e-6)


def test_dropout_acts_on_tokens_attention_and_both_layers_of_feed_forward():
    torch.manual_seed(0)
    network = Network(GENES, 8, 2, width=32, layers=2, heads=2, head_width=16, hidden=64, dropout=0.3)
    acted = []
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.register_forward_hook(lambda _, given, kept: acted.append((given[0], kept)))
    network(torch.randint(256, (50, 12)), torch.randint(8, (50, 2)))
    assert [given.shape for given, _ in acted] == [(50, 32), *[(50, 32), (50, 64), (50, 32)] * 2]
    for given, kept in acted:
        assert (kept == 0).float().mean().item() == pytest.approx(0.3, abs=0.05)
        torch.testing.assert_close(kept[kept != 0], given[kept != 0] / 0.7)


def test_it_learns_what_patches_show():
    train, unseen = [training_slide(name, n=40) for name in "ABC"], training_slide("Q", n=40)
    method = fitted(train, epochs=60, pixel_scale=1 / 255)
    prediction = method.predict(query_of(unseen))
    found = [pearsonr(prediction[:, g], unseen.expression[:, g]).statistic for g in range(GENES)]
    assert np.mean(found) > 0.6


@pytest.mark.acceptance
def test_the_error_falls_on_real_sections_at_the_published_rate(shared_data, shared_cache):
    """Target of the published model, log10(1 + 1e4 share of the panel), where it reached .67, .39, .34."""
    names = ["C2", "C3", "C4", "C5"]
    design = Design(dataset="her2", genes=f"file:{shared_data / 'panels' / 'her_hvg_cut_1000.txt'}")
    sources = [source for source in Her2().slides(shared_data) if source.id in names]
    materials = Materials(design, sources, {name: name for name in names})
    fold = materials.fold(Fold("all", tuple(names), ()))
    train = [fold.training_slide(name, CARD, fold.scaling(names, CARD)) for name in names]
    for slide in train:
        assert slide.patches[112].reshape(slide.n_spots, -1).any(axis=1).all()
    shares = [slide.panel_counts / slide.panel_counts.sum(axis=1, keepdims=True) for slide in train]
    truth = {slide.id: np.log10(1 + 1e4 * share) for slide, share in zip(train, shares, strict=True)}
    native = [replace(slide, expression=truth[slide.id]) for slide in train]

    _, predictions = fit_with_queries(HisToGene(epochs=3), native, [query_of(native[0])])
    errors = [float(((found - truth[native[0].id]) ** 2).mean()) for (found,) in predictions.values()]
    assert errors[0] < 0.6
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.35


# The network against its formulas, and what predicts faster.


def test_the_network_equals_its_formulas_and_predicts_in_pieces():
    """600 spots are embedded in two pieces; attention is written out with its matrix of scores."""
    slide = training_slide("Q", n=600)
    slide = replace(slide, array_row_column=slide.array_row_column % 64)
    method = fitted([training_slide("A")])
    network = method._network
    pixels = torch.tensor(slide.patches[EDGE].reshape(600, -1), dtype=torch.float32)
    row, column = torch.tensor(slide.array_row_column).unbind(1)
    with torch.no_grad():
        tokens = F.linear(pixels, network.patch.weight, network.patch.bias)
        tokens = tokens + network.position.column.weight[column] + network.position.row.weight[row]
        for block in network.blocks:
            query, key, value = block.attention.to_qkv(block.attention_norm(tokens)).chunk(3, dim=1)
            heads = []
            for h in range(2):
                part = slice(16 * h, 16 * (h + 1))
                heads.append((query[:, part] @ key[:, part].T / 4).softmax(1) @ value[:, part])
            tokens = tokens + block.attention.to_output(torch.cat(heads, dim=1))
            hidden = block.feed_forward[0](block.feed_forward_norm(tokens))
            tokens = tokens + block.feed_forward[3](F.gelu(hidden))
        expected = network.genes(network.norm(tokens))
    np.testing.assert_allclose(method.predict(query_of(slide)), expected.numpy(), rtol=1e-3, atol=1e-4)


def test_published_blocks_have_the_published_form(published_network):
    block = published_network.blocks[0]
    assert block.attention.heads == 16 and block.attention.to_qkv.bias is None
    assert block.attention.dropout.p == block.feed_forward[2].p == published_network.dropout.p == 0.1
    tables = (published_network.position.column, published_network.position.row)
    assert all(table.weight.std().item() == pytest.approx(1, abs=0.02) for table in tables)


def test_the_pixel_scale_is_a_factor_on_raw_pixels():
    torch.manual_seed(0)
    raw = Network(3, 8, patch_pixels=2, width=8, layers=1, heads=1, head_width=8, hidden=8).eval()
    scaled = Network(3, 8, 2, 1 / 255, width=8, layers=1, heads=1, head_width=8, hidden=8).eval()
    scaled.load_state_dict(raw.state_dict())
    patches, positions = torch.randint(256, (5, 12), dtype=torch.uint8), torch.randint(8, (5, 2))
    torch.testing.assert_close(scaled(patches, positions), raw(patches.float() / 255, positions))


# Settings, notes and errors.


def test_the_card_s_settings_are_settings_and_paper_is_the_default():
    assert CARD.presets["paper"] == {} and CARD.presets["released"] == {"n_pos": 64}
    for settings in (*CARD.presets.values(), *CARD.grid, CARD.full_grid):
        HisToGene.check_settings(settings)
    assert CARD.grid[0] == {} and all(point["epochs"] == 300 for point in CARD.grid[1:])
    assert CARD.full_grid["epochs"] == [300]
    assert CARD.needs.patches == (112,) and CARD.trains_on == "log"


def test_the_report_tells_how_many_steps_were_taken_and_how_the_bias_started():
    train = [training_slide(name) for name in "AB"]
    plain = HisToGene(**SMALL).fit(train)
    assert (plain.steps, plain.epochs, plain.pretrained, plain.notes) == (4, 2, "", ())
    for preset in ("paper", "released"):
        epochs = {**HisToGene.defaults(), **CARD.presets[preset]}["epochs"]
        assert CARD.steps_published(preset) == 31 * epochs == 3_100
    method = HisToGene(**{**SMALL, "epochs": 0}, start_at_mean=True)
    (note,) = method.fit(train).notes
    assert "bias" in note
    mean = np.concatenate([slide.expression for slide in train]).mean(axis=0)
    np.testing.assert_allclose(method._network.genes.bias.detach().numpy(), mean, rtol=1e-5)


def test_a_fitted_method_pickles():
    method, query = fitted(), query_of(training_slide("Q"))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(method)).predict(query), method.predict(query))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "layers is 0"),
        ({"n_pos": 0}, "n_pos is 0"),
        ({"dropout": 1.0}, "dropout is 1"),
        ({"pixel_scale": 0.0}, "pixel_scale is 0"),
        ({"learning_rate": -1.0}, "must be positive"),
        ({"epochs": -1}, "epochs is -1"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, message):
    with pytest.raises(UsageError, match=message):
        fitted(**settings)


def test_what_cannot_be_fitted_or_predicted_is_said():
    with pytest.raises(MethodError, match="before it was fitted"):
        HisToGene().predict(query_of(training_slide("Q")))
    with pytest.raises(MethodError, match="no patches of 8 px"):
        fitted([replace(training_slide("A"), patches={})])
    with pytest.raises(CannotFit, match="no training spot"):
        fitted([training_slide("A", n=0)])

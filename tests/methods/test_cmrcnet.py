"""CMRCNet: its sheet's acceptance statements, and its blocks against plain loops."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from handed_over import fit_with_queries
from scipy.special import log_softmax, softmax
from scipy.stats import pearsonr
from swept import assert_swept_as_fitted
from torch import nn

from stbench.contract import FitContext
from stbench.datasets.her2 import plugin as Her2
from stbench.errors import CannotFit, MethodError, UsageError
from stbench.methods.cmrcnet import plugin as CMRCNet
from stbench.methods.cmrcnet.losses import alignment_loss, reconstruction_loss
from stbench.methods.cmrcnet.network import Network
from stbench.methods.cmrcnet.reconstruction import GeneAttention, GeneTokens, Reconstruction
from stbench.nn import training
from stbench.preprocess.expression import log_cpm
from stbench.preprocess.patches import crop, read_image
from stbench.registry import method_card
from stbench.slide import QuerySlide, TrainingSlide

CARD = method_card("cmrcnet")
SMALL = {
    "image_width": 16,
    "image_depth": 1,
    "image_heads": 2,
    "embedding_width": 16,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "epochs": 2,
}
GENES = 5


def training_slide(name: str, n: int = 12) -> TrainingSlide:
    """A slide whose patches are plain colours with noise and whose expression follows from the colour."""
    random = np.random.default_rng(sum(map(ord, name)))
    colour = random.uniform(40, 215, (n, 3))
    noise = random.normal(0, 5, (n, 14, 14, 3)).repeat(16, axis=1).repeat(16, axis=2)
    mixing = np.random.default_rng(99).normal(0, 2, (3, GENES))
    array = np.stack(np.divmod(np.arange(n), 4), axis=1)
    return TrainingSlide(
        id=name,
        group=name,
        platform="ST",
        pixel_xy=100.0 * array[:, ::-1],
        array_row_column=array,
        expression=(colour / 255 @ mixing).astype(np.float32),
        panel_counts=np.ones((n, GENES), dtype=np.int64),
        totals=np.full(n, 1000),
        size_factors=np.ones(n),
        patches={224: np.clip(colour[:, None, None] + noise, 0, 255).astype(np.uint8)},
    )


def query_of(slide: TrainingSlide, order=slice(None)) -> QuerySlide:
    return QuerySlide(
        id="query",
        platform=slide.platform,
        pixel_xy=slide.pixel_xy[order],
        array_row_column=slide.array_row_column[order],
        patches={224: slide.patches[224][order]},
    )


TRAIN = [training_slide("A"), training_slide("B", n=9)]
QUERY = query_of(training_slide("Q", n=7))


def fitted(train=TRAIN, seed=0, **settings) -> CMRCNet:
    method = CMRCNet(**{**SMALL, **settings})
    method.fit(train, context=FitContext(seed=seed))
    return method


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# Statement 1: parameters, without the classifier of 769,000 that the released network never uses.


@pytest.mark.parametrize(
    ("genes", "gene_head", "gene_tokens", "total"),
    [(785, 267_520, 1_609_728, 62_757_120), (171, 110_336, 352_256, 61_342_464)],
)
def test_parameters_of_each_submodule(genes, gene_head, gene_tokens, total):
    # Not on the meta device, on which timm up to 1.0.20 cannot make its transformers.
    network, untied = CMRCNet()._new_network(genes), CMRCNet(tied=False)._new_network(genes)
    branch = network.reconstruction
    assert count(network.image_encoder) == 59_872_744 - 769_000
    assert count(network.image_head) == 263_168 and count(network.gene_head) == gene_head
    assert count(branch.gene_tokens) == gene_tokens and count(branch.reduce) == 196_864
    assert count(branch.first_attention) == 263_168 and count(branch.fusion) == 1_052_928
    assert count(network) == total == 60_948_480 + 2_304 * genes
    assert count(untied) == total + 1_052_928


def test_the_image_encoder_starts_as_published():
    torch.manual_seed(0)
    encoder = CMRCNet(image_width=192, image_depth=2)._new_network(GENES).image_encoder
    assert encoder.blocks[0].attn.qkv.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert encoder.blocks[1].mlp.fc2.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert encoder.pos_embed.std().item() == pytest.approx(0.02, rel=0.05)
    assert encoder.cls_token.std().item() == pytest.approx(0.02, rel=0.2)
    convolution = encoder.patch_embed.proj
    assert convolution.weight.std().item() == pytest.approx(math.sqrt(2 / (192 * 32 * 32)), rel=0.02)
    assert not any(module.bias.any() for module in (encoder.blocks[0].attn.qkv, convolution))
    assert encoder.pos_embed.shape == (1, 50, 192) and encoder.norm.eps == 1e-6


# Statement 2: shape and range of predictions.


def test_predictions_lie_within_the_bank_and_are_means_of_the_nearest_profiles():
    method, bank = fitted(neighbours=3), np.concatenate([slide.expression for slide in TRAIN])
    prediction = method.predict(QUERY)
    assert prediction.shape == (7, GENES) and np.isfinite(prediction).all()
    assert (prediction >= bank.min(0)).all() and (prediction <= bank.max(0)).all()
    network = method._network.eval()
    with torch.no_grad():
        image = network.embedded_images(pixels(QUERY.patches[224])).numpy()
        gene = network.gene_head(torch.tensor(bank)).numpy()
    for spot, row in enumerate(image):
        cosines = gene @ row / np.linalg.norm(gene, axis=1) / np.linalg.norm(row)
        nearest = np.argsort(-cosines)[:3]
        np.testing.assert_allclose(prediction[spot], bank[nearest].mean(0), rtol=1e-5)


def pixels(patches: np.ndarray) -> torch.Tensor:
    """ImageNet-normalised images, by the textbook."""
    scaled = (patches / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return torch.tensor(scaled.transpose(0, 3, 1, 2), dtype=torch.float32)


# Statement 3: spots do not influence each other; the query's expression is nowhere in sight.


def test_image_embeddings_do_not_depend_on_the_batch_and_follow_permutations():
    network, images = fitted()._network.eval(), pixels(QUERY.patches[224])
    with torch.no_grad():
        together = network.embedded_images(images)
        alone = torch.cat([network.embedded_images(image[None]) for image in images])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)


def test_permuting_the_spots_permutes_the_predictions():
    method, order = fitted(), np.random.default_rng(0).permutation(7)
    permuted = query_of(training_slide("Q", n=7), order)
    np.testing.assert_allclose(method.predict(permuted), method.predict(QUERY)[order], atol=1e-6)


# Statement 4: where the gradient of the reconstruction loss goes.


def gradients_of_reconstruction(detach_target: bool) -> dict[str, float]:
    torch.manual_seed(0)
    method = CMRCNet(**SMALL)
    method._network = network = method._new_network(GENES)
    embedded = network(pixels(QUERY.patches[224]), torch.rand(7, GENES), torch.rand(7, 50, 16) < 0.5)
    reconstruction_loss(embedded.rebuilt, embedded.image, detach_target).backward()
    parts = {
        "image encoder": network.image_encoder,
        "image head": network.image_head,
        "gene head": network.gene_head,
        "gene tokens": network.reconstruction.gene_tokens,
    }
    return {
        name: sum(float(p.grad.abs().sum()) for p in part.parameters() if p.grad is not None)
        for name, part in parts.items()
    }


def test_the_reconstruction_loss_reaches_all_but_the_gene_head():
    gradients = gradients_of_reconstruction(detach_target=False)
    assert gradients.pop("gene head") == 0
    assert all(gradients.values())


def test_a_detached_target_is_not_moved():
    gradients = gradients_of_reconstruction(detach_target=True)
    assert gradients["image head"] == 0 and gradients["gene tokens"] > 0


# Statement 5: losses of known embeddings.


def test_equal_embeddings_and_a_perfect_reconstruction():
    same = torch.randn(1, 16, generator=torch.Generator().manual_seed(0)).expand(24, 16)
    assert alignment_loss(same, same).item() == pytest.approx(math.log1p(math.log(24)), rel=1e-5)
    assert reconstruction_loss(same, same).item() == 0


def test_the_losses_equal_their_formulas():
    e, v, r = np.random.default_rng(0).standard_normal((3, 6, 4))
    targets = softmax((v @ v.T + e @ e.T) / 2, axis=1)
    logits = e @ v.T
    by_row = -(targets * log_softmax(logits, axis=1)).sum(1)
    by_column = -(targets.T * log_softmax(logits.T, axis=1)).sum(1)
    expected = np.log(1 + (by_row + by_column) / 2).mean()
    tensors = [torch.tensor(values) for values in (e, v, r)]
    assert alignment_loss(tensors[0], tensors[1]).item() == pytest.approx(expected)
    assert reconstruction_loss(tensors[2], tensors[1]).item() == pytest.approx(
        np.log(1 + ((r - v) ** 2).mean())
    )


# Statement 6: prediction needs no reconstruction.


def test_prediction_does_without_the_reconstruction_branch():
    method = fitted()
    expected = method.predict(QUERY)
    method._network.reconstruction, method._bank = None, None
    np.testing.assert_array_equal(method.predict(QUERY), expected)


# Statement 7: small banks, small slides, one spot.


@pytest.mark.parametrize("sizes", [(1,), (2,), (3, 1), (9, 8)])
def test_few_training_spots_and_queries_of_one_spot(sizes):
    train = [training_slide(name, n) for name, n in zip("AB", sizes, strict=False)]
    method = CMRCNet(**SMALL | {"batch_size": 64})
    report = method.fit(train)
    assert report.steps == 2
    for n in (1, 3):
        prediction = method.predict(query_of(training_slide("Q", n)))
        assert prediction.shape == (n, GENES) and np.isfinite(prediction).all()
    bank = np.concatenate([slide.expression for slide in train])
    np.testing.assert_allclose(prediction, np.tile(bank.mean(0), (3, 1)), rtol=1e-5)


def test_a_slide_without_spots_is_passed_over_and_no_spot_at_all_is_an_error():
    empty = training_slide("C", n=0)
    np.testing.assert_array_equal(fitted([*TRAIN, empty]).predict(QUERY), fitted().predict(QUERY))
    with pytest.raises(CannotFit, match="no training spot"):
        CMRCNet(**SMALL).fit([empty])


def test_an_incomplete_last_batch_is_left_out():
    assert CMRCNet(**SMALL).fit(TRAIN).steps == 4, "21 spots: two batches of 8 an epoch"


# Statement 8: seeds, and a fixed batch of real spots.


def test_the_same_seed_gives_identical_predictions():
    settings = {"neighbours": 2}
    first, again, other = (fitted(seed=seed, **settings).predict(QUERY) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.slow  # more than a minute on one core
def test_ten_steps_on_real_spots_lower_both_losses(shared_data):
    patches, expression = real_spots(shared_data, 24)
    torch.manual_seed(0)
    method, generator = CMRCNet(augment=False), torch.Generator().manual_seed(0)
    method._network = network = method._new_network(expression.shape[1]).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=1e-3)
    alignment, rebuilding = [], []
    for _ in range(10):
        embedded = method._embedded(patches, expression, generator)
        alignment.append(alignment_loss(embedded.expression, embedded.image).item())
        rebuilding.append(reconstruction_loss(embedded.rebuilt, embedded.image).item())
        optimiser.zero_grad()
        method._loss(embedded).backward()
        optimiser.step()
    assert rebuilding[-1] < 0.5 * rebuilding[0]
    assert alignment[-1] + rebuilding[-1] < 0.85 * (alignment[0] + rebuilding[0])


def real_spots(shared_data: Path, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches and expression of `n` spots from all over slide C2, the published panel of 785 genes."""
    slide = next(source for source in Her2().slides(shared_data) if source.id == "C2").read()
    panel = (shared_data / "panels" / "her_hvg_cut_1000.txt").read_text().split()
    columns = [slide.genes.index(gene) for gene in panel if gene in set(slide.genes)]
    chosen = np.linspace(0, slide.n_spots - 1, n).astype(int)
    image = read_image(slide.image)
    patches = np.stack([crop(image, slide.pixel_xy[spot], 224) for spot in chosen])
    expression = log_cpm(slide.counts[chosen][:, columns].toarray(), slide.totals[chosen])
    return torch.tensor(patches), torch.tensor(expression, dtype=torch.float32)


# Blocks against plain loops.


def linear(layer, x):
    return x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def test_gene_attention_equals_a_loop_over_heads():
    torch.manual_seed(0)
    block, image, genes = GeneAttention(16).eval(), torch.randn(2, 5, 16), torch.randn(2, 8, 16)
    found = block(image, genes).detach().numpy()
    for spot in range(2):
        query = np.maximum(linear(block.query, image[spot].numpy()), 0)
        key = np.maximum(linear(block.key, genes[spot].numpy()), 0)
        own, heard = linear(block.query_value, query), linear(block.key_value, key)
        for head in range(8):
            part = slice(2 * head, 2 * head + 2)
            weights = softmax(query[:, part] @ key[:, part].T / np.sqrt(2), axis=1)
            expected = own[:, part] + weights @ heard[:, part]
            np.testing.assert_allclose(found[spot][:, part], expected, rtol=1e-4, atol=1e-6)


def test_gene_tokens_are_cut_from_one_elu_layer():
    layer, expression = GeneTokens(GENES, 4).eval(), torch.randn(3, GENES)
    flat = linear(layer.project, expression.numpy())
    flat = np.where(flat > 0, flat, np.expm1(flat))
    np.testing.assert_allclose(
        layer(expression).detach().numpy(), flat.reshape(3, 8, 4), rtol=1e-4, atol=1e-6
    )


def test_both_fusion_passes_share_their_weights_unless_untied():
    torch.manual_seed(0)
    tied, untied = (Reconstruction(GENES, 12, 16, tied=tied).eval() for tied in (True, False))
    assert tied.fusion[0] is tied.fusion[1] and untied.fusion[0] is not untied.fusion[1]
    tokens, expression, kept = torch.randn(3, 50, 12), torch.randn(3, GENES), torch.ones(3, 50, 16)
    genes = tied.gene_tokens(expression)
    state, _ = tied.first_attention(tied.reduce(tokens), genes, genes)
    for _ in range(2):
        block = tied.fusion[0]
        state = state + block.attention(block.attention_norm(state))
        state = state + block.feed_forward(block.feed_forward_norm(state))
        state = state + block.gene_attention(state, genes)
    torch.testing.assert_close(tied(tokens, expression, kept), state.mean(1))


def test_what_the_mask_drops_is_not_seen():
    torch.manual_seed(0)
    branch, expression = Reconstruction(GENES, 12, 16).eval(), torch.randn(3, GENES)
    tokens, others = torch.randn(2, 3, 50, 12)
    nothing, everything = torch.zeros(3, 50, 16, dtype=torch.bool), torch.ones(3, 50, 16, dtype=torch.bool)
    torch.testing.assert_close(branch(tokens, expression, nothing), branch(others, expression, nothing))
    assert not torch.allclose(branch(tokens, expression, everything), branch(others, expression, everything))


def test_training_and_prediction_embed_an_image_by_the_mean_of_its_50_tokens():
    network, images = fitted()._network.eval(), pixels(QUERY.patches[224])
    with torch.no_grad():
        tokens = network.image_encoder.forward_features(images)
        assert tokens.shape == (7, 50, 16)
        mean = network.image_head(tokens.sum(1) / 50)
        torch.testing.assert_close(network.embedded_images(images), mean, rtol=1e-4, atol=1e-5)
        embedded = network(images, torch.randn(7, GENES), torch.ones(7, 50, 16))
        torch.testing.assert_close(embedded.image, mean, rtol=1e-4, atol=1e-5)


def test_only_the_published_places_drop_anything():
    network = CMRCNet(**SMALL)._new_network(GENES)
    found = {
        name: (type(module).__name__, module.p)
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0
    }
    fusion = "reconstruction.fusion.0"  # both passes are this block
    assert found == {
        "image_head.dropout": ("Dropout", 0.1),
        "gene_head.dropout": ("Dropout", 0.1),
        "reconstruction.gene_tokens.dropout": ("AlphaDropout", 0.25),
        f"{fusion}.attention.dropout": ("Dropout", 0.1),
        f"{fusion}.feed_forward.2": ("Dropout", 0.1),
        f"{fusion}.feed_forward.4": ("Dropout", 0.1),
        f"{fusion}.gene_attention.dropout": ("Dropout", 0.25),
    }


def test_alpha_dropout_sets_a_quarter_of_the_gene_tokens_to_one_value():
    torch.manual_seed(0)
    layer, expression = GeneTokens(GENES, 64), torch.randn(40, GENES)
    values, n = layer(expression).unique(return_counts=True)
    dropped = n.max() / (40 * 8 * 64)
    assert dropped.item() == pytest.approx(0.25, abs=0.02) and values[n.argmax()] < 0


@pytest.mark.parametrize("part", ["query_value", "key_value"])
def test_a_quarter_of_queries_and_of_keys_is_dropped_before_both_uses(part):
    """Queries and keys are all 1 here: what goes on is 0 or 1 / 0.75."""
    torch.manual_seed(0)
    block, seen = GeneAttention(16), []
    for layer in (block.query, block.key):
        nn.init.zeros_(layer.weight)
        nn.init.ones_(layer.bias)
    getattr(block, part).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    block(torch.randn(40, 50, 16), torch.randn(40, 8, 16))
    torch.testing.assert_close(seen[0].unique(), torch.tensor([0.0, 1 / 0.75]))
    assert (seen[0] == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)


# Training.


@pytest.fixture
def batches(monkeypatch) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Images, expression and mask of each batch that goes through a network from now on."""
    seen, forward = [], Network.forward

    def watched(network, *inputs):
        seen.append(inputs)
        return forward(network, *inputs)

    monkeypatch.setattr(Network, "forward", watched)
    return seen


def test_the_mask_keeps_the_stated_share_of_each_token_s_channels(batches):
    fitted(mask_keep=0.75)
    masks = torch.stack([kept.float() for _, _, kept in batches])  # 2 epochs x 2 batches
    assert masks.shape == (4, 8, 50, 16)
    assert masks.mean().item() == pytest.approx(0.75, abs=0.014)  # 5 standard errors of 25,600 draws
    deviations = masks.mean(3).std().item(), masks.mean(2).std().item(), masks.mean(1).std().item()
    independent = [math.sqrt(0.75 * 0.25 / n) for n in (16, 50, 8)]
    assert deviations == pytest.approx(independent, rel=0.1), "values are kept independently of each other"
    assert not torch.equal(masks[0], masks[1])


def test_each_epoch_goes_through_the_spots_in_an_order_of_its_own(batches):
    slide = training_slide("A", n=16)
    fitted([slide])
    epochs = batches[:2], batches[2:]
    first, second = (torch.cat([part for _, part, _ in epoch]).tolist() for epoch in epochs)
    expression = slide.expression.tolist()
    assert sorted(first) == sorted(second) == sorted(expression)
    assert first != expression and second != expression and first != second


def test_weights_decay_apart_from_the_gradient(monkeypatch):
    """A step with zero gradients shrinks each weight by its share, as decoupled weight decay does."""
    train, optimisers = training.train, []

    def watched(network, optimiser, *others, **options):
        optimisers.append(optimiser)
        return train(network, optimiser, *others, **options)

    monkeypatch.setattr(training, "train", watched)
    network = fitted(epochs=0, learning_rate=0.1, weight_decay=0.5)._network
    before = [parameter.detach().clone() for parameter in network.parameters()]
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimisers[0].step()
    for parameter, old in zip(network.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), old * (1 - 0.1 * 0.5))


def test_the_learning_rate_falls_as_published():
    method = CMRCNet()
    rates = [method._learning_rate(epoch) for epoch in range(70)]
    assert rates[0] == pytest.approx(9.994e-5, rel=1e-4)
    assert rates[30] == pytest.approx(5.26e-5, rel=1e-3)
    assert rates[59:] == [pytest.approx(1e-5)] * 11, "and stays there"
    assert CMRCNet(epochs=7)._learning_rate(5) == rates[5], "a shorter refit follows the same path"


@pytest.mark.parametrize(
    "changes",
    [
        {"reconstruction": False},
        {"tied": False},
        {"detach_target": True},
        {"mask_keep": 0.1},
        {"augment": False},
        {"decay_epochs": 2},
        {"temperature": 4.0},
    ],
)
def test_every_training_switch_changes_what_is_learned(changes):
    base, changed = (fitted(**settings)._network.eval() for settings in ({}, changes))
    images = pixels(QUERY.patches[224])
    with torch.no_grad():
        assert not torch.equal(base.embedded_images(images), changed.embedded_images(images))


def test_without_reconstruction_its_parameters_are_gone():
    with_it, without = fitted(epochs=0), fitted(epochs=0, reconstruction=False)
    branch = count(with_it._network.reconstruction)
    assert without.parameter_count().trainable == with_it.parameter_count().trainable - branch
    assert CMRCNet().parameter_count() == (0, 0)


def test_queries_meet_the_weights_of_their_checkpoint_and_do_not_change_the_fit():
    method = CMRCNet(**SMALL, neighbours=2)
    report, predictions = fit_with_queries(method, TRAIN, [QUERY, QUERY])
    np.testing.assert_array_equal(method.predict(QUERY), fitted(neighbours=2).predict(QUERY))
    np.testing.assert_array_equal(method.predict(QUERY), predictions[2][1])
    np.testing.assert_array_equal(fitted(neighbours=2, epochs=1).predict(QUERY), predictions[1][0])
    assert list(predictions) == [1, 2] and report.epochs == len(report.losses) == 2


def test_fitting_again_forgets_the_first_fit():
    method = fitted(neighbours=2)
    method.predict(QUERY)
    method.fit(TRAIN[:1], context=FitContext(seed=0))
    np.testing.assert_array_equal(method.predict(QUERY), fitted(TRAIN[:1], neighbours=2).predict(QUERY))


def test_a_fitted_method_pickles_without_patches_and_leaves_its_slides_alone():
    before = copy.deepcopy(TRAIN)
    method = fitted()
    pickled = pickle.dumps(method)
    np.testing.assert_array_equal(pickle.loads(pickled).predict(QUERY), method.predict(QUERY))
    assert len(pickled) < TRAIN[0].patches[224].nbytes
    for slide, kept in zip(TRAIN, before, strict=True):
        np.testing.assert_array_equal(slide.patches[224], kept.patches[224])
        np.testing.assert_array_equal(slide.expression, kept.expression)


def test_the_spread_of_the_image_embeddings_is_noted():
    notes = CMRCNet(**SMALL).fit(TRAIN).notes
    assert "Mean cosine of two spots' image embeddings in the last batch" in notes[0]
    assert "mixed_precision was left off" in CMRCNet(**SMALL, mixed_precision=True).fit(TRAIN).notes[-1]


@pytest.mark.acceptance
def test_it_learns_what_colours_tell():
    train, unseen = [training_slide(name, n=32) for name in "AB"], training_slide("Q", n=24)
    method = fitted(train, epochs=25, batch_size=32, learning_rate=3e-3, neighbours=5)
    prediction = method.predict(query_of(unseen))
    found = [pearsonr(prediction[:, g], unseen.expression[:, g]).statistic for g in range(GENES)]
    assert np.mean(found) > 0.5


# Settings and errors.


def test_the_card_counts_the_steps_of_the_publication():
    spots, settings = 13_620 * 35 / 36 * 4 / 5, CMRCNet.defaults()
    steps = settings["epochs"] * int(spots / settings["batch_size"])
    assert CARD.steps_published("paper") == CARD.steps_published("released") == steps == 9_900


def test_the_card_s_settings_are_settings_and_paper_is_the_default():
    assert set(CARD.presets) == {"paper", "released"} and CARD.presets["paper"] == {}
    for settings in (*CARD.presets.values(), *CARD.grid, CARD.full_grid):
        CMRCNet.check_settings(settings)
    for name, values in CARD.full_grid.items():
        assert CMRCNet.defaults()[name] in values
    assert CARD.needs.patches == (224,) and CARD.trains_on == "log"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"neighbours": 0}, "neighbours is 0"),
        ({"mask_keep": 1.5}, "mask_keep is 1.5"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"embedding_width": 20}, "multiple of 8 heads"),
        ({"image_width": 15}, "multiple of 2 heads"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, message):
    with pytest.raises(UsageError, match=message):
        CMRCNet(**{**SMALL, **settings}).fit(TRAIN)


def test_predict_before_fit_and_slides_without_patches_are_errors():
    with pytest.raises(MethodError, match="before it was fitted"):
        CMRCNet().predict(QUERY)
    with pytest.raises(MethodError, match="no patches of 224 px"):
        CMRCNet(**SMALL).fit([replace(TRAIN[0], patches={})])


def test_how_many_neighbours_are_averaged_is_tried_on_one_fit():
    assert CARD.at_prediction == ("neighbours",)
    method = CMRCNet(**SMALL | {"epochs": 2})
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    assert_swept_as_fitted(method, train, query, "neighbours", [1, 3, 200])

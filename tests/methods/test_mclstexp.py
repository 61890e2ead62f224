"""mclSTExp: its sheet's acceptance statements, and its parts against plain loops."""

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
from scipy.special import log_softmax
from swept import assert_swept_as_fitted

from stbench.contract import FitContext
from stbench.datasets.her2 import plugin as Her2
from stbench.errors import CannotFit, MethodError, UnknownName, UsageError
from stbench.methods.mclstexp import plugin as MclSTExp
from stbench.methods.mclstexp.bank import embedded_bank, training_spots
from stbench.methods.mclstexp.batches import training_sequences
from stbench.methods.mclstexp.collapse import CollapseWatch
from stbench.methods.mclstexp.network import ImageEncoder, Network, SpotEncoder
from stbench.methods.mclstexp.positions import entries_needed, table_indices
from stbench.methods.mclstexp.views import augmented, unit_images
from stbench.nn.contrastive_losses import one_to_one_loss
from stbench.preprocess.expression import log_cpm
from stbench.preprocess.patches import crop, read_image
from stbench.registry import method_card
from stbench.slide import QuerySlide, TrainingSlide

CARD = method_card("mclstexp")
# The image encoder has no smaller form; patches of 32 pixels are the least that it takes.
SMALL = {
    "pretrained": False,
    "patch_pixels": 32,
    "embedding_width": 16,
    "layers": 1,
    "heads": 2,
    "head_width": 4,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "epochs": 1,
}
GENES = 5


def training_slide(name: str, n: int = 9, platform: str = "ST") -> TrainingSlide:
    """A slide of noisy plain colours on an array four spots wide; expression follows from the colour."""
    random = np.random.default_rng(sum(map(ord, name)))
    colour = random.uniform(40, 215, (n, 1, 1, 3))
    pixels = np.clip(colour + random.normal(0, 5, (n, 32, 32, 3)), 0, 255)
    mixing = np.random.default_rng(99).normal(0, 2, (3, GENES))
    array = np.stack(np.divmod(np.arange(n), 4), axis=1)
    return TrainingSlide(
        id=name,
        group=name,
        platform=platform,
        pixel_xy=100.0 * array[:, ::-1] + 0.9,
        array_row_column=array,
        expression=(colour[:, 0, 0] / 255 @ mixing).astype(np.float32),
        panel_counts=np.ones((n, GENES), dtype=np.int64),
        totals=np.full(n, 1000),
        size_factors=np.ones(n),
        patches={32: pixels.astype(np.uint8)},
    )


def query_of(slide: TrainingSlide, order=slice(None)) -> QuerySlide:
    return QuerySlide(
        id="query",
        platform=slide.platform,
        pixel_xy=slide.pixel_xy[order],
        array_row_column=slide.array_row_column[order],
        patches={32: slide.patches[32][order]},
    )


TRAIN = [training_slide("A"), training_slide("B", n=7)]
BANK = np.concatenate([slide.expression for slide in TRAIN])
QUERY = query_of(training_slide("Q", n=6))


def fitted(train=TRAIN, seed=0, **settings) -> MclSTExp:
    method = MclSTExp(**{**SMALL, **settings})
    method.fit(train, context=FitContext(seed=seed))
    return method


@pytest.fixture(scope="module")
def trained() -> MclSTExp:
    """One fit that several tests look at and none changes; few neighbours, so that it matters which."""
    return fitted(neighbours=3)


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def images_of(slide) -> torch.Tensor:
    return torch.tensor(slide.patches[32].transpose(0, 3, 1, 2) / 255, dtype=torch.float32)


# Statement 1: parameters.


@pytest.mark.parametrize(
    ("genes", "n_pos", "spot_encoder", "spot_head", "total"),
    [
        (785, 65_536, 5_691_250, 267_520, 116_132_850),
        (171, 65_536, 819_774, 110_336, 30_625_982),
        (685, 65_536, 4_692_250, 241_920, 102_001_050),
        (785, 64, 5_691_250, 267_520, 13_341_810),
    ],
)
def test_parameters_of_each_submodule(genes, n_pos, spot_encoder, spot_head, total):
    from torchvision.models import densenet121

    with torch.device("meta"):
        network = MclSTExp(pretrained=False)._new_network(densenet121(weights=None), genes, n_pos)
    assert count(network.image_encoder) == 6_953_856 and count(network.image_head) == 328_704
    assert count(network.spot_encoder.position) == 2 * n_pos * genes
    assert count(network.spot_encoder.blocks) == spot_encoder and count(network.spot_head) == spot_head
    assert count(network) == total == 4 * genes**2 + (2 * n_pos + 4366) * genes + 7_349_120


def test_tables_are_as_large_as_the_array_unless_told(trained):
    def entries(method):
        return method._network.spot_encoder.position.row.num_embeddings

    assert entries(trained) == 64
    assert entries(fitted(epochs=0, n_pos=65_536)) == entries(fitted(epochs=0, positions="pixels")) == 65_536
    assert entries_needed([TRAIN[0], training_slide("V", platform="Visium")], "grid") == 128


def test_position_tables_start_as_standard_normal_draws():
    torch.manual_seed(0)
    position = SpotEncoder(50, 64, 1, 2, 4).position
    for table in (position.row, position.column):
        assert table.weight.std().item() == pytest.approx(1, abs=0.05)


# Statement 2: shape, range, weights.


def test_predictions_lie_within_the_bank_and_weigh_profiles_by_inverse_square_distance(trained):
    prediction = trained.predict(QUERY)
    assert prediction.shape == (6, GENES) and np.isfinite(prediction).all()
    assert (prediction >= BANK.min(0)).all() and (prediction <= BANK.max(0)).all()
    for distance, order in (("l2", 2), ("l1", 1)):
        other = copy.copy(trained)
        other.distance = distance
        prediction = other.predict(QUERY)
        bank = trained._reference_bank().embeddings
        with torch.no_grad():
            image = trained._network.eval().embedded_images(images_of(QUERY)).numpy()
        for spot, row in enumerate(image):
            cosines = bank @ row / np.linalg.norm(bank, axis=1) / np.linalg.norm(row)
            nearest = np.argsort(-cosines)[:3]
            weights = np.array([np.linalg.norm(bank[j] - row, ord=order) ** -2 for j in nearest])
            weights /= weights.sum()
            np.testing.assert_allclose(prediction[spot], weights @ BANK[nearest], rtol=1e-4, atol=1e-5)


# Statement 3: the query is its patches and nothing else.


def test_predictions_ignore_positions_and_follow_permutations(trained):
    expected, order = trained.predict(QUERY), np.random.default_rng(0).permutation(6)
    moved = replace(QUERY, array_row_column=QUERY.array_row_column + 1000, pixel_xy=-QUERY.pixel_xy)
    np.testing.assert_array_equal(trained.predict(moved), expected)
    permuted = trained.predict(query_of(training_slide("Q", n=6), order))
    np.testing.assert_allclose(permuted, expected[order], rtol=1e-4, atol=1e-5)


# Statement 4: the spots of a sequence see each other, hence the bank's sequences are fixed.


def spot_encoder_and_spots():
    torch.manual_seed(0)
    encoder = SpotEncoder(GENES, 64, 2, 2, 4)
    return encoder, torch.rand(24, GENES), torch.randint(64, (24, 2))


def test_the_spot_encoder_follows_permutations_but_not_the_cutting_of_its_sequence():
    encoder, expression, positions = spot_encoder_and_spots()
    order = torch.randperm(24)
    with torch.no_grad():
        whole = encoder(expression, positions)
        torch.testing.assert_close(
            encoder(expression[order], positions[order]), whole[order], atol=1e-5, rtol=1e-5
        )
        halves = torch.cat(
            [encoder(expression[:12], positions[:12]), encoder(expression[12:], positions[12:])]
        )
    assert (halves - whole).abs().max() > 1e-3


def test_the_bank_does_not_depend_on_the_query():
    banks = []
    for query in (QUERY, query_of(training_slide("other", n=2))):
        method = fitted(seed=5)
        method.predict(query)
        banks.append(method._reference_bank())
    np.testing.assert_array_equal(banks[0].embeddings, banks[1].embeddings)


def test_each_slide_of_the_bank_is_embedded_alone_in_its_order(trained):
    spots = training_spots(TRAIN, "grid", 64)
    found = embedded_bank(trained._network, spots, 4)
    expected = []
    with torch.no_grad():
        for slide in TRAIN:
            positions = torch.tensor(slide.array_row_column[:, ::-1].copy())
            for first in range(0, slide.n_spots, 4):
                part = slice(first, first + 4)
                sequence = torch.tensor(slide.expression[part]), positions[part]
                expected.append(trained._network.embedded_spots(*sequence).numpy())
    np.testing.assert_allclose(found.embeddings, np.concatenate(expected), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.profiles, BANK)
    alone = embedded_bank(trained._network, training_spots(TRAIN[1:], "grid", 64), 4)
    np.testing.assert_array_equal(alone.embeddings, found.embeddings[9:])


def test_a_slide_longer_than_a_batch_enters_the_bank_in_several_sequences(trained):
    assert TRAIN[0].n_spots > trained.batch_size
    spots = training_spots(TRAIN, "grid", 64)
    found = trained._reference_bank().embeddings
    expected = embedded_bank(trained._network, spots, trained.batch_size)
    np.testing.assert_array_equal(found, expected.embeddings)
    in_one_sequence = embedded_bank(trained._network, spots, TRAIN[0].n_spots)
    assert np.abs(found - in_one_sequence.embeddings).max() > 1e-3


# Statement 5: the loss.


def test_the_loss_of_identical_and_of_well_separated_embeddings():
    same = torch.randn(1, 16, generator=torch.Generator().manual_seed(0)).expand(128, 16)
    assert one_to_one_loss(same, same).item() == pytest.approx(math.log(128), rel=1e-5)
    assert one_to_one_loss(20 * torch.eye(16), 20 * torch.eye(16)).item() == pytest.approx(0, abs=1e-6)


def test_the_loss_equals_its_formula():
    spots, images = np.random.default_rng(0).standard_normal((2, 6, 4))
    logits = spots @ images.T / 2
    expected = -(np.diag(log_softmax(logits, axis=1)) + np.diag(log_softmax(logits, axis=0))).mean() / 2
    assert one_to_one_loss(torch.tensor(spots), torch.tensor(images), 2.0).item() == pytest.approx(expected)


# Statement 6: small banks, one spot, no division by zero.


@pytest.mark.parametrize("sizes", [(2,), (1, 1), (8, 1)])
def test_few_training_spots_and_queries_of_one_spot(sizes):
    train = [training_slide(name, n) for name, n in zip("AB", sizes, strict=False)]
    method, bank = fitted(train), np.concatenate([slide.expression for slide in train])
    for n in (1, 3):
        prediction = method.predict(query_of(training_slide("Q", n)))
        assert prediction.shape == (n, GENES) and np.isfinite(prediction).all()
        assert (prediction >= bank.min(0)).all() and (prediction <= bank.max(0)).all()


def test_a_query_that_equals_a_bank_embedding_gets_that_profile(trained):
    bank = trained._reference_bank()
    for order in (1, 2):
        found = bank.inverse_square_mean(bank.embeddings[4:5], 200, order)
        np.testing.assert_allclose(found[0], BANK[4], rtol=1e-5)


def test_a_lone_training_spot_and_none_are_errors():
    for train in ([training_slide("A", n=1)], [training_slide("A", n=0)], []):
        with pytest.raises(CannotFit, match="at least two"):
            MclSTExp(**SMALL).fit(train)


# Statement 7: seeds.


def test_the_same_seed_gives_identical_predictions(trained):
    again, other = (fitted(seed=seed, neighbours=3).predict(QUERY) for seed in (0, 1))
    np.testing.assert_array_equal(again, trained.predict(QUERY))
    assert not np.array_equal(again, other)


# Statement 8: a fixed batch of real spots.


@pytest.mark.slow
def test_ten_steps_on_real_spots_pair_them(shared_data):
    losses = losses_of_a_fit(
        [real_spots(shared_data, 24)], pretrained=False, augmentation="none", batch_size=24, epochs=10
    )
    assert len(losses) == 10 and losses[0] > 10 and losses[-1] < 0.2 * losses[0]


def test_six_steps_on_one_batch_pair_its_spots():
    losses = losses_of_a_fit(
        [training_slide("A", n=24)], **SMALL | {"augmentation": "none", "batch_size": 24, "epochs": 6}
    )
    assert len(losses) == 6 and losses[-1] < 0.2 * losses[0]
    assert losses[-1] < math.log(24) / 2, "better than telling no spots apart"


def losses_of_a_fit(train: list[TrainingSlide], **settings) -> list[float]:
    """The loss of each step."""
    seen = []

    class Watched(MclSTExp):
        def _losses(self, *arguments):
            plain = super()._losses(*arguments)

            def watched(epoch):
                for loss in plain(epoch):
                    seen.append(loss.item())
                    yield loss

            return watched

    Watched(**settings).fit(train)
    return seen


def real_spots(shared_data: Path, n: int) -> TrainingSlide:
    """`n` spots from all over slide C2, the published panel of 785 genes."""
    slide = next(source for source in Her2().slides(shared_data) if source.id == "C2").read()
    panel = (shared_data / "panels" / "her_hvg_cut_1000.txt").read_text().split()
    columns = [slide.genes.index(gene) for gene in panel if gene in set(slide.genes)]
    chosen = np.linspace(0, slide.n_spots - 1, n).astype(int)
    image = read_image(slide.image)
    return replace(
        training_slide("C2", n),
        pixel_xy=slide.pixel_xy[chosen],
        array_row_column=slide.array_row_column[chosen],
        expression=log_cpm(slide.counts[chosen][:, columns].toarray(), slide.totals[chosen]),
        patches={224: np.stack([crop(image, slide.pixel_xy[spot], 224) for spot in chosen])},
    )


# Parts against plain loops.


def linear(layer, x):
    bias = 0 if layer.bias is None else layer.bias.detach().numpy()
    return x @ layer.weight.detach().numpy().T + bias


def test_the_spot_encoder_equals_a_loop_over_heads():
    encoder, expression, positions = spot_encoder_and_spots()
    found = encoder(expression, positions).detach().numpy()
    tables = encoder.position
    state = expression.numpy() + np.stack(
        [(tables.column.weight[x] + tables.row.weight[y]).detach().numpy() for x, y in positions.tolist()]
    )
    for block in encoder.blocks:
        normed = block.attention_norm(torch.tensor(state)).detach().numpy()
        query, key, value = np.split(linear(block.attention.to_qkv, normed), 3, axis=1)
        heads = []
        for head in range(2):
            part = slice(4 * head, 4 * head + 4)
            weights = np.exp(log_softmax(query[:, part] @ key[:, part].T * 4**-0.5, axis=1))
            heads.append(weights @ value[:, part])
        state = state + linear(block.attention.to_output, np.concatenate(heads, axis=1))
        normed = block.feed_forward_norm(torch.tensor(state))
        state = state + block.feed_forward(normed).detach().numpy()
    np.testing.assert_allclose(found, state, rtol=1e-4, atol=1e-4)


def test_attention_has_no_bias_but_at_its_output_and_hidden_layers_are_as_wide_as_the_panel():
    block = SpotEncoder(GENES, 64, 1, 8, 64).blocks[0]
    assert block.attention.to_qkv.bias is None and block.attention.to_qkv.out_features == 1536
    assert block.attention.to_output.bias is not None
    assert block.feed_forward[0].out_features == GENES


def test_image_features_are_averaged_without_the_last_relu():
    torch.manual_seed(0)
    encoder = ImageEncoder(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1)))
    images = torch.randn(2, 3, 5, 5)
    assert (encoder.features(images) < 0).any()
    torch.testing.assert_close(encoder(images), encoder.features(images).flatten(2).mean(2))


# Batches, positions and augmentation.


def test_mixed_sequences_hold_each_spot_once_and_keep_the_short_one():
    random = torch.Generator().manual_seed(0)
    found = list(training_sequences([9, 7, 6], 8, "mixed", random))
    assert [len(spots) for spots in found] == [8, 8, 6]
    assert sorted(torch.cat(found).tolist()) == list(range(22))
    assert any(len({int(spot) // 9 for spot in spots}) > 1 for spots in found), "slides mix"


def test_sequences_of_one_slide_do_not_cross_slides():
    random = torch.Generator().manual_seed(0)
    found = list(training_sequences([9, 7, 6], 4, "one_slide", random))
    slide_of = np.repeat([0, 1, 2], [9, 7, 6])
    assert all(len(set(slide_of[spots.numpy()])) == 1 for spots in found)
    assert sorted(len(spots) for spots in found) == [2, 3, 4, 4, 4, 4], "a sequence of one spot is left out"
    orders = {tuple(slide_of[spots[0]] for spots in found)}
    orders.add(tuple(slide_of[s[0]] for s in training_sequences([9, 7, 6], 4, "one_slide", random)))
    assert len(orders) == 2, "the order is random"


def test_positions_are_column_and_row_or_whole_pixels():
    slide = TRAIN[0]
    np.testing.assert_array_equal(table_indices(slide, "grid", 64), slide.array_row_column[:, ::-1])
    np.testing.assert_array_equal(
        table_indices(slide, "pixels", 65_536), slide.array_row_column[:, ::-1] * 100
    )
    with pytest.raises(MethodError, match="set n_pos to at least 301"):
        table_indices(slide, "pixels", 300)
    with pytest.raises(MethodError, match="set n_pos to at least 4"):
        fitted(n_pos=3)


def test_images_lie_between_0_and_1_and_jitter_fills_corners_with_black():
    white = unit_images(torch.full((64, 32, 32, 3), 255, dtype=torch.uint8))
    assert white.shape == (64, 3, 32, 32) and white.min() == white.max() == 1
    seen = augmented(white, "jitter", torch.Generator().manual_seed(0))
    assert seen.min() == 0 and seen.max() <= 1
    assert (seen[:, :, 0, 0] == 0).all(1).float().mean() > 0.5, "most corners are turned out of the image"
    levels = seen[:, 0, 16, 16]
    assert levels.min() >= 0.5 and levels.unique().numel() > 20, "each image has a brightness of its own"


def test_mixed_precision_does_not_displace_pixels():
    images = torch.rand(4, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    expected = augmented(images, "jitter", torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augmented(images, "jitter", torch.Generator().manual_seed(1)), expected)


def test_symmetries_keep_the_pixels_and_none_changes_nothing():
    images, random = images_of(QUERY), torch.Generator().manual_seed(0)
    assert augmented(images, "none", random) is images
    turned = augmented(images, "symmetries", random)
    assert not torch.equal(turned, images)
    torch.testing.assert_close(turned.flatten(2).sort(-1).values, images.flatten(2).sort(-1).values)


def test_the_platform_decides_augmentation_and_neighbours():
    visium = training_slide("V", platform="Visium")
    method = MclSTExp()
    assert method._augmentation_for(TRAIN) == "jitter"
    assert method._augmentation_for([visium]) == "symmetries"
    assert method._neighbours_on(QUERY) == 200 and method._neighbours_on(query_of(visium)) == 2400
    assert MclSTExp(neighbours=5)._neighbours_on(QUERY) == 5


# Training.


def inputs_to(name: str, monkeypatch) -> list[tuple]:
    """What that method of the network is given from now on."""
    seen, plain = [], getattr(Network, name)

    def spied(self, *inputs):
        seen.append(inputs)
        return plain(self, *inputs)

    monkeypatch.setattr(Network, name, spied)
    return seen


@pytest.mark.parametrize("sequence", ["mixed", "one_slide"])
def test_patches_expression_and_positions_of_a_batch_belong_to_the_same_spots(sequence, monkeypatch):
    images, spots = (inputs_to(name, monkeypatch) for name in ("embedded_images", "embedded_spots"))
    fitted([numbered_slide("A", 8, 0), numbered_slide("B", 7, 8)], sequence=sequence, augmentation="none")
    numbers = [expression[:, 0].int().tolist() for expression, _ in spots]
    assert sorted(number for batch in numbers for number in batch) == list(range(15)), (
        "each spot is seen once"
    )
    for (seen,), (_, positions), batch in zip(images, spots, numbers, strict=True):
        assert (255 * seen[:, 0, 0, 0]).round().int().tolist() == batch
        assert positions.tolist() == [[number + 1, 2 * number] for number in batch]


def numbered_slide(name: str, n: int, first: int) -> TrainingSlide:
    """Spots numbered from `first` on: patch and expression are the number, the row is twice and the column one more."""
    number = np.arange(first, first + n)
    return replace(
        training_slide(name, n),
        array_row_column=np.stack([2 * number, number + 1], axis=1),
        expression=np.tile(number[:, None], (1, GENES)).astype(np.float32),
        patches={32: np.tile(number[:, None, None, None], (1, 32, 32, 3)).astype(np.uint8)},
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"weight_decay": 0.5},
        {"augmentation": "symmetries"},
        {"augmentation": "none"},
        {"sequence": "one_slide"},
        {"temperature": 16.0},
        {"optimiser": "adam"},
    ],
)
def test_every_training_switch_changes_what_is_learned(trained, changes):
    networks = [method._network.eval() for method in (trained, fitted(**changes))]
    with torch.no_grad():
        base, changed = (network.embedded_images(images_of(QUERY)) for network in networks)
    assert not torch.equal(base, changed)


def test_entries_of_the_tables_that_no_spot_uses_do_not_matter(trained):
    """A large table is a small one with rows that are never looked up."""
    small = trained._network.spot_encoder.eval()
    large = SpotEncoder(GENES, 500, 1, 2, 4)
    large.blocks.load_state_dict(small.blocks.state_dict())
    for name in ("row", "column"):
        getattr(large.position, name).weight.data[:64] = getattr(small.position, name).weight.data
    spots = torch.tensor(BANK), torch.tensor(training_spots(TRAIN, "grid", 64).columns_rows)
    with torch.no_grad():
        assert torch.equal(large(*spots), small(*spots))


def test_queries_meet_the_weights_of_their_checkpoint_and_do_not_change_the_fit():
    method = MclSTExp(**SMALL | {"epochs": 2}, neighbours=3)
    report, predictions = fit_with_queries(method, TRAIN, [QUERY, QUERY])
    assert list(predictions) == [1, 2] and report.epochs == len(report.losses) == 2
    np.testing.assert_array_equal(method.predict(QUERY), fitted(neighbours=3, epochs=2).predict(QUERY))
    np.testing.assert_array_equal(method.predict(QUERY), predictions[2][1])
    np.testing.assert_array_equal(fitted(neighbours=3).predict(QUERY), predictions[1][0])


def test_a_fitted_method_pickles_without_patches_and_leaves_its_slides_alone():
    train = [training_slide("A"), training_slide("B", n=7)]
    before = copy.deepcopy(train)
    method = fitted(train)
    assert all("patches" not in name for name in vars(method) if name != "patch_pixels")
    restored = pickle.loads(pickle.dumps(method))
    np.testing.assert_array_equal(restored.predict(QUERY), method.predict(QUERY))
    for slide, kept in zip(train, before, strict=True):
        np.testing.assert_array_equal(slide.patches[32], kept.patches[32])
        np.testing.assert_array_equal(slide.expression, kept.expression)


@pytest.mark.filterwarnings("ignore:No ImageNet weights")
def test_the_report_says_what_the_encoder_started_from_and_how_the_loss_went(cache):
    report = MclSTExp(**SMALL).fit(TRAIN)
    assert report.pretrained == "densenet121: random, as asked for"
    assert report.steps == 2, "16 spots in batches of 8"
    assert "Loss minus ln(batch size)" in report.notes[0]
    random = MclSTExp(**SMALL | {"epochs": 0, "pretrained": True}, mixed_precision=True)
    report = random.fit(TRAIN)
    assert report.pretrained == "densenet121: random, no ImageNet weights at hand"
    assert "mixed_precision was left off" in report.notes[-1]


def test_a_collapsed_loss_is_warned_of_and_a_falling_one_is_not():
    for excesses, collapsed in (
        ([3, 0.01, -0.01, 0.0], True),
        ([0.0, 0.0, 0.0, -0.5], False),
        ([1.0], False),
    ):
        watch = CollapseWatch()
        for excess in excesses:
            watch.begin_epoch()
            for size in (128, 40):
                watch.saw(torch.tensor(math.log(size) + excess), size)
        notes = list(watch.notes())
        assert f"{excesses[-1]:+.3f} in the last" in notes[0]
        assert any("collapsed" in note for note in notes) is collapsed


# Settings and errors.


def test_the_card_counts_the_steps_of_the_publication():
    spots, settings = 11_548 * 31 / 32, MclSTExp.defaults()
    steps = settings["epochs"] * math.ceil(spots / settings["batch_size"])
    assert CARD.steps_published("paper") == CARD.steps_published("released") == steps == 7_920


def test_the_card_s_settings_are_settings_and_paper_is_the_default():
    assert set(CARD.presets) == {"paper", "released"} and CARD.presets["paper"] == {}
    for settings in (*CARD.presets.values(), *CARD.grid, CARD.full_grid):
        MclSTExp.check_settings(settings)
    assert CARD.needs.patches == (224,) and CARD.trains_on == "log" and CARD.pretrained == ("densenet121",)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"sequence": "slide"}, UnknownName, "one_slide"),
        ({"distance": "l3"}, UnknownName, "Did you mean"),
        ({"optimiser": "adamW"}, UnknownName, "Did you mean adamw"),
        ({"neighbours": 0}, UsageError, "neighbours is 0"),
        ({"batch_size": 1}, UsageError, "batch_size is 1"),
        ({"temperature": 0.0}, UsageError, "temperature is 0.0"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, error, message):
    with pytest.raises(error, match=message):
        MclSTExp(**{**SMALL, **settings}).fit(TRAIN)


def test_predict_before_fit_and_slides_without_patches_are_errors():
    with pytest.raises(MethodError, match="before it was fitted"):
        MclSTExp().predict(QUERY)
    method = MclSTExp(**SMALL | {"patch_pixels": 224})
    with pytest.raises(MethodError, match="no patches of 224 px"):
        method.fit(TRAIN)
    with pytest.raises(MethodError, match="before it was fitted"):
        method.predict(QUERY)


def test_nothing_is_predicted_from_an_earlier_fit_once_a_later_one_has_failed():
    method = fitted(epochs=0)
    with pytest.raises(MethodError, match="no patches of 32 px"):
        method.fit([replace(TRAIN[0], patches={})])
    with pytest.raises(MethodError, match="before it was fitted"):
        method.predict(QUERY)


def test_recomputed_dense_blocks_give_the_same_gradients_and_statistics():
    from torchvision.models import densenet121

    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    gradients, statistics = [], []
    for recompute_from in (1, 1000):
        torch.manual_seed(0)
        encoder = ImageEncoder(densenet121().features, recompute_from).train()
        encoder(images).square().mean().backward()
        gradients.append([parameter.grad for parameter in encoder.parameters()])
        statistics.append(dict(encoder.named_buffers()))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
    for name, values in statistics[0].items():
        torch.testing.assert_close(values, statistics[1][name])


def test_how_many_neighbours_are_averaged_is_tried_on_one_fit():
    assert CARD.at_prediction == ("neighbours",)
    method = MclSTExp(**SMALL | {"epochs": 2})
    train, query = [training_slide(name) for name in "AB"], query_of(training_slide("Q"))
    assert_swept_as_fitted(method, train, query, "neighbours", [1, 3, 200])

"""The synthetic datasets: reproducible, placed rightly, learnable where they claim to be and nowhere else."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import Ridge

from stbench.datasets.demo import plugin as Demo
from stbench.datasets.demo_tiny import plugin as DemoTiny
from stbench.errors import DatasetError
from stbench.evaluation.folds import group_slides, inner_folds, leave_one_group_out
from stbench.registry import dataset_card
from stbench.slide import Slide

REGIONS = {"tumour", "stroma", "immune", "fat"}
PATCH = 224


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Slide]:
    return {source.id: source.read() for source in Demo().slides(tmp_path_factory.mktemp("demo"))}


@pytest.fixture(scope="module")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    DemoTiny().fetch(root)
    return root


def files_below(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.suffix in (".jpg", ".npz")}


def patches(slide: Slide, pixel_xy: np.ndarray | None = None) -> np.ndarray:
    """(n, 224, 224, 3) cut around the spots, white beyond the edge."""
    with Image.open(slide.image) as image:
        padded = np.pad(np.asarray(image), ((PATCH, PATCH), (PATCH, PATCH), (0, 0)), constant_values=255)
    corners = np.rint(slide.pixel_xy if pixel_xy is None else pixel_xy).astype(int) + PATCH // 2
    return np.stack([padded[y : y + PATCH, x : x + PATCH] for x, y in corners])


def log_expression(slide: Slide) -> np.ndarray:
    counts = slide.counts.toarray()
    return np.log1p(1e6 * counts / counts.sum(axis=1, keepdims=True))


def column_correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    scale = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), scale, out=np.zeros(len(scale)), where=scale > 0)


def columns(slide: Slide, *groups: str) -> np.ndarray:
    return np.array([gene.rstrip("0123456789") in groups for gene in slide.genes])


# --- size and repetition ------------------------------------------------------------------------------------


def test_demo_has_the_size_that_its_card_states(demo: dict[str, Slide]):
    card = dataset_card("demo")
    assert list(demo) == ["A1", "A2", "B1", "B2"]
    assert len(demo) == card.n_slides
    assert len({slide.patient for slide in demo.values()}) == card.n_patients
    assert set(card.marker_genes) <= set(demo["A1"].genes)
    for slide in demo.values():
        assert 70 <= slide.n_spots <= 95
        assert len(slide.genes) == 150
        assert 2000 < np.median(slide.totals) < 8000
        assert 1 <= (slide.totals < 100).sum() <= 6
        with Image.open(slide.image) as image:
            assert image.size == (2064, 2064)


def test_demo_tiny_has_the_size_that_its_card_states(tiny_root: Path):
    slides = [source.read() for source in DemoTiny().slides(tiny_root)]
    card = dataset_card("demo-tiny")
    assert len(slides) == card.n_slides
    assert len({slide.patient for slide in slides}) == card.n_patients
    for slide in slides:
        assert 28 <= slide.n_spots <= 36
        assert len(slide.genes) == 60
        assert slide.annotation is not None
        assert set(slide.annotation) == REGIONS


def test_demo_tiny_has_an_inner_loop_in_every_outer_fold(tiny_root: Path):
    patients = {source.id: source.patient for source in DemoTiny().slides(tiny_root)}
    left_out = set()
    for split in ("slide", "patient"):
        groups = group_slides(patients, split)
        for outer in leave_one_group_out(groups):
            inner = inner_folds(outer.train, groups, "all")
            assert inner.note == "" and len(inner.folds) == 3
            left_out |= {frozenset((*outer.test, *fold.test)) for fold in inner.folds}
    assert len(left_out) == 6  # pairs of slides that somebody is trained without


def test_both_cards_say_that_the_tissue_is_synthetic():
    for name in ("demo", "demo-tiny"):
        card = dataset_card(name)
        assert card.generated
        assert all("SYNTHETIC" in text for text in (card.title, card.summary, card.platform))


def test_all_regions_are_on_every_slide(demo: dict[str, Slide]):
    for slide in demo.values():
        labels, sizes = np.unique(np.asarray(slide.annotation), return_counts=True)
        assert set(labels) == REGIONS
        assert sizes.min() >= 8


def test_same_bytes_are_generated_again(tiny_root: Path, tmp_path: Path):
    DemoTiny().fetch(tmp_path)
    again, before = files_below(tmp_path), files_below(tiny_root)
    assert len(again) == 8
    assert again == before


def test_slides_differ_from_each_other(tiny_root: Path):
    assert len(set(files_below(tiny_root).values())) == 8


def test_present_files_are_left_and_a_lost_one_comes_back(tmp_path: Path):
    DemoTiny().fetch(tmp_path)
    folder = DemoTiny().folder(tmp_path)
    before = files_below(tmp_path)
    kept, lost = folder / "A1.npz", folder / "B1.jpg"
    stamp = kept.stat().st_mtime_ns
    lost.unlink()
    sources = DemoTiny().slides(tmp_path)
    assert kept.stat().st_mtime_ns == stamp
    assert files_below(tmp_path) == before
    assert pickle.loads(pickle.dumps(sources[1])).read().id == "B1"


def test_changed_design_never_meets_old_files(tmp_path: Path):
    class Other(DemoTiny):
        design = DemoTiny.design._replace(n_genes=61)

    assert Other().folder(tmp_path) != DemoTiny().folder(tmp_path)


def test_damaged_file_is_an_error_that_names_it(tiny_root: Path, tmp_path: Path):
    DemoTiny().copy_scrambled(tiny_root, "A1", tmp_path, seed=0)
    path = DemoTiny().folder(tmp_path) / "C1.npz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DatasetError, match=r"C1\.npz is damaged"):
        DemoTiny().slides(tmp_path)[2].read()


# --- positions ----------------------------------------------------------------------------------------------


def whiteness_gap(slide: Slide, pixel_xy: np.ndarray) -> float:
    """How much whiter the patches of spots labelled fat are than those of tumour, in grey levels."""
    grey = patches(slide, pixel_xy)[:, 60:-60, 60:-60].mean(axis=(1, 2, 3))
    labels = np.asarray(slide.annotation)
    return float(grey[labels == "fat"].mean() - grey[labels == "tumour"].mean())


def test_positions_are_neither_mirrored_nor_swapped(demo: dict[str, Slide]):
    for slide in demo.values():
        with Image.open(slide.image) as image:
            edge = image.width
        xy = slide.pixel_xy
        wrong = (xy[:, ::-1], np.abs(xy - [edge, 0]), np.abs(xy - [0, edge]), edge - xy)
        gap = whiteness_gap(slide, xy)
        assert gap > 40
        assert max(whiteness_gap(slide, other) for other in wrong) < 0.7 * gap


def test_array_positions_follow_the_pixels(demo: dict[str, Slide]):
    for slide in demo.values():
        row, column = slide.array_row_column.T
        assert np.corrcoef(column, slide.pixel_xy[:, 0])[0, 1] > 0.99
        assert np.corrcoef(row, slide.pixel_xy[:, 1])[0, 1] > 0.99
        assert np.abs(slide.pixel_xy / 200 - 0.66 - slide.array_row_column[:, ::-1]).max() < 0.25
        assert slide.spot_ids[0] == f"{column[0]}x{row[0]}"


# --- what can be learned ------------------------------------------------------------------------------------


def test_genes_follow_their_region_and_noise_follows_none(demo: dict[str, Slide]):
    for region in REGIONS:
        own, noise = [], []
        for slide in demo.values():
            spots = slide.totals >= 100
            inside = (np.asarray(slide.annotation)[spots] == region).astype(float)[:, None]
            found = column_correlations(log_expression(slide)[spots], inside)
            own.append(found[columns(slide, region.upper())].mean())
            noise.append(found[columns(slide, "NOISE")].mean())
        assert min(own) > 0.12, region
        assert abs(np.mean(noise)) < 0.06, region


def simple_features(slide: Slide) -> np.ndarray:
    """Colour means and spreads and the share of dark and of white pixels: an image seen without a network."""
    cut = patches(slide)[:, ::2, ::2].astype(np.float32)
    grey = cut.mean(axis=3)
    shares = np.stack([(grey < 130).mean(axis=(1, 2)), (grey > 235).mean(axis=(1, 2))], axis=1)
    return np.hstack([cut.mean(axis=(1, 2)) / 50, cut.std(axis=(1, 2)) / 20, 5 * shares])


def test_image_predicts_signal_but_not_noise_on_an_unseen_slide(demo: dict[str, Slide]):
    features = {name: simple_features(slide) for name, slide in demo.items()}
    signal, noise, totals = [], [], []
    for name, slide in demo.items():
        others = [other for other in demo if other != name]
        kept = {other: demo[other].totals >= 100 for other in demo}
        x = np.concatenate([features[other][kept[other]] for other in others])
        y = np.concatenate([log_expression(demo[other])[kept[other]] for other in others])
        depth = np.concatenate([np.log1p(demo[other].totals[kept[other]]) for other in others])
        query = features[name][kept[name]]
        found = column_correlations(log_expression(slide)[kept[name]], Ridge(1.0).fit(x, y).predict(query))
        noise.append(found[columns(slide, "NOISE")].mean())
        signal.append(found[~columns(slide, "NOISE", "OTHER")].mean())
        predicted = Ridge(1.0).fit(x, depth).predict(query)
        totals.append(np.corrcoef(predicted, np.log1p(slide.totals[kept[name]]))[0, 1])
    assert 0.15 < np.mean(signal) < 0.6
    assert abs(np.mean(noise)) < 0.06
    assert 0.35 < np.mean(totals) < 0.9  # depth shows in the image, and not all of it does


# --- the scrambled copy -------------------------------------------------------------------------------------


def test_scrambled_copy_changes_one_slides_counts_only(tiny_root: Path, tmp_path: Path):
    DemoTiny().copy_scrambled(tiny_root, "B1", tmp_path, seed=5)
    before, after = files_below(tiny_root), files_below(tmp_path)
    assert [name for name in sorted(before) if before[name] != after[name]] == ["B1.npz"]
    old, new = (DemoTiny().slides(root)[1].read() for root in (tiny_root, tmp_path))
    assert (old.spot_ids, old.genes) == (new.spot_ids, new.genes)
    assert np.array_equal(old.pixel_xy, new.pixel_xy)
    assert np.array_equal(np.asarray(old.annotation), np.asarray(new.annotation))
    assert (old.counts != new.counts).nnz > 0.5 * old.counts.nnz
    assert np.abs(column_correlations(log_expression(old), log_expression(new))).mean() < 0.2


def test_scrambled_copy_refuses_its_own_folder_and_unknown_slides(tiny_root: Path, tmp_path: Path):
    with pytest.raises(DatasetError, match="must not overwrite"):
        DemoTiny().copy_scrambled(tiny_root, "A1", tiny_root, seed=0)
    with pytest.raises(DatasetError, match="no slide 'Z9'"):
        DemoTiny().copy_scrambled(tiny_root, "Z9", tmp_path, seed=0)

"""Tissue, nuclei and paint on hand-made cases: everything lands where it was put."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.synthetic.fields import enlarged, grain, smooth_field, tiled
from stbench.synthetic.nuclei import ADIPOCYTE, Nuclei, jittered_grid, place_nuclei, wall_distance
from stbench.synthetic.painting import Staining, paint
from stbench.synthetic.tissue import CELL, FAT, IMMUNE, REGIONS, STROMA, TUMOUR, Tissue, grow_tissue

EDGE = 800


def plain_tissue(region: np.ndarray) -> Tissue:
    cells = np.zeros(region.shape)
    return Tissue(
        region.shape[0] * CELL, np.ones(region.shape, bool), region, cells, np.indices(region.shape)[0]
    )


def quarters() -> Tissue:
    """Fat at the top right, immune at the bottom left, tumour at the top left, stroma at the bottom right."""
    region = np.full((EDGE // CELL,) * 2, STROMA)
    half = len(region) // 2
    region[:half, :half], region[:half, half:], region[half:, :half] = TUMOUR, FAT, IMMUNE
    return plain_tissue(region)


def test_positions_are_x_then_y_in_the_maps():
    row, column = quarters().cells(np.array([[CELL * 7 + 1.0, CELL * 3 + 0.5]]))
    assert (row[0], column[0]) == (3, 7)


def test_share_of_a_region_is_one_inside_and_half_on_its_border():
    tissue = quarters()
    xy = np.array([[600.0, 200.0], [200.0, 600.0], [400.0, 200.0]])
    assert tissue.share(FAT, xy, 60) == pytest.approx([1, 0, 0.5], abs=0.06)
    assert tissue.share(IMMUNE, xy, 60) == pytest.approx([0, 1, 0], abs=0.01)


def test_shares_of_all_regions_add_up_to_one():
    tissue = grow_tissue(EDGE, np.random.default_rng(0), np.random.default_rng(1))
    row, column = np.nonzero(tissue.inside)
    xy = np.stack([column, row], axis=1)[::50] * float(CELL)
    total = sum(tissue.share(region, xy, 90) for region in range(len(REGIONS)))
    assert total == pytest.approx(np.ones(len(xy)), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_grown_tissue_has_every_region_and_a_white_border(seed: int):
    tissue = grow_tissue(1464, np.random.default_rng(seed), np.random.default_rng(seed + 100))
    sizes = np.bincount(tissue.region[tissue.inside], minlength=4) / tissue.inside.sum()
    assert sizes.min() > 0.08
    assert 0.6 < tissue.inside.mean() < 0.95
    assert not tissue.inside[[0, 0, -1, -1], [0, -1, 0, -1]].any()


def test_sections_of_a_patient_resemble_each_other_and_others_do_not():
    def grown(patient: int, section: int) -> np.ndarray:
        return (
            grow_tissue(1464, np.random.default_rng(patient), np.random.default_rng(section)).region == TUMOUR
        )

    sibling = np.mean([np.corrcoef(grown(p, 10).ravel(), grown(p, 11).ravel())[0, 1] for p in range(4)])
    stranger = np.mean([np.corrcoef(grown(p, 10).ravel(), grown(p + 1, 11).ravel())[0, 1] for p in range(4)])
    assert sibling > stranger + 0.2


def test_nuclei_are_densest_in_immune_tissue_and_rare_in_fat():
    tissue, rng = quarters(), np.random.default_rng(0)
    nuclei = place_nuclei(tissue, jittered_grid(EDGE, ADIPOCYTE, 0.3, rng), rng)
    tumour, fat, immune, stroma = nuclei.within(
        np.array([[200.0, 200.0], [600.0, 200.0], [200.0, 600.0], [600.0, 600.0]]), 150
    )
    assert immune > tumour > stroma > fat


def test_nuclei_within_a_radius_equal_a_plain_count():
    rng = np.random.default_rng(3)
    xy, spots = rng.uniform(0, 100, (300, 2)), rng.uniform(0, 100, (7, 2))
    nuclei = Nuclei(xy, np.zeros(300, int), np.zeros(300))
    plain = [(np.hypot(*(xy - spot).T) <= 20).sum() for spot in spots]
    assert nuclei.within(spots, 20).tolist() == plain


def test_wall_distance_is_zero_half_way_between_two_fat_cells():
    cells = np.array([[0.0, 0.0], [10.0, 0.0], [100.0, 0.0]])
    assert wall_distance(cells, np.array([[5.0, 3.0], [1.0, 0.0]])) == pytest.approx([0, 8])


def paint_one(kind: int, x: float, y: float) -> np.ndarray:
    tissue = plain_tissue(np.full((40, 40), STROMA))
    nuclei = Nuclei(np.array([[x, y]]), np.array([kind]), np.zeros(1))
    fat_cells = jittered_grid(tissue.edge, ADIPOCYTE, 0.3, np.random.default_rng(1))
    return paint(tissue, nuclei, fat_cells, Staining(), np.random.default_rng(2))


@pytest.mark.parametrize("kind", [TUMOUR, IMMUNE])
def test_a_nucleus_is_a_dark_purple_disc_at_its_place(kind: int):
    x, y = 90, 230
    with_nucleus, elsewhere = paint_one(kind, x, y), paint_one(kind, 20, 20)
    change = elsewhere.astype(int) - with_nucleus
    assert change[y, x, 0] > 60  # much less red
    red, green, blue = with_nucleus[y - 2 : y + 3, x - 2 : x + 3].mean(axis=(0, 1))
    assert green < red < blue
    changed_rows, changed_columns = np.nonzero(change[..., 0] > 20)
    assert abs(changed_rows.mean() - y) < 1.5
    assert abs(changed_columns.mean() - x) < 1.5


def test_regions_have_their_colours_where_they_lie():
    tissue, rng = quarters(), np.random.default_rng(0)
    fat_cells = jittered_grid(EDGE, ADIPOCYTE, 0.3, rng)
    image = paint(tissue, place_nuclei(tissue, fat_cells, rng), fat_cells, Staining(), rng).astype(float)
    mean = {
        name: image[rows, columns].mean(axis=(0, 1))
        for name, rows, columns in (
            ("tumour", slice(50, 350), slice(50, 350)),
            ("fat", slice(50, 350), slice(450, 750)),
            ("immune", slice(450, 750), slice(50, 350)),
            ("stroma", slice(450, 750), slice(450, 750)),
        )
    }
    assert mean["fat"].min() > 200
    assert mean["stroma"][0] > mean["stroma"][2] > mean["stroma"][1]  # pink
    assert mean["stroma"][0] > max(mean["tumour"][0], mean["immune"][0]) + 20  # nuclei take the red away
    assert mean["stroma"].mean() < mean["fat"].mean() - 20


def test_stronger_staining_is_darker():
    tissue, rng = quarters(), np.random.default_rng(0)
    fat_cells = jittered_grid(EDGE, ADIPOCYTE, 0.3, rng)
    nuclei = place_nuclei(tissue, fat_cells, rng)
    pale, strong = (
        paint(tissue, nuclei, fat_cells, staining, np.random.default_rng(1)).mean()
        for staining in (Staining(), Staining(haematoxylin=1.3, eosin=1.3))
    )
    assert strong < pale - 5


def test_fields_are_standardised_and_smooth():
    rng = np.random.default_rng(0)
    for field in (smooth_field(rng, 200, 12), grain(rng, 200, (2, 8))):
        assert field.mean() == pytest.approx(0, abs=0.05)
        assert field.std() == pytest.approx(1, abs=0.15)
    steps = np.diff(smooth_field(rng, 200, 12), axis=0)
    assert np.abs(steps).mean() < 0.1


def test_enlarging_keeps_orientation_and_tiles_repeat():
    field = np.array([[0.0, 1.0], [2.0, 3.0]])
    large = enlarged(field, 8)
    assert large[0, 0] < large[0, -1] < large[-1, 0] < large[-1, -1]
    assert np.array_equal(tiled(field, 3), [[0, 1, 0], [2, 3, 2], [0, 1, 0]])

"""Synthetic counts: programmes move their own genes, noise keeps its share, depth has two parts."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.synthetic.expression import draw_counts, draw_programmes, individual
from stbench.synthetic.scramble import scrambled_counts
from stbench.synthetic.section import Design, make_section

N = 4000


@pytest.fixture(scope="module")
def programmes():
    return draw_programmes(150, np.random.default_rng(1))


@pytest.fixture(scope="module")
def spots():
    """Region of each spot, shares and number of nuclei, independent of each other."""
    rng = np.random.default_rng(2)
    region = rng.integers(4, size=N)
    return region, np.eye(4)[region], rng.poisson(40, N)


@pytest.fixture(scope="module")
def counts(programmes, spots):
    _, shares, n_nuclei = spots
    return draw_counts(programmes, shares, n_nuclei, np.zeros(N), np.random.default_rng(3))


def test_names_are_unique_and_tell_the_group(programmes):
    assert len(set(programmes.names)) == 150
    assert all(n.startswith(g.upper()) for n, g in zip(programmes.names, programmes.group, strict=True))
    assert set(programmes.group) == {"tumour", "stroma", "immune", "fat", "nuclei", "noise", "other"}


def test_totals_are_as_wide_as_real_ones(counts):
    totals = counts.sum(axis=1)
    assert 2000 < np.median(totals) < 8000
    assert 0.01 < (totals < 100).mean() < 0.03
    assert 0.45 < np.log(totals[totals >= 100]).std() < 0.75


def test_region_genes_rise_in_their_region_by_their_loading(programmes, spots, counts):
    region, _, _ = spots
    depth = counts[:, programmes.group == "noise"].sum(axis=1)
    for index, name in enumerate(("tumour", "stroma", "immune", "fat")):
        inside, genes = region == index, programmes.group == name
        rate_in = counts[inside][:, genes].sum(axis=0) / depth[inside].sum()
        rate_out = counts[~inside][:, genes].sum(axis=0) / depth[~inside].sum()
        assert np.log(rate_in / rate_out) == pytest.approx(programmes.loadings[genes, index], abs=0.25)


def test_noise_genes_keep_their_share_in_every_region(programmes, spots, counts):
    region, _, _ = spots
    noise, kept = programmes.group == "noise", counts.sum(axis=1) >= 100
    share = counts[:, noise].sum(axis=1) / counts.sum(axis=1).clip(1)
    means = [share[kept & (region == index)].mean() for index in range(4)]
    assert max(means) / min(means) < 1.03


def test_counts_are_overdispersed(programmes, spots, counts):
    region, _, _ = spots
    scaled = counts[region == 0] / counts[region == 0].sum(axis=1, keepdims=True).clip(1) * 4000
    noise = scaled[:, programmes.group == "noise"]
    poisson = 1 / noise.mean(axis=0)
    assert (noise.var(axis=0) / noise.mean(axis=0) ** 2 > 1.5 * poisson).all()


def test_depth_follows_the_nuclei_in_part(spots, counts):
    _, _, n_nuclei = spots
    totals = counts.sum(axis=1)
    kept = totals >= 100
    assert 0.5 < np.corrcoef(np.log(n_nuclei[kept]), np.log(totals[kept]))[0, 1] < 0.85


def test_an_individual_shifts_levels_but_keeps_the_genes(programmes):
    own = individual(programmes, 0.25, np.random.default_rng(0))
    assert own.names == programmes.names
    assert 0.15 < np.log(own.level / programmes.level).std() < 0.35
    assert ((own.loadings > 0) == (programmes.loadings > 0)).all()


def test_scrambled_counts_keep_shape_and_depth_and_nothing_else(counts):
    noise = scrambled_counts(counts, seed=4)
    assert (noise.shape, noise.dtype) == (counts.shape, np.int32)
    assert noise.sum() == pytest.approx(counts.sum(), rel=0.01)
    assert np.array_equal(noise, scrambled_counts(counts, seed=4))
    assert not np.array_equal(noise, scrambled_counts(counts, seed=5))
    assert abs(np.corrcoef(noise.sum(axis=1), counts.sum(axis=1))[0, 1]) < 0.08
    assert abs(np.corrcoef(noise.mean(axis=0), counts.mean(axis=0))[0, 1]) < 0.3


def test_sections_repeat_and_depend_on_seed_and_name():
    design = Design(seed=5, patients=("A", "A", "B"), grid=3, n_genes=40)
    assert design.slides == ("A1", "A2", "B1")
    first, again = make_section(design, "A1"), make_section(design, "A1")
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one, other)
    others = (
        make_section(design, "A2"),
        make_section(design, "B1"),
        make_section(design._replace(seed=6), "A1"),
    )
    for other in others:
        assert not np.array_equal(first.image, other.image)
        assert first.counts.shape != other.counts.shape or not np.array_equal(first.counts, other.counts)


def test_surroundings_move_region_genes_and_leave_the_image_alone():
    """A tumour gene rises where tumour lies beside a spot of something else; without them it does not know."""
    design = Design(seed=5, patients=("A",), grid=6, n_genes=60)
    alone, beside = (make_section(design._replace(surroundings=share), "A1") for share in (0.0, 0.8))
    assert np.array_equal(alone.image, beside.image)
    assert np.array_equal(alone.annotation, beside.annotation)
    gap = np.linalg.norm(alone.pixel_xy[:, None] - alone.pixel_xy, axis=2)
    near = ((gap < 300) & (gap > 0) & (alone.annotation == "tumour")).any(axis=1)
    fringe = near & (alone.annotation != "tumour")
    genes = [i for i, gene in enumerate(alone.genes) if gene.startswith("TUMOUR")]
    assert fringe.sum() >= 3
    assert beside.counts[fringe][:, genes].sum() > 1.2 * alone.counts[fringe][:, genes].sum()

"""Gene panels: ranked on training slides against direct calculations, read from files, and the leaky recipe."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scanpy
from scipy import sparse
from tiny_slides import make_slide

from stbench.datasets.demo import plugin as Demo
from stbench.datasets.her2 import plugin as Her2
from stbench.errors import GenePanelError, UnknownName
from stbench.preprocess.genes import (
    GenePanel,
    check_spec,
    choose_panel,
    origin,
    read_gene_file,
    spec_identity,
)
from stbench.slide import Slide


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> list[Slide]:
    return [source.read() for source in Demo().slides(tmp_path_factory.mktemp("demo"))]


def with_counts(slide: Slide, counts: np.ndarray, genes: Sequence[str] | None = None) -> Slide:
    return replace(slide, counts=sparse.csr_matrix(counts), genes=tuple(genes or slide.genes))


def without(slide: Slide, *genes: str) -> Slide:
    kept = [gene for gene in slide.genes if gene not in genes]
    return with_counts(slide, slide.counts.toarray()[:, [slide.genes.index(gene) for gene in kept]], kept)


def detected_often(slides: Sequence[Slide], least: int = 100) -> list[str]:
    """Genes of all slides that at least a tenth of their spots show, counted one by one."""
    shown = dict.fromkeys(set.intersection(*(set(slide.genes) for slide in slides)), 0)
    n_spots = 0
    for slide in slides:
        counts = slide.counts.toarray()
        kept = counts.sum(axis=1) >= least
        n_spots += kept.sum()
        for gene, n_showing in zip(slide.genes, (counts[kept] > 0).sum(axis=0), strict=True):
            if gene in shown:
                shown[gene] += int(n_showing)
    return sorted(gene for gene, n in shown.items() if n >= n_spots / 10)


def scanpys_choice(slides: Sequence[Slide], n_genes: int, among: Sequence[Slide] = ()) -> list[str]:
    genes = detected_often(among or slides)
    tables = [pd.DataFrame(slide.counts.toarray(), slide.spot_ids, slide.genes) for slide in slides]
    parts = [anndata.AnnData(t[t.sum(axis=1) >= 100][genes].astype(float)) for t in tables]
    spots = anndata.concat(dict(zip("abcdef", parts, strict=False)), label="batch", index_unique="-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scanpy.pp.highly_variable_genes(spots, flavor="seurat_v3", n_top_genes=n_genes, batch_key="batch")
    return spots.var.index[spots.var["highly_variable"]].tolist()


def test_train_hvg_is_scanpys_choice_on_the_training_slides(demo):
    panel = choose_panel("train-hvg", 40, demo[:3], demo, 100)
    assert sorted(panel.genes) == sorted(scanpys_choice(demo[:3], 40))
    assert len(panel.genes) == 40 and (panel.leaky, panel.note) == (False, "")
    assert sorted(choose_panel("train-hvg", 10_000, demo[:3], demo, 100).genes) == detected_often(demo[:3])


@pytest.mark.parametrize("spec", ["train-hvg", "highest", "svg"])
def test_the_test_slides_counts_do_not_matter(demo, spec):
    chosen = choose_panel(spec, 30, demo[:3], demo, 100)
    noise = np.random.default_rng(0).poisson(5, demo[3].counts.shape)
    fewer = without(with_counts(demo[3], noise), demo[3].genes[0], demo[3].genes[5])
    assert choose_panel(spec, 30, demo[:3], [*demo[:3], fewer], 100) == chosen
    shuffled = [with_counts(s, s.counts.toarray()[:, ::-1], s.genes[::-1]) for s in demo[:3]]
    assert choose_panel(spec, 30, shuffled, demo, 100) == chosen


def test_genes_that_one_training_slide_lacks_or_few_spots_show_are_out(demo):
    counts = [slide.counts.toarray() for slide in demo[:3]]
    n_scored = sum((c.sum(axis=1) >= 100).sum() for c in counts)
    rare, edge, absent = demo[0].genes[:3]
    for gene, n_shown in ((0, int(np.ceil(n_scored / 10)) - 1), (1, int(np.ceil(n_scored / 10)))):
        for c in counts:
            c[:, gene] = 0
        places = [(i, spot) for i, c in enumerate(counts) for spot in np.flatnonzero(c.sum(axis=1) >= 100)]
        for i, spot in places[:n_shown]:
            counts[i][spot, gene] = 500
    slides = [with_counts(slide, c) for slide, c in zip(demo, counts, strict=False)]
    slides[1] = without(slides[1], absent)
    genes = choose_panel("highest", 10_000, slides, slides, 100).genes
    assert rare not in genes and absent not in genes and edge in genes


def test_only_spots_with_enough_counts_are_looked_at(demo):
    noise = np.random.default_rng(1).poisson(0.3, demo[0].counts.shape)  # about 45 counts a spot
    mixed = [with_counts(s, np.vstack([s.counts.toarray()[:-40], noise[:40]])) for s in demo[:3]]
    clean = [
        replace(
            s, counts=s.counts[:-40], spot_ids=s.spot_ids[:-40], pixel_xy=s.pixel_xy[:-40],
            array_row_column=s.array_row_column[:-40], annotation=None,
        )
        for s in demo[:3]
    ]  # fmt: skip
    for spec in ("train-hvg", "highest", "svg"):
        assert choose_panel(spec, 25, mixed, mixed, 100) == choose_panel(spec, 25, clean, clean, 100)


def test_highest_is_the_mean_count_over_training_spots(demo):
    stacked = np.concatenate([s.counts.toarray()[s.totals >= 100] for s in demo[:3]])
    order = np.argsort(-stacked.mean(axis=0))[:20]
    assert choose_panel("highest", 20, demo[:3], demo, 100).genes == tuple(demo[0].genes[i] for i in order)


def _moran(values: np.ndarray, places: np.ndarray) -> float:
    """Moran's I with the six nearest spots of each, ties by (distance, row, column), in loops."""
    centred, cross, n_pairs = values - values.mean(), 0.0, 0
    for i, place in enumerate(places):
        others = [j for j in range(len(places)) if j != i]
        others.sort(key=lambda j: (round(float(np.hypot(*(places[j] - place))), 9), *places[j]))
        for j in others[:6]:
            cross += centred[i] * centred[j]
            n_pairs += 1
    return len(values) / n_pairs * cross / (centred**2).sum()


def test_svg_is_morans_i_averaged_over_training_slides(tmp_path):
    slides = [make_slide(tmp_path, f"S{i}", "A", i) for i in range(2)]
    expected = {}
    for gene in detected_often(slides):
        values = []
        for slide in slides:
            scored = slide.totals >= 100
            column = slide.counts.toarray()[scored, slide.genes.index(gene)]
            values.append(
                _moran(np.log1p(1e6 * column / slide.totals[scored]), slide.array_row_column[scored])
            )
        expected[gene] = np.mean(values)
    order = sorted(expected, key=lambda gene: -expected[gene])
    assert choose_panel("svg", 12, slides, slides, 100).genes == tuple(order[:12])


def test_svg_takes_neighbours_in_pixels_where_array_units_are_no_distances(tmp_path):
    slides = [make_slide(tmp_path, f"S{i}", "A", i) for i in range(2)]
    mixed_up = np.random.default_rng(0).permutation(36)
    moved = [replace(s, platform="Visium", array_row_column=s.array_row_column[mixed_up]) for s in slides]
    st_panel, visium_panel = (choose_panel("svg", 8, s, s, 100).genes for s in (slides, moved))
    assert len(set(st_panel) & set(visium_panel)) >= 6  # noise in pixels settles ties otherwise


@pytest.mark.parametrize("spec", ["train-hvg", "highest", "svg"])
def test_a_training_slide_with_hardly_a_spot_has_no_say(demo, spec):
    for n_left in (0, 1, 2):
        counts = demo[2].counts.toarray()
        counts[n_left:] = 0
        counts[:n_left] += 10
        panel = choose_panel(spec, 20, [*demo[:2], with_counts(demo[2], counts)], demo, 100)
        assert len(panel.genes) == 20


def test_a_panel_that_nothing_is_left_of_names_panel_slides_and_alternatives(demo):
    renamed = with_counts(demo[1], demo[1].counts.toarray(), [f"other-{gene}" for gene in demo[1].genes])
    for spec in ("train-hvg", "highest", "svg"):
        with pytest.raises(GenePanelError) as error:
            choose_panel(spec, 250, [demo[0], renamed], demo, 100)
        for words in (f"Panel {spec}", f"{demo[0].id}, {demo[1].id}", "has 0 genes", "--genes file:PATH"):
            assert words in str(error.value)
    with pytest.raises(GenePanelError, match=r"No spot of the slides .* has 1000000 counts.*--min-counts"):
        choose_panel("train-hvg", 250, demo[:2], demo, 1_000_000)


def test_a_small_panel_that_was_asked_for_is_given(demo):
    assert len(choose_panel("highest", 3, demo[:2], demo, 100).genes) == 3


def test_a_slide_whose_curve_cannot_be_fitted_is_named(demo, tmp_path):
    flat = np.tile(np.arange(demo[1].n_spots)[:, None] % 2 + 5, (1, len(demo[1].genes)))
    slides = [demo[0], with_counts(demo[1], flat), demo[2]]
    with pytest.raises(
        GenePanelError, match=rf"does not fit slide {demo[1].id} \(.*--slides.*--genes highest"
    ):
        choose_panel("train-hvg", 20, slides, slides, 100)


def test_a_slide_on_which_hardly_a_gene_varies_has_no_say(demo):
    for n_varying in (0, 1, 3):
        counts = np.full(demo[2].counts.shape, 7)
        counts[:, :n_varying] += np.arange(len(counts))[:, None] % (3 + np.arange(n_varying))
        slides = [*demo[:2], with_counts(demo[2], counts)]
        assert sorted(choose_panel("train-hvg", 20, slides, demo, 100).genes) == sorted(
            scanpys_choice(slides[:2], 20, among=slides)
        )


GENES = ("G03", "G01", "G07")


def _gene_file(folder: Path, kind: str) -> Path:
    path = folder / f"genes.{kind}"
    if kind == "npy":
        np.save(path, np.array(GENES))
    elif kind == "csv":
        path.write_text('gene,rank\n"G03",1\nG01,2\n\nG07,3\n')
    else:
        path.write_text("\ufeffG03\r\n\r\n  G01 \r\nG07\r\nG03\r\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["txt", "csv", "npy"])
def test_a_gene_file_of_any_kind_keeps_its_order(tmp_path, kind, cache):
    path = _gene_file(tmp_path, kind)
    slides = [make_slide(tmp_path, f"S{i}", "A", i) for i in range(2)]
    assert read_gene_file(path) == GENES
    check_spec(f"file:{path}")
    panel = choose_panel(f"file:{path}", 250, slides[:1], slides, 100)
    assert panel == GenePanel(GENES, leaky=False, note="origin outside the fold")


def test_a_csv_without_heading_loses_no_gene(tmp_path):
    (tmp_path / "genes.csv").write_text("G03\nG01\n")
    assert read_gene_file(tmp_path / "genes.csv") == ("G03", "G01")


def test_a_gene_that_no_slide_knows_is_named(tmp_path):
    slides = [make_slide(tmp_path, f"S{i}", "A", i) for i in range(2)]
    (tmp_path / "genes.txt").write_text("G01\nFASNN\n")
    with pytest.raises(GenePanelError, match=r"genes\.txt names 1 gene that no slide measures: FASNN\."):
        choose_panel(f"file:{tmp_path}/genes.txt", 250, slides, slides, 100)


def test_a_gene_that_a_training_slide_lacks_is_left_out_and_named(tmp_path):
    """A zero would be learnt as absence; that a test slide lacks it is no reason."""
    slides = [make_slide(tmp_path, f"S{i}", "A", i) for i in range(3)]
    slides[2] = without(slides[2], "G01")
    twelve = tuple(f"G{i:02}" for i in range(12))
    (tmp_path / "twelve.txt").write_text("\n".join(twelve))
    spec = f"file:{tmp_path}/twelve.txt"
    assert choose_panel(spec, 250, slides[:2], slides, 100).genes == twelve
    panel = choose_panel(spec, 250, slides[1:], slides, 100)
    assert panel.genes == tuple(gene for gene in twelve if gene != "G01")
    told = "1 gene not measured on every training slide and left out: G01"
    assert panel.note == f"origin outside the fold; {told}"


def test_a_gene_file_of_which_too_little_is_measured_is_refused(tmp_path):
    slides = [make_slide(tmp_path, f"S{i}", "A", i) for i in range(3)]
    slides[2] = without(slides[2], "G01")
    (tmp_path / "ten.txt").write_text("\n".join(f"G{i:02}" for i in range(10)))
    with pytest.raises(
        GenePanelError, match=r"only 9 are measured on all training slides S1, S2.*somewhere: G01"
    ):
        choose_panel(f"file:{tmp_path}/ten.txt", 250, slides[1:], slides, 100)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.txt", b""),
        ("blank.txt", b"\n  \n"),
        ("empty.npy", b""),
        ("numbers.npy", None),
        ("pickled.npy", None),
        ("binary.txt", b"\xff\xfe\x00"),
        ("heading.csv", b"gene\n"),
    ],
)
def test_a_file_without_genes_is_refused_before_any_slide_is_read(tmp_path, name, content):
    path = tmp_path / name
    if content is None:
        numbers = name.startswith("numbers")
        np.save(path, np.arange(3.0) if numbers else np.array(["G1"], object), allow_pickle=True)
    else:
        path.write_bytes(content)
    with pytest.raises(GenePanelError, match=rf"{name}.*give one gene per line"):
        check_spec(f"file:{path}")


def test_a_missing_gene_file_and_an_unknown_panel_are_refused(tmp_path):
    with pytest.raises(GenePanelError, match=r"absent\.txt cannot be read"):
        check_spec(f"file:{tmp_path}/absent.txt")
    with pytest.raises(UnknownName, match="Did you mean train-hvg"):
        check_spec("train_hvg")
    for spec in ("train-hvg", "hvg-intersection", "highest", "svg"):
        check_spec(spec)


def test_the_identity_of_a_file_is_its_content(tmp_path, cache):
    for folder, text in (("a", "G1\n"), ("b", "G1\n"), ("c", "G2\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "genes.txt").write_text(text)
    one, same, other = (spec_identity(f"file:{tmp_path}/{f}/genes.txt", 250) for f in "abc")
    assert one == same != other
    assert str(tmp_path) not in one
    assert spec_identity("train-hvg", 250) != spec_identity("train-hvg", 100) != spec_identity("highest", 100)
    assert spec_identity("hvg-intersection", 250) == spec_identity("hvg-intersection", 100)


def test_what_is_known_of_a_panel_before_it_is_chosen():
    assert origin("train-hvg") == (False, "")
    assert origin("file:genes.txt") == (False, "origin outside the fold")
    leaky, note = origin("hvg-intersection")
    assert leaky and "leaky" in note


def test_the_intersection_is_marked_leaky_and_sees_the_test_slide(demo):
    panel = choose_panel("hvg-intersection", 250, demo[:3], demo, 100)
    assert panel.leaky and "leaky" in panel.note
    assert panel.genes == tuple(
        sorted(demo[0].genes)
    )  # fewer than 1,000 genes: all are among the first 1,000
    fewer = without(demo[3], demo[3].genes[4])
    assert (
        demo[3].genes[4] not in choose_panel("hvg-intersection", 250, demo[:3], [*demo[:3], fewer], 100).genes
    )


def test_the_intersection_of_real_slides_is_a_clear_error(shared_data):
    slides = [source.read() for source in Her2().slides(shared_data)]
    with pytest.raises(GenePanelError) as error:
        choose_panel("hvg-intersection", 250, slides[1:], slides, 100)
    for words in ("hvg-intersection", "B4, C2, C3, C4, C5", "has 2 genes", "--genes train-hvg", "file:PATH"):
        assert words in str(error.value)


def test_train_hvg_on_real_slides_is_scanpys_choice(shared_data):
    slides = [source.read() for source in Her2().slides(shared_data)]
    panel = choose_panel("train-hvg", 250, slides[1:3], slides, 100)
    assert sorted(panel.genes) == sorted(scanpys_choice(slides[1:3], 250))

"""Alex: the deposit as its archives unpack, plain text named .gz and symbols alone, or slides sorted by hand."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
import visium_files as visium
from fetching.provider_server import Provider
from PIL import Image

from stbench.datasets.alex import plugin as Alex
from stbench.errors import DatasetError
from stbench.registry import dataset_card
from stbench.slide import Slide

pytestmark = pytest.mark.usefixtures("cache")
SLIDES = ("1142243F", "1160920F", "CID4465", "CID44971")
# As R writes it: row names under an empty name, all text quoted, in another order than counts and positions.
METADATA = [
    '"","nCount_RNA","nFeature_RNA","patientid","subtype","Classification"',
    '"TTTT-1",9,3,"X","TNBC","Stroma"',
    '"GGGG-1",9,3,"X","TNBC","Invasive cancer + stroma"',
    '"NOWHERE-1",9,3,"X","TNBC","DCIS"',
    '"AAAA-1",9,3,"X","TNBC",NA',
]
LABELS = {"AAAA-1": "", "ACGT-1": "", "GGGG-1": "Invasive cancer + stroma", "TTTT-1": "Stroma"}


def write_archived(folder: Path, slide: str, metadata: list[str] = METADATA) -> None:
    """A slide's files where the archives put them: features.tsv.gz is plain text with symbols alone."""
    matrix = folder / "filtered_count_matrices" / f"{slide}_filtered_count_matrix"
    visium.write_mex(matrix, columns=1, gz=True)
    features = matrix / "features.tsv.gz"
    features.write_bytes(gzip.decompress(features.read_bytes()))
    place = folder / "spatial" / f"{slide}_spatial"
    visium.write_spatial(folder / f"{slide}-made")
    place.parent.mkdir(exist_ok=True)
    (folder / f"{slide}-made" / "spatial").rename(place)
    (folder / f"{slide}-made").rmdir()
    (folder / "metadata").mkdir(exist_ok=True)
    (folder / "metadata" / f"{slide}_metadata.csv").write_text("\n".join(metadata) + "\n")


def write_sorted(folder: Path, slide: str, gz: bool = False) -> None:
    """A slide's files in a folder of its own, with the full-resolution image."""
    visium.write_spatial(folder / slide)
    visium.write_mex(folder / slide / "filtered_count_matrix", columns=3, gz=gz)
    visium.write_text(folder / slide / "metadata.csv", "\n".join(METADATA) + "\n", gz)
    write_full_image(folder / slide)


def write_full_image(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    tifffile.imwrite(
        folder / "image.tif", visium.paint(), tile=(64, 64), compression="zlib", photometric="rgb"
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """All four slides as the archives unpack, and an ER+ slide of the same deposit."""
    for slide in (*SLIDES, "CID4290"):
        write_archived(tmp_path / "alex", slide)
    return tmp_path


def slides_of(root: Path) -> dict[str, Slide]:
    return {source.id: source.read() for source in Alex().slides(root)}


def check_labels(slide: Slide) -> None:
    assert slide.annotation is not None
    assert dict(zip(slide.spot_ids, slide.annotation.tolist(), strict=True)) == LABELS


def test_unpacked_archives_are_read_on_the_small_image(root: Path):
    slides = slides_of(root)
    assert list(slides) == list(SLIDES)
    for name, slide in slides.items():
        visium.assert_spots_lie_on_their_colours(slide)
        assert slide.image == root / "alex" / "spatial" / f"{name}_spatial" / "tissue_hires_image.png"
        assert (slide.patient, slide.platform) == (name, "Visium")
        assert slide.microns_per_pixel == pytest.approx(5.0)  # 100 microns are 40 px, on hires 20
        assert slide.genes == visium.GENES  # the repeated symbol made unique
        np.testing.assert_array_equal(slide.counts.toarray(), visium.COUNTS[:, :4])
        check_labels(slide)


@pytest.mark.parametrize("gz", [False, True])
def test_slides_in_folders_of_their_own_use_the_full_image(tmp_path: Path, gz: bool):
    for slide in SLIDES[:2]:
        write_sorted(tmp_path, slide, gz)
    for name, slide in slides_of(tmp_path).items():
        visium.assert_spots_lie_on_their_colours(slide)
        assert slide.image == tmp_path / name / "image.tif"
        assert slide.microns_per_pixel == pytest.approx(2.5)
        check_labels(slide)


def test_a_full_image_may_join_what_the_archives_hold(root: Path):
    write_full_image(root / "alex" / "CID4465")
    slides = slides_of(root)
    assert slides["CID4465"].image.name == "image.tif" and slides["CID44971"].image.name.endswith("png")
    for slide in slides.values():
        visium.assert_spots_lie_on_their_colours(slide)
        check_labels(slide)


def test_a_slide_without_metadata_has_no_labels(root: Path):
    (root / "alex" / "metadata" / "CID4465_metadata.csv").unlink()
    assert slides_of(root)["CID4465"].annotation is None


def test_incomplete_slides_are_named(root: Path):
    matrices = root / "alex" / "filtered_count_matrices"
    (matrices / "CID4465_filtered_count_matrix" / "features.tsv.gz").unlink()
    (root / "alex" / "spatial" / "CID44971_spatial" / "scalefactors_json.json").unlink()
    missing = Alex().missing(root)
    assert missing.keys() == {"CID4465", "CID44971"}
    assert "features.tsv or genes.tsv" in missing["CID4465"]
    assert missing["CID44971"] == "spatial/scalefactors_json.json"
    assert list(slides_of(root)) == ["1142243F", "1160920F"]
    (root / "alex" / "spatial" / "1160920F_spatial" / "tissue_positions_list.csv").unlink()
    with pytest.raises(DatasetError, match=r"has 1 complete slides and needs at least two.*1160920F lacks"):
        Alex().slides(root)


def test_an_absent_dataset_names_the_command(tmp_path: Path):
    with pytest.raises(DatasetError, match="stbench datasets fetch alex"):
        Alex().slides(tmp_path)


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _no_tissue(path: Path) -> None:
    path.write_text("\n".join(",".join(map(str, (s.barcode, 0, *s[2:6]))) for s in visium.SPOTS))


def _shrink(path: Path) -> None:
    Image.open(path).resize((20, 15)).save(path)


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("filtered_count_matrices/{0}_filtered_count_matrix/matrix.mtx.gz", _shorten, "matrix.mtx.gz cannot be read"),
        ("spatial/{0}_spatial/tissue_positions_list.csv", _no_tissue, "marks none of its 5 spots"),
        ("spatial/{0}_spatial/tissue_positions_list.csv", lambda path: path.write_text("a,1,2\n"), "6 columns"),
        ("spatial/{0}_spatial/scalefactors_json.json", lambda path: path.write_text("{}"), "tissue_hires_scalef"),
        ("spatial/{0}_spatial/tissue_hires_image.png", _shrink, "lies outside .*20 x 15 px"),
        ("metadata/{0}_metadata.csv", lambda path: path.write_text('"","subtype"\n"AAAA-1","x"\n'), "'Classification'"),
        ("metadata/{0}_metadata.csv", lambda path: path.write_text("b,Classification\nQQ-1,x\n"), "labels none"),
    ],
)  # fmt: skip
def test_damaged_files_are_named(root: Path, name: str, damage, words: str):
    damage(root / "alex" / name.format("CID4465"))
    with pytest.raises(DatasetError, match=words):
        slides_of(root)


def test_barcodes_may_lack_the_suffix(root: Path):
    matrix = root / "alex" / "filtered_count_matrices" / "CID4465_filtered_count_matrix"
    visium.write_mex(matrix, columns=1, barcodes=[barcode.removesuffix("-1") for barcode in visium.BARCODES])
    slide = slides_of(root)["CID4465"]
    visium.assert_spots_lie_on_their_colours(slide)
    assert slide.annotation is not None and slide.annotation.tolist() == list(LABELS.values())


@pytest.mark.parametrize("by_hand", [False, True])
def test_scrambled_copy_changes_one_slides_counts_only(root: Path, tmp_path: Path, by_hand: bool):
    if by_hand:
        write_sorted(root / "alex", "1160920F")
    before = slides_of(root)
    Alex().copy_scrambled(root, "1160920F", tmp_path / "copy", seed=3)
    after = slides_of(tmp_path / "copy")
    assert after.keys() == before.keys()
    for name, slide in before.items():
        assert slide.image.read_bytes() == after[name].image.read_bytes()
        assert np.array_equal(slide.pixel_xy, after[name].pixel_xy)
        assert (slide.spot_ids, slide.genes) == (after[name].spot_ids, after[name].genes)
        assert ((slide.counts != after[name].counts).nnz > 0) == (name == "1160920F")
        check_labels(after[name])
    with pytest.raises(DatasetError, match="must not overwrite"):
        Alex().copy_scrambled(root, "1160920F", root / "alex", seed=0)
    with pytest.raises(DatasetError, match="no complete slide 'CID4290'"):
        Alex().copy_scrambled(root, "CID4290", tmp_path / "other", seed=0)


def test_sources_travel_to_other_processes(root: Path):
    source = pickle.loads(pickle.dumps(Alex().slides(root)[0]))
    assert source.read().id == "1142243F"


def test_the_card_states_what_the_plugin_has():
    card = dataset_card("alex")
    assert (card.n_slides, card.n_patients) == (len(Alex.patients), len(set(Alex.patients.values())))
    assert set(card.expected) == set(SLIDES) and all(slide.annotated for slide in card.expected.values())


def _packed(folder: Path, name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(folder / name, arcname=name)
    return buffer.getvalue()


def test_fetched_archives_are_slides(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """From the record's listing through download and unpacking to slides."""
    provider = Provider()
    monkeypatch.setenv("STBENCH_ZENODO_URL", provider.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        files = []
        for name in ("filtered_count_matrices", "metadata", "spatial"):
            body = _packed(root / "alex", name)
            link = provider.serve(f"/records/4739739/files/{name}.tar.gz", body)
            provider.serve(f"/api/records/4739739/files/{name}.tar.gz/content", body)
            checksum = f"md5:{hashlib.md5(body).hexdigest()}"
            files.append(
                {"key": f"{name}.tar.gz", "size": len(body), "checksum": checksum, "links": {"self": link}}
            )
        provider.serve("/api/records/4739739", json.dumps({"id": 4739739, "files": files}).encode())
        Alex().fetch(tmp_path / "fetched")
    finally:
        provider.close()
    slides = slides_of(tmp_path / "fetched")
    assert list(slides) == list(SLIDES)
    check_labels(slides["CID44971"])


def test_a_large_matrix_as_text_stays_sparse(root: Path):
    """5,000 spots x 36,000 genes in Market Exchange format are read within 1 GiB."""
    import tracemalloc

    n_spots, n_genes, per_spot = 5_000, 36_000, 2_000
    matrix = root / "alex" / "filtered_count_matrices" / "CID4465_filtered_count_matrix"
    barcodes = [f"S{i:05}-1" for i in range(n_spots)]
    (matrix / "features.tsv.gz").write_text("\n".join(f"G{i}" for i in range(n_genes)))
    (matrix / "barcodes.tsv.gz").write_text("\n".join(barcodes))
    with (matrix / "matrix.mtx.gz").open("w") as file:
        file.write("%%MatrixMarket matrix coordinate integer general\n")
        file.write(f"{n_genes} {n_spots} {n_spots * per_spot}\n")
        for spot in range(n_spots):
            file.writelines(f"{(spot + 17 * k) % n_genes + 1} {spot + 1} 2\n" for k in range(per_spot))
    lines = [f"{barcode},1,{i // 80},{i % 80},{i % 150},{i % 230}" for i, barcode in enumerate(barcodes)]
    place = root / "alex" / "spatial" / "CID4465_spatial" / "tissue_positions_list.csv"
    place.write_text("\n".join(lines))
    (root / "alex" / "metadata" / "CID4465_metadata.csv").unlink()
    (source,) = (source for source in Alex().slides(root) if source.id == "CID4465")
    tracemalloc.start()
    slide = source.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert slide.counts.nnz == n_spots * per_spot
    assert peak < 2**30

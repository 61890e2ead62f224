"""HEST-1k: .h5ad files, pyramids and metadata as its repository holds them, for each of the three datasets."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import h5py
import hest_files
import numpy as np
import pytest
import visium_files as visium
from fetching.provider_server import Provider

from stbench.contract import Dataset
from stbench.errors import DatasetError
from stbench.preprocess.patches import PatchSize, patches_of
from stbench.registry import dataset_card, find, load_dataset
from stbench.slide import Slide

pytestmark = pytest.mark.usefixtures("cache")
PATIENTS = {
    "hest-lymph-node": {
        "NCBI681": "Patient 8", "NCBI682": "Patient 7", "NCBI683": "Patient 6", "NCBI684": "Patient 3",
    },
    "hest-pancreas-visium": dict.fromkeys(("NCBI569", "NCBI570", "NCBI571", "NCBI572")),
    "hest-pancreas-xenium": {"TENX116": "patient 2", "TENX126": "patient 1", "TENX140": "patient 3"},
}  # fmt: skip
NODE = "hest-lymph-node"


def plugin(name: str) -> Dataset:
    return load_dataset(name)()


def slides_of(name: str, root: Path) -> dict[str, Slide]:
    return {source.id: source.read() for source in plugin(name).slides(root)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Every slide of the three datasets in one folder, as a copy of HEST holds them."""
    for name, patients in PATIENTS.items():
        for slide in patients:
            hest_files.write_slide(tmp_path / "hest_data", slide, dense="xenium" in name)
    return tmp_path


@pytest.mark.parametrize("name", PATIENTS)
def test_spots_lie_on_their_colours(root: Path, name: str):
    slides = slides_of(name, root)
    assert {slide: found.patient for slide, found in slides.items()} == PATIENTS[name]
    for slide in slides.values():
        pixels = visium.paint()
        reds = [int(pixels[round(y), round(x), 0]) for x, y in slide.pixel_xy]
        assert reds == slide.counts[:, slide.genes.index("MARK")].toarray().ravel().tolist()
        assert patches_of(slide, PatchSize(3))[:, 1, 1, 0].tolist() == reds  # the pyramid's full resolution
        assert slide.array_row_column.tolist() == [[s.row, s.column] for s in visium.IN_TISSUE]
        np.testing.assert_array_equal(slide.counts.toarray(), hest_files.COUNTS)
        assert slide.genes == hest_files.GENES
        assert slide.platform == ("Xenium" if "xenium" in name else "Visium")
        assert (slide.annotation, slide.microns_per_pixel) == (None, hest_files.PIXEL_SIZE)


@pytest.mark.parametrize("name", PATIENTS)
def test_the_card_states_what_the_plugin_has(name: str):
    card = dataset_card(name)
    patients = set(PATIENTS[name].values())
    assert card.n_slides == len(PATIENTS[name])
    assert card.n_patients == (None if patients == {None} else len(patients))
    assert any("contradicts itself" in quirk for quirk in card.quirks) == ("pancreas" in name)


def test_the_papers_names_are_aliases():
    aliases = {"lymph-node": NODE, "pancreas1": "hest-pancreas-visium", "pancreas2": "hest-pancreas-xenium"}
    assert {alias: find("dataset", alias).name for alias in aliases} == aliases


@pytest.mark.parametrize("folder", ["", NODE, "hest", "hest_data"])
def test_the_slides_may_lie_in_a_folder_of_hests_name(tmp_path: Path, folder: str):
    for slide in ("NCBI681", "NCBI684"):
        hest_files.write_slide(tmp_path / folder, slide)
    assert list(slides_of(NODE, tmp_path)) == ["NCBI681", "NCBI684"]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"pixel_size_um_estimated": 0.5}, 0.5),
        ({"pixel_size_um_estimated": float("nan")}, None),
        ({"pixel_size_um_estimated": None, "pixel_size_um_embedded": 0.25}, None),  # never invented
        ({}, None),
    ],
)
def test_the_pixel_size_is_what_hest_measured(root: Path, metadata: dict, expected: float | None):
    (root / "hest_data" / "metadata" / "NCBI681.json").write_text(json.dumps(metadata))
    assert slides_of(NODE, root)["NCBI681"].microns_per_pixel == expected


def test_metadata_may_be_absent(root: Path):
    (root / "hest_data" / "metadata" / "NCBI681.json").unlink()
    assert slides_of(NODE, root)["NCBI681"].microns_per_pixel is None
    assert plugin(NODE).missing(root) == {}


def test_incomplete_slides_are_named(root: Path):
    (root / "hest_data" / "wsis" / "NCBI681.tif").unlink()
    (root / "hest_data" / "st" / "NCBI682.h5ad").unlink()
    assert plugin(NODE).missing(root) == {"NCBI681": "wsis/NCBI681.tif", "NCBI682": "st/NCBI682.h5ad"}
    assert list(slides_of(NODE, root)) == ["NCBI683", "NCBI684"]
    (root / "hest_data" / "wsis" / "NCBI683.tif").unlink()
    with pytest.raises(DatasetError, match=r"1 complete slides and needs at least two: NCBI681 lacks wsis"):
        plugin(NODE).slides(root)
    with pytest.raises(DatasetError, match="stbench datasets fetch hest-lymph-node"):
        plugin(NODE).slides(root / "hest_data" / "st")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _change(path: Path, change) -> None:
    with h5py.File(path, "r+") as file:
        change(file)


def _move_spots_out(file: h5py.File) -> None:
    file["obsm/spatial"][0] = (visium.WIDTH + 40, 20)


def _take_positions_away(file: h5py.File) -> None:
    del file["obsm/spatial"]


def _take_off_tissue(file: h5py.File) -> None:
    file["obs/in_tissue"][:] = 0


def _normalise(file: h5py.File) -> None:
    file["X/data"][:] = file["X/data"][:] / 7


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("st/NCBI681.h5ad", _cut, r"NCBI681\.h5ad cannot be read"),
        ("wsis/NCBI681.tif", _cut, r"NCBI681\.tif is (a truncated TIFF|no readable TIFF)"),
        ("metadata/NCBI681.json", _cut, "holds no metadata"),
        ("metadata/NCBI681.json", lambda path: path.write_text('{"pixel_size_um_estimated": -1}'), "positive number"),
        ("metadata/NCBI681.json", lambda path: path.write_text("[]"), "holds no metadata"),
        ("st/NCBI681.h5ad", lambda path: _change(path, _move_spots_out), r"lies outside .*NCBI681\.tif of 240 x 160"),
        ("st/NCBI681.h5ad", lambda path: _change(path, _take_positions_away), r"no obsm\['spatial'\]"),
        ("st/NCBI681.h5ad", lambda path: _change(path, _take_off_tissue), "none of its 4 spots as under tissue"),
        ("st/NCBI681.h5ad", lambda path: _change(path, _normalise), "raw counts, whole numbers from 0"),
    ],
)  # fmt: skip
def test_damaged_files_are_named(root: Path, name: str, damage, words: str):
    damage(root / "hest_data" / name)
    with pytest.raises(DatasetError, match=words):
        slides_of(NODE, root)


@pytest.mark.parametrize(("name", "slide"), [(NODE, "NCBI683"), ("hest-pancreas-xenium", "TENX140")])
def test_scrambled_copy_changes_one_slides_counts_only(root: Path, tmp_path: Path, name: str, slide: str):
    before = slides_of(name, root)
    plugin(name).copy_scrambled(root, slide, tmp_path / "copy", seed=3)
    after = slides_of(name, tmp_path / "copy")
    assert after.keys() == before.keys()
    for found, old in before.items():
        assert old.image.read_bytes() == after[found].image.read_bytes()
        assert np.array_equal(old.pixel_xy, after[found].pixel_xy)
        assert old.microns_per_pixel == after[found].microns_per_pixel
        assert ((old.counts != after[found].counts).nnz > 0) == (found == slide)
    with pytest.raises(DatasetError, match="must not overwrite"):
        plugin(name).copy_scrambled(root, slide, root / "hest_data", seed=0)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A hub that lists nothing yet, and no token of this machine's."""
    provider = Provider()
    monkeypatch.setenv("HF_ENDPOINT", provider.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    yield provider
    provider.close()


COMMIT = "c" * 40


def test_three_files_of_each_slide_are_fetched_at_one_commit(hub: Provider, root: Path, tmp_path: Path):
    api = "/api/datasets/MahmoodLab/hest"
    hub.serve(f"{api}/revision/main", json.dumps({"id": "MahmoodLab/hest", "sha": COMMIT}).encode())
    listed = []
    for place in ("st", "wsis", "metadata"):
        for path in sorted((root / "hest_data" / place).glob("*TENX*")):
            name, content = f"{place}/{path.name}", path.read_bytes()
            listed.append({"type": "file", "path": name, "oid": "d" * 40, "size": len(content)})
            about = {"X-Repo-Commit": COMMIT, "ETag": f'"{"d" * 40}"'}
            hub.serve(f"/datasets/MahmoodLab/hest/resolve/{COMMIT}/{name}", content, headers=about)
    hub.serve(f"{api}/paths-info/{COMMIT}", json.dumps(listed).encode())
    plugin("hest-pancreas-xenium").fetch(tmp_path / "fetched")
    assert list(slides_of("hest-pancreas-xenium", tmp_path / "fetched")) == ["TENX116", "TENX126", "TENX140"]


def test_without_access_the_page_to_ask_at_is_named(hub: Provider, tmp_path: Path):
    hub.serve("/api/datasets/MahmoodLab/hest/revision/main", status=401)
    with pytest.raises(DatasetError, match=f"{hub.url}/datasets/MahmoodLab/hest"):
        plugin(NODE).fetch(tmp_path)


def test_a_large_slide_stays_sparse(root: Path):
    """5,000 spots x 36,000 genes are read within 1 GiB; the image is not decoded at all."""
    n_spots, n_genes, per_spot = 5_000, 36_000, 4_000
    path = root / "hest_data" / "st" / "NCBI681.h5ad"
    rng = np.random.default_rng(0)
    starts = rng.integers(0, n_genes - per_spot, n_spots)
    values = {
        "X/data": np.ones(n_spots * per_spot, np.float32),
        "X/indices": (starts[:, None] + np.arange(per_spot)).ravel().astype(np.int32),
        "X/indptr": np.arange(n_spots + 1, dtype=np.int64) * per_spot,
        "obsm/spatial": rng.uniform(0, 150, (n_spots, 2)),
        "obs/_index": [f"S{i:05}-1" for i in range(n_spots)],
        "obs/in_tissue": np.ones(n_spots, int),
        "var/_index": [f"G{i}" for i in range(n_genes)],
        **{f"obs/{name}": np.arange(n_spots) for name in ("array_row", "array_col")},
        **{f"obs/pxl_{name}_in_fullres": np.zeros(n_spots) for name in ("row", "col")},
    }
    with h5py.File(path, "r+") as file:
        for name, content in values.items():
            encoding = dict(file[name].attrs)
            del file[name]
            file[name] = content
            file[name].attrs.update(encoding)
        file["X"].attrs["shape"] = (n_spots, n_genes)
    (source,) = (source for source in plugin(NODE).slides(root) if source.id == "NCBI681")
    tracemalloc.start()
    slide = source.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert slide.counts.nnz == n_spots * per_spot
    assert peak < 2**30

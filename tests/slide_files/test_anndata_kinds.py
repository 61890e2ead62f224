"""Files of .h5ad as people have them: where counts, names, positions, pictures and scales may stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse
from shared_cases import make_case, truth, writer

from stbench.contract import ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide
from stbench.slide_files.anndata_files import read_anndata, write_scrambled

pytestmark = [pytest.mark.usefixtures("cache"), pytest.mark.filterwarnings("ignore::UserWarning")]
SEED = 5


def make(path: Path, change: Callable[[Any], None] = lambda data: None, picture: str | None = "png") -> Path:
    """The small slide number 5, 60 px between its spots, with a full-resolution image beside it."""
    writer("h5ad")(path, SEED, change, picture)
    return path


def read(path: Path, **options) -> Slide:
    image = path.with_suffix(".png")
    files = {"h5ad": path} | ({"image": image} if image.is_file() else {})
    return read_anndata(path.stem, files, patient=None, **options)


def assert_is_the_small_slide(slide: Slide, seed: int = SEED, scale: float = 1.0) -> None:
    made = truth(seed)
    np.testing.assert_array_equal(slide.counts.toarray(), made["counts"])
    assert (list(slide.spot_ids), list(slide.genes)) == (made["barcodes"], made["genes"])
    np.testing.assert_allclose(slide.pixel_xy, scale * np.c_[made["x"], made["y"]])
    assert slide.microns_per_pixel == pytest.approx(65 / 39 / scale)


def red_at_spots(slide: Slide) -> np.ndarray:
    pixels = np.asarray(Image.open(slide.image).convert("RGB"))
    x, y = slide.pixel_xy.round().astype(int).T
    return pixels[y, x, 0].astype(float)


# --- libraries ----------------------------------------------------------------------------------------------


def test_slides_as_cellxgene_asks_for_them_are_read(tmp_path: Path):
    folder = make_case("03", tmp_path)
    for seed in (1, 2):
        assert_is_the_small_slide(read(folder / f"S{seed}.h5ad"), seed)


@pytest.mark.parametrize(
    "more", [{"is_single": np.bool_(True)}, {"note": "x"}, {"empty": {}}, {"attrs": {"a": 1}}]
)
def test_entries_that_are_no_libraries_are_passed_over(tmp_path: Path, more: dict):
    slide = read(make(tmp_path / "S.h5ad", lambda data: data.uns["spatial"].update(more)))
    assert_is_the_small_slide(slide)


def _without_library(data: Any) -> None:
    data.uns["spatial"] = data.uns["spatial"]["lib"]


def test_a_file_without_the_level_of_libraries_is_read(tmp_path: Path):
    assert_is_the_small_slide(read(make(tmp_path / "S.h5ad", _without_library)))


def _two_libraries(data: Any) -> None:
    data.uns["spatial"]["other"] = {"images": {}, "scalefactors": {"spot_diameter_fullres": 7.0}}


def test_of_several_libraries_the_one_that_all_spots_name_is_taken(tmp_path: Path):
    with pytest.raises(
        DatasetError, match=r"several slides in uns\['spatial'\]: lib, other; write a file for each"
    ):
        read(make(tmp_path / "S.h5ad", _two_libraries))

    def named(data: Any) -> None:
        _two_libraries(data)
        data.obs["library_id"] = "lib"

    assert_is_the_small_slide(read(make(tmp_path / "S.h5ad", named)))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"is_single": False, "a": {"images": {}}}, "several slides in uns.*: a"),
        ("a picture", "no mapping of libraries but str"),
        (np.zeros((3, 3)), "no mapping of libraries but ndarray"),
    ],
)
def test_what_is_no_single_library_is_named(tmp_path: Path, value: Any, reason: str):
    with pytest.raises(DatasetError, match=rf"S\.h5ad.*{reason}"):
        read(make(tmp_path / "S.h5ad", lambda data: data.uns.__setitem__("spatial", value)))


# --- counts -------------------------------------------------------------------------------------------------


def _normalised(data: Any) -> None:
    data.X = np.log1p(data.X.toarray())


def _in_raw(data: Any) -> None:
    data.raw = data.copy()
    _normalised(data)


def _in_layer(name: str) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        data.layers[name] = data.X.copy()
        _normalised(data)

    return change


def _as(kind: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda data: setattr(data, "X", kind(data.X))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (_in_raw, "raw.X"),
        (_in_layer("counts"), "layers['counts']"),
        (_in_layer("raw_counts"), "layers['raw_counts']"),
        (_as(sparse.csc_matrix), "X"),
        (_as(lambda x: x.toarray().astype(np.float64)), "X"),
        (_as(lambda x: x.toarray().astype(np.uint16)), "X"),
    ],
)
def test_counts_are_whichever_matrix_holds_whole_numbers(tmp_path: Path, change, place: str, caplog):
    with caplog.at_level("INFO"):
        slide = read(make(tmp_path / "S.h5ad", change))
    assert_is_the_small_slide(slide)
    assert f"S.h5ad: the counts are {place}" in caplog.text
    assert slide.warnings == ()


def test_genes_that_only_raw_holds_come_with_its_counts(tmp_path: Path):
    """X of the variable genes only, normalised, as most tutorials leave it."""

    def change(data: Any) -> None:
        _in_raw(data)
        data._inplace_subset_var(data.var_names[:10])

    assert_is_the_small_slide(read(make(tmp_path / "S.h5ad", change)))


def test_what_is_doubtful_about_the_counts_is_a_warning(tmp_path: Path):
    def subset(data: Any) -> None:
        data.raw = data.copy()
        data._inplace_subset_var(data.var_names[:10])

    slide = read(make(tmp_path / "S.h5ad", subset))
    assert len(slide.genes) == 10
    assert slide.warnings == (
        "the counts were taken from X with 10 genes, and raw.X holds whole numbers of more genes",
    )

    def scaled_layer(data: Any) -> None:
        data.layers["counts"] = data.X * 0.5

    (warning,) = read(make(tmp_path / "S.h5ad", scaled_layer)).warnings
    assert warning.startswith("layers['counts'] has values that are no whole numbers (")
    assert warning.endswith("; the counts were taken from X")


def test_a_file_without_whole_numbers_says_what_each_matrix_holds(tmp_path: Path):
    def change(data: Any) -> None:
        _normalised(data)
        data.layers["counts"] = -data.X
        data.raw = data.copy()

    with pytest.raises(DatasetError) as error:
        read(make(tmp_path / "S.h5ad", change))
    for part in (
        "layers['counts'] has values that are negative",
        "X has values",
        "raw.X has values that are no whole",
    ):
        assert part in str(error.value)


def test_a_copy_with_noise_leaves_no_trace_of_the_counts(tmp_path: Path):
    def change(data: Any) -> None:
        _in_raw(data)
        data.obsm["X_pca"] = np.ones((data.n_obs, 2))

    path = make(tmp_path / "S.h5ad", change)
    write_scrambled(path, lambda counts: sparse.csr_matrix(counts[::-1]), tmp_path / "N.h5ad")
    np.testing.assert_array_equal(
        read_anndata("N", {"h5ad": tmp_path / "N.h5ad"}, patient=None).counts.toarray(),
        truth(SEED)["counts"][::-1],
    )
    copy = anndata.read_h5ad(tmp_path / "N.h5ad")
    assert (list(copy.obsm), list(copy.layers), copy.raw) == (["spatial"], [], None)


# --- genes --------------------------------------------------------------------------------------------------

IDENTIFIERS = [f"ENSMUSG{i:011d}" for i in range(40)]


@pytest.mark.parametrize("column", ["feature_name", "gene_symbols", "Gene.Name", "SYMBOL"])
def test_symbols_are_taken_from_var_where_var_names_are_identifiers(tmp_path: Path, column: str):
    def change(data: Any) -> None:
        data.var[column] = pd.Categorical([f" {name}" for name in data.var_names])
        data.var_names = IDENTIFIERS

    assert_is_the_small_slide(read(make(tmp_path / "S.h5ad", change)))


def test_symbols_stay_where_var_holds_identifiers_too(tmp_path: Path):
    slide = read(make(tmp_path / "S.h5ad", lambda data: data.var.__setitem__("gene_ids", IDENTIFIERS)))
    assert_is_the_small_slide(slide)


# --- positions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("x", "y"),
        ("imagecol", "imagerow"),
        ("pxl_col_in_fullres", "pxl_row_in_fullres"),
        ("Pixel_X", "Pixel_Y"),
    ],
)
def test_named_columns_are_looked_at_whatever_their_order(tmp_path: Path, names: tuple[str, str]):
    def change(data: Any) -> None:
        x, y = data.obsm["spatial"].T
        table = pd.DataFrame({"other": 0.0, names[1]: y, names[0]: x}, index=data.obs_names)
        data.obsm["spatial"] = table

    assert_is_the_small_slide(read(make(tmp_path / "S.h5ad", change)))


def _positions(make_them: Callable[[np.ndarray, Any], Any]) -> Callable[[Any], None]:
    return lambda data: data.obsm.__setitem__("spatial", make_them(data.obsm["spatial"], data))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_positions(lambda xy, data: sparse.csr_matrix(xy)), r"obsm\['spatial'\] is a sparse matrix"),
        (_positions(lambda xy, data: xy.astype(str).astype(object)), "obsm.*holds object values"),
        (_positions(lambda xy, data: xy[:, :1]), r"shape \(36, 1\); two numbers for each spot"),
        (
            _positions(lambda xy, data: np.where(np.arange(36)[:, None] == 3, np.nan, xy)),
            "no position for spot",
        ),
        (
            _positions(lambda xy, data: pd.DataFrame(xy, data.obs_names, ["a", "b"])),
            "has the columns a, b; x and y .* are needed",
        ),
    ],
)
def test_positions_that_cannot_be_told_are_named(tmp_path: Path, change, reason: str):
    with pytest.raises(DatasetError, match=rf"S\.h5ad.*{reason}"):
        read(make(tmp_path / "S.h5ad", change))


def test_positions_in_pixels_of_the_small_picture_are_enlarged_and_said(tmp_path: Path):
    slide = read(make(tmp_path / "S.h5ad", _hires_pixels))
    assert_is_the_small_slide(slide)
    assert slide.warnings[0].startswith("obsm['spatial'] counts pixels of the hires image")
    inside = read(make(tmp_path / "T.h5ad", _hires_pixels, picture=None))
    assert_is_the_small_slide(inside, scale=0.5)


def _hires_pixels(data: Any) -> None:
    """Spots 100 um apart, so that their diameter of 65 um tells the distance of neighbours: 60 px; here it is 30."""
    data.obsm["spatial"] = data.obsm["spatial"] * 0.5


def test_rows_and_columns_of_the_array_are_told_from_the_positions(tmp_path: Path):
    def change(data: Any) -> None:
        del data.obs["array_row"]

    slide = read(make(tmp_path / "S.h5ad", change))
    made = truth(SEED)
    assert slide.array_row_column.tolist() == np.c_[made["rows"], made["cols"]].tolist()
    assert slide.warnings == (
        "obs has no array_row: rows and columns were told from the positions, which form a square lattice",
    )


def test_a_column_of_the_array_as_text_is_read_and_a_fraction_is_refused(tmp_path: Path):
    def as_text(data: Any) -> None:
        data.obs["array_row"] = pd.Categorical(data.obs["array_row"].map("{}.0".format))

    assert_is_the_small_slide(read(make(tmp_path / "S.h5ad", as_text)))
    with pytest.raises(DatasetError, match="array_row and array_col of obs must be whole numbers"):
        read(make(tmp_path / "S.h5ad", lambda data: data.obs.__setitem__("array_row", 0.5)))


def test_a_spot_outside_its_image_is_named_and_can_be_left_out(tmp_path: Path):
    folder = make_case("07", tmp_path)
    with pytest.raises(DatasetError, match=r"S1\.h5ad: spot .* at pixel \(-139, 67\) lies outside"):
        read(folder / "S1.h5ad")
    slide = read(folder / "S1.h5ad", reading=ReadingOptions(drop_outside=True))
    assert list(slide.spot_ids) == truth(1)["barcodes"][1:]
    assert any("1 of 36 spots lie outside" in warning for warning in slide.warnings)


# --- pictures -----------------------------------------------------------------------------------------------


def test_pictures_of_any_numeric_type_and_grey_ones_are_read(tmp_path: Path):
    folder = make_case("23", tmp_path)
    for seed, name in enumerate(("int64", "float255", "grey"), start=1):
        slide = read(folder / f"{name}.h5ad")
        assert_is_the_small_slide(slide, seed, scale=0.5)
        assert np.corrcoef(red_at_spots(slide), truth(seed)["z"])[0, 1] < -0.99  # red falls with z
        assert [warning for warning in slide.warnings if "hires" in warning]


def test_a_picture_at_full_resolution_inside_comes_before_the_small_one(tmp_path: Path):
    def change(data: Any) -> None:
        data.uns["spatial"]["lib"]["images"]["fullres"] = truth(SEED)["image"]

    slide = read(make(tmp_path / "S.h5ad", change, picture=None))
    assert_is_the_small_slide(slide)
    assert slide.warnings == ()
    assert np.asarray(Image.open(slide.image)).tolist() == truth(SEED)["image"].tolist()


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.zeros((210, 210, 7), np.uint8), r"S\.h5ad: its image hires has the shape \(210, 210, 7\)"),
        (np.full((210, 210, 3), 4_000.0), r"its image hires holds float64 values from 4000 to 4000"),
        (np.array("a/path.png"), "its image hires"),
    ],
)
def test_pictures_that_are_none_are_named(tmp_path: Path, picture: Any, reason: str):
    def change(data: Any) -> None:
        data.uns["spatial"]["lib"]["images"]["hires"] = picture

    with pytest.raises(DatasetError, match=reason):
        read(make(tmp_path / "S.h5ad", change, picture=None))


def test_only_a_thumbnail_is_no_picture(tmp_path: Path):
    def change(data: Any) -> None:
        images = data.uns["spatial"]["lib"]["images"]
        images["lowres"] = images.pop("hires")

    with pytest.raises(
        DatasetError, match=r"holds no image .*; it holds lowres only; place the full-resolution"
    ):
        read(make(tmp_path / "S.h5ad", change, picture=None))


# --- scale --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "name"), [("scalefactors", "microns_per_pixel"), ("metadata", "pixel_size_um_estimated")]
)
def test_a_stated_scale_comes_before_any_constant(tmp_path: Path, place: str, name: str):
    def change(data: Any) -> None:
        data.uns["spatial"]["lib"].setdefault(place, {})[name] = 0.273

    slide = read(make(tmp_path / "S.h5ad", change))
    assert slide.microns_per_pixel == pytest.approx(0.273)
    assert slide.scale_source == f"{name} of uns['spatial'] ({place})"
    inside = read(make(tmp_path / "T.h5ad", change, picture=None))
    assert inside.microns_per_pixel == pytest.approx(0.546)  # hires is half the size


def test_where_the_constant_is_used_it_is_said(tmp_path: Path):
    assert read(make(tmp_path / "S.h5ad")).scale_source == "65 um over spot_diameter_fullres"


# --- odd files ----------------------------------------------------------------------------------------------


def test_parts_that_are_not_needed_may_be_unreadable(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = make(tmp_path / "S.h5ad", lambda data: data.uns.__setitem__("log1p", {"base": 2}))
    with h5py.File(path, "r+") as file:
        file["uns/log1p"].attrs["encoding-type"] = "of a later version"
        file.create_group("obsp/graph").attrs["encoding-type"] = "of a later version"
    with caplog.at_level("WARNING"):
        assert_is_the_small_slide(read(path))
    assert "S.h5ad: parts of it that are not needed cannot be read" in caplog.text


def test_labels_are_none_where_the_table_knows_nothing(tmp_path: Path):
    def change(data: Any) -> None:
        words = ["tumour", "NA", "None", "<NA>", "n/a", "null", "", " fat "]
        data.obs["Region"] = [words[i % 8] for i in range(36)]

    slide = read(make(tmp_path / "S.h5ad", change), label_column="region")
    assert slide.annotation is not None
    assert slide.annotation[:8].tolist() == ["tumour", "", "", "", "", "", "", "fat"]

"""A predicted slide in scanpy, squidpy and spatialdata, as they are; and a slide unlike the training slides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plugins.command import leftovers, stbench

from stbench.commands import predict as predicting
from stbench.commands.choosing import find_slides
from stbench.models.model_card import ModelCard
from stbench.models.model_file import KeptModel, read_model, write_model
from stbench.slide import Slide
from stbench.synthetic.section import Design, make_section

DRAWING = Path(__file__).resolve().parents[2] / "docs" / "predicted_slide.py"
OPTIONS = ("--dataset", "demo-tiny", "--genes", "highest", "--n-genes", 8, "--inner", "none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cache_of_the_session) -> Path:
    """A ridge model, a slide that it has not seen, and its predictions as model, new.png, new.h5ad."""
    folder = tmp_path_factory.mktemp("elsewhere")
    section = make_section(Design(seed=5, patients=("A",), grid=6, n_genes=20), "A1")
    Image.fromarray(section.image).save(folder / "new.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STBENCH_CACHE", str(cache_of_the_session))
        fitted = stbench(
            "fit", "--method", "ridge", *OPTIONS, "--to", folder / "model", "--out", folder / "runs"
        )
        assert fitted.status == 0, fitted.err
        result = stbench(
            "predict", folder / "model", folder / "new.png", "--to", folder / "new.h5ad", "--um-per-px", 1
        )
    assert result.status == 0, result.err
    return folder


def test_scanpy_reads_it_and_finds_neighbours_and_clusters(folder):
    import scanpy

    data = scanpy.read_h5ad(folder / "new.h5ad")
    scanpy.pp.pca(data, n_comps=3)
    scanpy.pp.neighbors(data, n_neighbors=5)
    assert np.asarray(data.obsp["distances"].sum()) > 0
    scanpy.pl.spatial(data, color=data.var_names[0], library_id="new", show=False)
    half = data[:, data.var["above_floor"] == "unknown"][:5].copy()  # cut as users cut it
    assert half.shape == (5, 8) and half.layers["cpm"].shape == (5, 8)


def test_squidpy_reads_it_finds_neighbours_and_draws_it(folder, tmp_path):
    squidpy = pytest.importorskip("squidpy", reason="squidpy is not installed")
    import anndata

    data = anndata.read_h5ad(folder / "new.h5ad")
    squidpy.gr.spatial_neighbors(data, n_neighs=4, coord_type="grid")
    squidpy.gr.spatial_autocorr(data, mode="moran", n_perms=None, n_jobs=1)
    assert len(data.uns["moranI"]) == data.n_vars and np.isfinite(data.uns["moranI"]["I"]).all()
    ended = subprocess.run(
        [sys.executable, DRAWING, folder / "new.h5ad", "--to", tmp_path / "new.png", "--synthetic"],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    with Image.open(tmp_path / "new.png") as picture:
        colours = np.asarray(picture.convert("RGB"))
    assert colours.shape[1] > 2 * colours.shape[0] and len(np.unique(colours.reshape(-1, 3), axis=0)) > 50


def test_spatialdata_reads_the_store_and_the_spots_lie_on_the_picture(folder, tmp_path, shared_cache):
    spatialdata = pytest.importorskip("spatialdata", reason="the extra spatialdata is not installed")
    import anndata

    to = tmp_path / "new.zarr"
    arguments = ("predict", folder / "model", folder / "new.png", "--to", to, "--um-per-px", 1)
    result = stbench(*arguments)
    assert result.status == 0, result.err
    assert [path.name for path in tmp_path.iterdir()] == ["new.zarr"]
    store, flat = spatialdata.read_zarr(to), anndata.read_h5ad(folder / "new.h5ad")
    table, spots, image = store.tables["predictions"], store.shapes["new_spots"], store.images["new_image"]
    np.testing.assert_allclose(np.asarray(table.X), np.asarray(flat.X), rtol=1e-6)
    np.testing.assert_allclose(np.stack([spots.geometry.x, spots.geometry.y], axis=1), flat.obsm["spatial"])
    assert list(table.obs["spot"]) == list(spots.index) == list(flat.obs_names)
    with Image.open(folder / "new.png") as picture:
        width, height = picture.size
    extent = spatialdata.get_extent(image, coordinate_system="new")
    assert (extent["x"][1], extent["y"][1]) == pytest.approx((width, height), rel=2e-3)
    again = stbench(*arguments)
    assert again.status == 2 and "is there already" in again.err.splitlines()[-1] and not leftovers(tmp_path)


def test_without_spatialdata_one_sentence_says_so_before_any_work(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spatialdata", None)
    arguments = (
        "predict",
        folder / "model",
        folder / "new.png",
        "--to",
        tmp_path / "a.zarr",
        "--um-per-px",
        1,
    )
    result = stbench(*arguments)
    assert (
        result.status == 2 and "spatialdata" in result.err.splitlines()[-1] and not list(tmp_path.iterdir())
    )


def warnings_on(folder: Path, picture: Path, um_per_px: float = 1.0, spots: Path | None = None) -> str:
    data = predicting.load(folder / "model").predict(picture, um_per_px=um_per_px, spots=spots)
    return " ".join(data.uns["stbench"]["warnings"])


def training_slide() -> Slide:
    """The first slide that the model was fitted on."""
    return find_slides("demo-tiny", None)[0][0].read()


def test_a_slide_stained_otherwise_is_warned_of_and_a_training_slide_is_not(
    folder, tmp_path, shared_cache, quick
):
    slide = training_slide()
    rows = zip(slide.spot_ids, slide.array_row_column, slide.pixel_xy, strict=True)
    lines = [f"{spot}\t{c}\t{r}\t{x}\t{y}" for spot, (r, c), (x, y) in rows]
    spots = tmp_path / "spots.tsv"
    spots.write_text("\n".join(["barcode\tarray_x\tarray_y\tpixel_x\tpixel_y", *lines]))
    assert "looks unlike" not in warnings_on(folder, slide.image, spots=spots)
    with Image.open(slide.image) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    Image.fromarray((pixels * (0.1, 0.2, 1.0)).astype(np.uint8)).save(tmp_path / "blue.png")
    warned = warnings_on(folder, tmp_path / "blue.png", spots=spots)
    assert "blue looks unlike every training slide: it is " in warned
    assert "Stain, scanner or tissue may differ, so that the predictions may not hold" in warned


def test_another_scale_is_warned_of_from_half_as_much_on(folder, shared_cache, quick):
    image = training_slide().image
    name = image.stem
    assert "microns per pixel" not in warnings_on(folder, image, 1.4)
    coarse = warnings_on(folder, image, 1.6)
    assert f"{name} has 1.6 microns per pixel, the training slides had 1: its patches are enlarged" in coarse
    assert "its patches are reduced" in warnings_on(folder, image, 0.6)


def test_a_model_of_slides_without_a_scale_says_that_it_compares_none(folder, tmp_path, shared_cache, quick):
    model = read_model(folder / "model")
    data = {**model.card.data.model_dump(), "microns_per_pixel": None}
    card = ModelCard.model_validate({**model.card.model_dump(), "data": data})
    kept = KeptModel(card, model.state, model.origin, model.unit, model.slide_means, model.slide_spreads)
    write_model(tmp_path / "model", kept)
    assert "the training slides state no single scale" in warnings_on(tmp_path, folder / "new.png")

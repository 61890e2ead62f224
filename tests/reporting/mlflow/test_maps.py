"""Maps of genes and tables per gene: what is drawn, on which scale, in which direction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from reporting.record_factory import GENES, failed, make_record, make_truth, with_arrays

from stbench.errors import StorageError
from stbench.reporting.mlflow.artifacts import Payload, write_artifacts
from stbench.reporting.mlflow.maps import GeneMap, save_gene_maps


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def draw(path, measured, predicted, scored=None, n_spots=100):
    grid = np.stack(np.meshgrid(np.arange(10), np.arange(n_spots // 10)), axis=-1).reshape(-1, 2) * 200.0
    scored = np.ones(n_spots, dtype=bool) if scored is None else scored
    save_gene_maps(path, "title", grid, scored, [GeneMap("GENE", measured, predicted)], False)
    return pixels(path)


def test_equal_values_have_equal_colours_above_and_below(tmp_path):
    values = np.linspace(0, 1, 100)
    image = draw(tmp_path / "same.png", values, values)
    shrunken = draw(tmp_path / "shrunken.png", values, 0.5 + 0.01 * values)
    colours = [len({tuple(p) for p in half.reshape(-1, 3)}) for half in np.array_split(image, 2)]
    assert colours[0] > 50 and colours[1] > 50
    lower = {tuple(p) for p in shrunken[len(shrunken) // 2 :, : shrunken.shape[1] // 2].reshape(-1, 3)}
    yellow, purple = (253, 231, 37), (68, 1, 84)  # the ends of viridis
    assert yellow not in lower and purple not in lower


def test_y_runs_downward_like_in_the_image(tmp_path):
    grid_y = np.repeat(np.arange(10), 10).astype(float)
    image = draw(tmp_path / "down.png", grid_y, grid_y)
    upper_picture = image[: len(image) // 2, : int(image.shape[1] * 0.7)]
    rows_of = {
        name: np.argwhere((np.abs(upper_picture - colour) < 12).all(axis=2))[:, 0].mean()
        for name, colour in {"low": (68, 1, 84), "high": (253, 231, 37)}.items()
    }
    assert rows_of["low"] < rows_of["high"]


def test_spots_that_do_not_count_are_grey_and_do_not_stretch_the_scale(tmp_path):
    scored = np.arange(100) > 0
    values = np.linspace(0, 1, 100)
    plain = draw(tmp_path / "a.png", values, values, scored)
    wild = draw(tmp_path / "b.png", np.where(scored, values, 1e6), np.where(scored, values, -1e6), scored)
    np.testing.assert_array_equal(plain, wild)


@pytest.mark.parametrize("n_spots", [1, 3])
def test_tiny_slides_can_be_drawn(tmp_path, n_spots):
    truth = make_truth(n_spots=n_spots)
    maps = [GeneMap("GENE", np.ones(n_spots), np.ones(n_spots))]
    save_gene_maps(tmp_path / "tiny.png", "tiny", truth.pixel_xy, np.ones(n_spots, dtype=bool), maps, False)
    assert pixels(tmp_path / "tiny.png").size > 0


def test_a_record_gives_its_genes_as_a_table_and_maps_of_the_best(tmp_path):
    record = with_arrays(make_record("spahgc", "B1"))
    write_artifacts(tmp_path, record, lambda r: Payload(r.predictions, r.truths))
    table = pyarrow.parquet.read_table(tmp_path / "genes.parquet").to_pydict()
    assert table["slide"] == ["B1"] * 3 and tuple(table["gene"]) == GENES
    assert table["pcc"] == [0.1, 0.5, None] and table["pcc_given_depth"] == [0.0, 0.25, None]
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["B1.png"]


def test_predictions_for_the_whole_panel_are_matched_by_gene(tmp_path):
    record = with_arrays(make_record("spahgc", "B1"))
    wider = replace(record, panel_genes=("FASN", "ABSENT", "GNAS", "ERBB2"))
    predictions = {"B1": np.insert(record.predictions["B1"], 1, 99.0, axis=1)}
    for folder, one in ((tmp_path / "a", record), (tmp_path / "b", replace(wider, predictions=predictions))):
        folder.mkdir()
        write_artifacts(folder, one, lambda r: Payload(r.predictions, r.truths))
    np.testing.assert_array_equal(pixels(tmp_path / "a/maps/B1.png"), pixels(tmp_path / "b/maps/B1.png"))


def test_predictions_of_another_shape_are_refused(tmp_path):
    record = with_arrays(make_record("spahgc", "B1"))
    payload = Payload({"B1": np.zeros((12, 7))}, record.truths)
    with pytest.raises(StorageError, match=r"shape \(12, 7\)"):
        write_artifacts(tmp_path, record, lambda _: payload)


def test_maps_of_generated_tissue_say_so(tmp_path):
    record = with_arrays(make_record("spahgc", "B1"))
    described = {}
    for name, more in (("real", {}), ("demo", {"synthetic": True})):
        one = replace(record, provenance={**record.provenance, **more})
        (tmp_path / name).mkdir()
        write_artifacts(tmp_path / name, one, lambda r: Payload(r.predictions, r.truths))
        with Image.open(tmp_path / name / "maps" / "B1.png") as image:
            described[name] = image.info.get("Description", ""), image.height
    assert described["real"][0] == "" and described["demo"][0].startswith("SYNTHETIC tissue")
    assert described["demo"][1] == described["real"][1] + 18  # the line that says so, below all maps


def test_a_failed_record_has_no_files(tmp_path):
    write_artifacts(tmp_path, failed(make_record("spahgc", "B1"), "reason"))
    assert list(tmp_path.iterdir()) == []

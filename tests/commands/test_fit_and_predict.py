"""A model is fitted, kept, and predicts slides without expression; what cannot be is one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plugins.command import leftovers, stbench

from stbench.commands import predict as predicting
from stbench.models.model_card import GeneTrust, ModelCard, Score, SlideTrust, TrustCard
from stbench.models.model_file import KeptModel, read_model, write_model
from stbench.models.tensor_file import of_bytes, to_bytes
from stbench.synthetic.section import Design, make_section

OPTIONS = ("--dataset", "demo-tiny", "--genes", "highest", "--n-genes", 12, "--inner", "none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cache_of_the_session) -> Path:
    """A ridge model, a model that keeps its spots, and the image of a slide that neither has seen."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STBENCH_CACHE", str(cache_of_the_session))
        for method in ("ridge", "knn"):
            result = stbench(
                "fit", "--method", method, *OPTIONS, "--to", folder / method, "--out", folder / "runs"
            )
            assert result.status == 0, result.err
            (folder / f"{method}.said").write_text(result.err)
    section = make_section(Design(seed=5, patients=("A",), grid=6, n_genes=20), "A1")
    Image.fromarray(section.image).save(folder / "new.png")
    lines = ["barcode\tarray_x\tarray_y\tpixel_x\tpixel_y"]
    for (row, column), (x, y) in zip(section.array_row_column, section.pixel_xy, strict=True):
        lines.append(f"{column}x{row}\t{column}\t{row}\t{x}\t{y}")
    (folder / "spots.tsv").write_text("\n".join(lines) + "\n")
    return folder


def changed(model: KeptModel, **fields) -> KeptModel:
    card = ModelCard.model_validate({**model.card.model_dump(), **fields})
    return KeptModel(card, model.state, model.origin, model.unit, model.slide_means, model.slide_spreads)


def test_mlflow_has_each_model_file_with_what_must_be_known_of_it(folder, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.chdir(folder / "runs")
    client = MlflowClient(f"sqlite:///{folder}/runs/mlflow.db")
    experiment = client.get_experiment_by_name("stbench/demo-tiny")
    assert experiment is not None
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"model ridge", "model knn"}
    for method in ("ridge", "knn"):
        run = runs[f"model {method}"]
        kept = Path(client.download_artifacts(run.info.run_id, method))
        assert kept.read_bytes() == (folder / method).read_bytes()
        assert run.data.params["n_genes"] == "12" and run.data.metrics["fit_seconds"] > 0
        (slides,) = run.inputs.dataset_inputs
        assert json.loads(slides.dataset.profile)["slides"] == ["A1", "B1", "C1", "D1"]
    notes = {name: run.data.tags["mlflow.note.content"] for name, run in runs.items()}
    assert [("measured expression" in note) for note in notes.values()].count(True) == 1
    assert "measured expression" in notes["model knn"]


def test_it_says_what_it_keeps_and_why_nothing_was_chosen(folder):
    assert "published settings: no inner loop was asked for" in (folder / "ridge.said").read_text()
    assert "Trust card: none" in (folder / "ridge.said").read_text()
    assert "holds measured expression" not in (folder / "ridge.said").read_text()
    assert "holds measured expression" in (folder / "knn.said").read_text()
    assert (
        read_model(folder / "knn").card.holds_expression
        and not read_model(folder / "ridge").card.holds_expression
    )
    assert read_model(folder / "ridge").card.data.pitch_um == pytest.approx(200, rel=0.01)


def test_another_process_without_data_reads_the_predicted_slide(folder, tmp_path, quick):
    to = tmp_path / "new.h5ad"
    result = stbench("predict", folder / "ridge", folder / "new.png", "--to", to, "--um-per-px", 1)
    assert result.status == 0, result.err
    script = f"""
import scanpy, json
data = scanpy.read_h5ad({str(to)!r})
picture = data.uns["spatial"]["new"]
scanpy.pl.spatial(data, color=data.var_names[0], library_id="new", show=False)
print(json.dumps([list(data.shape), sorted(picture["scalefactors"]), picture["images"]["hires"].shape[2],
    float(abs(data.layers["cpm"] - (2.718281828459045 ** data.X.clip(0) - 1)).max()), data.uns["stbench"]["method"],
    float(data.obsm["spatial"].max())]))
"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STBENCH")} | {"MPLBACKEND": "agg"}
    environment["PYTHONPATH"] = ""
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    shape, factors, channels, off, method, most = json.loads(run.stdout.splitlines()[-1])
    assert shape[1] == 12 and 10 < shape[0] <= 36 and channels == 3 and method == "ridge" and most < 1300
    assert {"tissue_hires_scalef", "spot_diameter_fullres"} <= set(factors)
    assert off < 50  # float32, at some ten thousand counts per million


def test_predictions_are_those_of_the_line_that_the_file_holds(folder, quick):
    """The ridge of the file, worked out here from its arrays and the embeddings that the encoder gives."""
    from stbench.preprocess.encoders import load_encoder
    from stbench.preprocess.patches import crop

    data = predicting.load(folder / "ridge").predict(
        folder / "new.png", spots=folder / "spots.tsv", um_per_px=1.0
    )
    kept = of_bytes((folder / "ridge").read_bytes(), "ridge").arrays
    pixels = np.asarray(Image.open(folder / "new.png").convert("RGB"))
    patches = np.stack([crop(pixels, np.rint(place), 224) for place in data.obsm["spatial"]])
    embeddings = load_encoder("efficientnet_lite0")(patches).astype(float)
    scores = (embeddings - kept["method.centre"]) @ kept["method.axes"].T
    line = kept["method.mean"] + scores @ (
        kept["method.alignment"] / (kept["method.strength"] + 100)[:, None]
    )
    expected = line * kept["scaling.unit"] + kept["scaling.origin"]
    np.testing.assert_allclose(data.X, expected, rtol=2e-3, atol=2e-3)


def test_a_coarser_scan_is_cut_to_show_the_same_tissue(folder, tmp_path, quick):
    """A scan at twice the pixel size is predicted as its enlargement is at the training scale, at the same places."""
    with Image.open(folder / "new.png") as image:
        half = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        half.save(tmp_path / "half.png")
        half.resize(image.size, Image.Resampling.BILINEAR).save(tmp_path / "enlarged.png")
    model = predicting.load(folder / "ridge")
    expected = model.predict(tmp_path / "enlarged.png", um_per_px=1.0)
    found = model.predict(tmp_path / "half.png", um_per_px=2.0)
    shared = expected.obs_names.intersection(found.obs_names)
    assert len(shared) > 0.9 * expected.n_obs
    np.testing.assert_allclose(found[shared].obsm["spatial"] * 2, expected[shared].obsm["spatial"], atol=2)
    spread = np.abs(expected.X - np.asarray(expected.X).mean(axis=0)).mean()
    assert np.abs(found[shared].X - expected[shared].X).mean() < 0.5 * spread
    assert any("2 microns per pixel" in words for words in found.uns["stbench"]["warnings"])


def test_what_was_trained_on_generated_tissue_says_so_where_it_is_read(folder, tmp_path, quick):
    import anndata

    said = stbench(
        "predict", folder / "ridge", folder / "new.png", "--to", tmp_path / "a.h5ad", "--um-per-px", 1
    ).err
    assert "trained on SYNTHETIC slides (demo-tiny): its predictions show that the pipeline works" in said
    assert " of 1 slide, 12 genes" in said
    assert bool(anndata.read_h5ad(tmp_path / "a.h5ad").uns["stbench"]["synthetic"]) is True
    model = read_model(folder / "ridge")
    real = {**model.card.data.model_dump(), "dataset": "her2"}
    write_model(tmp_path / "real", changed(model, data=real))
    found = predicting.load(tmp_path / "real").predict(folder / "new.png", um_per_px=1.0).uns["stbench"]
    assert found["synthetic"] is False and "SYNTHETIC" not in " ".join(found["warnings"])


def test_a_table_and_qupath_s_detections(folder, tmp_path, quick):
    import pandas as pd

    for name in ("a.csv", "a.csv.gz", "a.geojson"):
        result = stbench(
            "predict", folder / "ridge", folder / "new.png", "--to", tmp_path / name, "--um-per-px", 1
        )
        assert result.status == 0, result.err
    table = pd.read_csv(tmp_path / "a.csv", index_col="spot")
    pd.testing.assert_frame_equal(table, pd.read_csv(tmp_path / "a.csv.gz", index_col="spot"))
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert len(features) == len(table)
    ring = np.array(features[0]["geometry"]["coordinates"][0])
    place = table.loc[features[0]["properties"]["name"], ["pixel_x", "pixel_y"]].to_numpy(float)
    np.testing.assert_allclose(
        np.linalg.norm(ring - place, axis=1), 50, atol=0.5
    )  # a spot is 100 microns across
    assert (ring[0] == ring[-1]).all() and len(features[0]["properties"]["measurements"]) == 12


def test_genes_below_the_floor_are_left_out(folder, tmp_path, quick):
    model = read_model(folder / "ridge")
    genes = model.card.genes
    trust = {gene: GeneTrust(pcc=Score(mean=0.1 * i), above_floor=i > 3) for i, gene in enumerate(genes)}
    card = TrustCard(
        about="made up", floor="depth-smooth", slides=(SlideTrust(slide="A", patient="1"),), genes=trust
    )
    write_model(tmp_path / "m", changed(model, trust=card.model_dump()))
    found = predicting.load(tmp_path / "m").predict(folder / "new.png", um_per_px=1.0)
    assert list(found.var_names) == list(genes[4:]) and found.uns["stbench"]["genes_left_out"] == 4
    assert found.var["pcc"].iloc[0] == pytest.approx(0.4) and (found.var["above_floor"] == "yes").all()
    every = predicting.load(tmp_path / "m").predict(folder / "new.png", um_per_px=1.0, all_genes=True)
    assert every.n_vars == 12


def bad(folder: Path, tmp_path: Path, how: str) -> tuple[list[object], str]:
    """Arguments of a command that cannot be done, and what its sentence says."""
    model, image, scale = folder / "ridge", folder / "new.png", ["--um-per-px", 1]
    if how == "another version":
        write_model(tmp_path / "m", changed(read_model(model), stbench="9.9"))
        return [tmp_path / "m", image, *scale], "written by stbench 9.9"
    if how == "a changed byte":
        data = bytearray(model.read_bytes())
        data[-1] ^= 1
        (tmp_path / "m").write_bytes(data)
        return [tmp_path / "m", image, *scale], "checksum"
    if how == "another format":
        found = of_bytes(model.read_bytes(), "")
        (tmp_path / "m").write_bytes(to_bytes(found.arrays, {**found.document, "format": 2}))
        return [tmp_path / "m", image, *scale], "format 2"
    if how == "another encoder":
        encoder = {**read_model(model).card.encoder, "weights": "0" * 64}
        write_model(tmp_path / "m", changed(read_model(model), encoder=encoder))
        return [tmp_path / "m", image, *scale], "encoder efficientnet_lite0"
    if how == "no scale":
        return [model, image], "--um-per-px"
    if how == "no tissue":
        Image.fromarray(np.full((900, 900, 3), 244, dtype=np.uint8)).save(tmp_path / "white.png")
        return [model, tmp_path / "white.png", *scale], "No tissue"
    if how == "spots outside":
        (tmp_path / "s.tsv").write_text("barcode\tarray_x\tarray_y\tpixel_x\tpixel_y\na\t1\t1\t99999\t5\n")
        return [model, image, *scale, "--spots", tmp_path / "s.tsv"], "outside"
    if how == "endless pitch":
        return [model, image, *scale, "--pitch-um", "inf"], "--pitch-um must be a positive number"
    if how == "no spot file":
        return [model, image, *scale, "--spots", tmp_path / "s.tsv"], "There is no spot file"
    if how == "unknown kind of file":
        return [model, image, *scale, "--to", tmp_path / "out.xlsx"], ".geojson"
    return [model, tmp_path / "nowhere.png", *scale], "no image"


HOWS = (
    "another version",
    "a changed byte",
    "another format",
    "another encoder",
    "no scale",
    "no tissue",
    "spots outside",
    "endless pitch",
    "no spot file",
    "unknown kind of file",
    "no image",
)


@pytest.mark.parametrize("how", HOWS)
def test_bad_input_is_one_sentence_and_nothing_is_written(folder, tmp_path, how, quick):
    arguments, words = bad(folder, tmp_path, how)
    result = stbench("predict", *["--to", tmp_path / "out.h5ad"], *arguments)
    last = result.err.strip().splitlines()[-1]
    assert result.status == 2 and words in last and "Traceback" not in result.err, result.err
    assert not list(tmp_path.glob("out.*")) and not leftovers(tmp_path)


def test_several_methods_or_seeds_are_no_model(tmp_path, quick):
    for options in (("--method", "ridge,knn"), ("--method", "ridge", "--seeds", "0,1")):
        result = stbench("fit", *options, *OPTIONS, "--to", tmp_path / "m", "--out", tmp_path / "runs")
        assert result.status == 2 and "one" in result.err.splitlines()[-1]
        assert not (tmp_path / "m").exists()

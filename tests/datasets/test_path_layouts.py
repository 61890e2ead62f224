"""path:DIR in the layouts of Visium HD and of single slides; how slides are read where files leave it open."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import visium_files as visium
from PIL import Image
from plugins.command import stbench

from stbench import registry
from stbench.commands.asked import Asked
from stbench.commands.choosing import choose_contestants, dataset_name, find_slides
from stbench.commands.preparing import prepare
from stbench.contract import ReadingOptions
from stbench.errors import DatasetError, UsageError
from stbench.evaluation.design import Design
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.evaluation.plan import make_plan
from stbench.evaluation.runner import Runner
from stbench.evaluation.slides_used import notes_on_slides
from stbench.evaluation.trials.benches import InProcessBench
from stbench.preprocess.patches import PatchSize
from stbench.slide import Slide

SIDE = 8  # rows and columns of a slide's spots
pytestmark = pytest.mark.usefixtures("cache")


def write_bins(folder: Path, pitch: int, image: Path | None = None, **factors: float) -> None:
    """Square bins of Space Ranger, their positions in Parquet; each is painted in the red that it counts."""
    import h5py
    import pandas as pd

    (folder / "spatial").mkdir(parents=True)
    rows, columns = np.divmod(np.arange(SIDE * SIDE), SIDE)
    barcodes = [f"s_{row:05}_{column:05}-1" for row, column in zip(rows, columns, strict=True)]
    y, x = (rows + 1) * pitch, (columns + 1) * pitch
    table = {"barcode": barcodes, "in_tissue": 1, "array_row": rows, "array_col": columns}
    positions = pd.DataFrame({**table, "pxl_row_in_fullres": y, "pxl_col_in_fullres": x})
    positions.to_parquet(folder / "spatial" / "tissue_positions.parquet")
    factors = {"spot_diameter_fullres": float(pitch), "tissue_hires_scalef": 0.5, **factors}
    (folder / "spatial" / "scalefactors_json.json").write_text(json.dumps(factors))
    reds = np.arange(SIDE * SIDE) + 50
    pixels = np.full(((SIDE + 1) * pitch, (SIDE + 1) * pitch, 3), 240, np.uint8)
    for column, row, red in zip(x, y, reds, strict=True):
        pixels[row - 2 : row + 3, column - 2 : column + 3] = (red, 0, 0)
    Image.fromarray(pixels[::2, ::2]).save(folder / "spatial" / "tissue_hires_image.png")
    if image is not None:
        Image.fromarray(pixels).save(image)
    with h5py.File(folder / "filtered_feature_bc_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = np.array(barcodes, dtype="S")
        group["shape"] = np.array([1, len(barcodes)])
        group["data"], group["indices"] = reds.astype(np.int32), np.zeros(len(reds), dtype=np.int64)
        group["indptr"] = np.arange(len(reds) + 1)
        features = group.create_group("features")
        for name, value in (("id", b"E1"), ("name", b"MARK"), ("feature_type", b"Gene Expression")):
            features[name] = np.array([value])


def read(place: Path | str, **options) -> dict[str, Slide]:
    return {s.id: s.read() for s in find_slides(f"path:{place}", None, reading=ReadingOptions(**options))[0]}


def assert_on_colours(slide: Slide) -> None:
    pixels = np.asarray(Image.open(slide.image))
    assert [int(pixels[round(y), round(x), 0]) for x, y in slide.pixel_xy] == slide.totals.tolist()


@pytest.fixture
def hd(tmp_path: Path) -> Path:
    """Two slides of Visium HD, with three bins below `outs` and with one beside it; pictures in other places."""
    folder = tmp_path / "hd"
    for microns, pitch in ((2, 6), (8, 24), (16, 48)):
        write_bins(
            folder / "one" / "outs" / "binned_outputs" / f"square_{microns:03}um",
            pitch,
            folder / "one" / "one_HE.PNG" if microns == 8 else None,
            bin_size_um=float(microns),
            microns_per_pixel=microns / pitch,
        )
    (folder / "one" / "outs" / "spatial").mkdir()
    write_bins(
        folder / "two" / "binned_outputs" / "square_008um", 20, folder / "two" / "binned_outputs" / "scan.tif"
    )
    return folder


def test_bins_are_chosen_by_their_width(hd: Path):
    slides = read(hd, bin_um=8)
    assert {name: slide.image.name for name, slide in slides.items()} == {
        "one": "one_HE.PNG",
        "two": "scan.tif",
    }
    assert [slide.microns_per_pixel for slide in slides.values()] == pytest.approx([8 / 24, 8 / 20])
    assert slides["one"].scale_source == "microns_per_pixel of the scale factors"
    assert slides["two"].scale_source == "bins of 8 um over their distance in pixels"
    for slide in slides.values():
        assert (slide.platform, slide.n_spots, slide.warnings) == ("Visium HD", SIDE * SIDE, ())
        assert_on_colours(slide)


def test_several_bins_without_a_choice_are_named_with_the_option(hd: Path):
    sources, missing = find_slides(f"path:{hd}", None)
    assert [source.id for source in sources] == ["two"]
    assert "the bins square_002um, square_008um, square_016um of Visium HD" in missing["one"]
    assert "choose with --bin 8, or give the path to one" in missing["one"]
    with pytest.raises(DatasetError, match=r"none of 4 um; choose with --bin 8"):
        read(hd / "one", bin_um=4)


@pytest.mark.parametrize("below", ["", "outs", "outs/binned_outputs"])
def test_a_slide_of_bins_is_one_slide_wherever_its_path_ends(hd: Path, below: str):
    """Above all not a slide for each of its bins, which show the same tissue."""
    assert list(read(hd / "one" / below, bin_um=8)) == ["one"]


def test_a_path_may_end_at_the_bins(hd: Path):
    slides = read(hd / "one" / "outs" / "binned_outputs" / "square_008um")
    assert list(slides) == ["one"] and slides["one"].image.name == "one_HE.PNG"
    assert_on_colours(slides["one"])


def test_the_command_line_takes_the_bins(hd: Path, tmp_path: Path):
    checked = stbench(
        "datasets", "check", f"path:{hd}", "--bin", "8", "--to", tmp_path / "pictures", "--json"
    )
    assert checked.status == 0, checked.err
    assert [row["platform"] for row in checked.document["slides"]] == ["Visium HD", "Visium HD"]
    assert [row["image"]["name"] for row in checked.document["slides"]] == ["one_HE.PNG", "scan.tif"]
    refused = stbench("datasets", "check", f"path:{hd / 'one'}", "--to", tmp_path / "pictures")
    assert refused.status == 2 and "--bin 8" in refused.err


# --- one slide ----------------------------------------------------------------------------------------------


def place_tables(folder: Path, name: str, scale: int = 1) -> None:
    """A count table, spots and image; the array is square, `40 * scale` pixels from spot to spot."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.divmod(np.arange(16), 4)
    lines = [f"b{i}\t{i + 1}\t{row}" for i, row in enumerate(rows)]
    (folder / f"{name}_counts.tsv").write_text("\n".join(["\tA\tB", *lines]) + "\n")
    step = 40 * scale
    spots = [
        f"b{i}\t{column}\t{row}\t{(column + 1) * step}\t{(row + 1) * step}"
        for i, (row, column) in enumerate(zip(rows, columns, strict=True))
    ]
    header = "barcode\tarray_x\tarray_y\tpixel_x\tpixel_y"
    (folder / f"{name}_spots.tsv").write_text("\n".join([header, *spots]) + "\n")
    Image.fromarray(np.full((step * 5, step * 6, 3), 200, np.uint8)).save(folder / f"{name}.JPEG")


def test_a_file_stands_for_its_slide(tmp_path: Path):
    place_tables(tmp_path, "T1")
    place_tables(tmp_path, "T2")
    (tmp_path / "slides.csv").write_text("slide,patient,um_per_px\nT1,A,5\nT2,B,2.5\n")
    assert dataset_name(f"path:{tmp_path}/T2_counts.tsv") == "path:T2_counts.tsv"
    for file in ("T2_counts.tsv", "T2_spots.tsv"):
        slides = read(tmp_path / file)
        assert list(slides) == ["T2"]
        assert (slides["T2"].patient, slides["T2"].microns_per_pixel) == ("B", 2.5)
    visium.write_space_ranger(tmp_path / "V")
    assert list(read(tmp_path / "V" / "filtered_feature_bc_matrix.h5")) == ["V"]
    with pytest.raises(DatasetError, match=r"slides\.csv is no file of a slide; give a Space Ranger output"):
        read(tmp_path / "slides.csv")


def test_one_slide_is_checked_and_not_run(tmp_path: Path):
    visium.write_space_ranger(tmp_path / "mine", full_image="image.png")
    place = f"path:{tmp_path / 'mine'}"
    checked = stbench("datasets", "check", place, "--to", tmp_path / "pictures", "--json")
    assert [(row["slide"], row["spots"]) for row in checked.document["slides"]] == [("mine", 4)]
    refused = stbench("run", "--method", "mean", "--dataset", place, "--dry-run")
    assert refused.status == 2 and "needs at least two slides; found 1 (mine)" in refused.err


# --- what slides.csv and options state ----------------------------------------------------------------------


def test_slides_csv_states_the_platform_and_what_is_left_out(tmp_path: Path):
    for name in ("T1", "T2", "T3"):
        place_tables(tmp_path, name)
    spots = tmp_path / "T3_spots.tsv"
    spots.write_text(spots.read_text().replace("b5\t1\t1\t80\t80", "b5\t1\t1\t80\t-3"))
    listing = tmp_path / "slides.csv"
    listing.write_text("slide,Platform,drop_outside\nT1,visium hd,\nT2,NA,no\nT3,Xenium,yes\n")
    slides = read(tmp_path)
    assert [slide.platform for slide in slides.values()] == ["Visium HD", "ST", "Xenium"]
    assert [slide.n_spots for slide in slides.values()] == [16, 16, 15]
    listing.write_text("slide,drop_outside\nT3,no\n")
    with pytest.raises(DatasetError, match="1 of 16 spots do"):  # the file overrules the option
        read(tmp_path, drop_outside=True)
    for column, cell, words in (
        ("platform", "MERFISH", "one of ST, Visium, Visium HD, Xenium"),
        ("drop_outside", "maybe", "yes or no"),
    ):
        listing.write_text(f"slide,{column}\nT1,{cell}\n")
        with pytest.raises(
            DatasetError, match=rf"slides\.csv: {column} of T1 is '{cell}'; it must be {words}"
        ):
            read(tmp_path)


def test_a_scale_given_by_hand_tells_the_platform_too(tmp_path: Path):
    place_tables(tmp_path, "T1")
    assert read(tmp_path, um_per_px=5)["T1"].scale_source == "--um-per-px"
    platforms = {um: read(tmp_path, um_per_px=um)["T1"].platform for um in (5, 2.5, 0.2)}
    assert platforms == {5: "ST", 2.5: "Visium", 0.2: "Visium HD"}


def test_options_that_a_dataset_cannot_follow_are_refused(tmp_path: Path):
    place_tables(tmp_path, "T1")
    with pytest.raises(
        DatasetError, match=r"--bin 8 chooses among the bins of Visium HD.* no complete slide"
    ):
        read(tmp_path, bin_um=8)
    with pytest.raises(UsageError, match="demo-tiny has nothing that --drop-outside could change"):
        find_slides("demo-tiny", None, reading=ReadingOptions(drop_outside=True))
    with pytest.raises(UsageError, match="her2 has nothing that --bin could change"):
        find_slides("her2", tmp_path, reading=ReadingOptions(bin_um=8))


def test_options_of_reading_are_part_of_every_key(tmp_path: Path):
    for name in ("T1", "T2", "T3"):
        place_tables(tmp_path / "slides", name)

    def keys(**options) -> set[str]:
        asked = Asked.of(methods=["knn"], dataset=f"path:{tmp_path / 'slides'}", **options)
        prepared = prepare(asked, tmp_path / "out")
        return prepared.keys | {trial.key for job in prepared.plan.jobs for trial in job.trials}

    plain = keys()
    assert keys(drop_outside=False, um_per_px=None) == plain
    other = [keys(drop_outside=True), keys(um_per_px=0.5), keys(um_per_px=0.6)]
    assert all(plain.isdisjoint(found) for found in other)
    assert other[0].isdisjoint(other[1]) and other[1].isdisjoint(other[2])


@pytest.fixture
def two_scales(tmp_path: Path) -> Path:
    for number, scale in enumerate((1, 1, 2)):
        place_tables(tmp_path / "slides", f"T{number}", scale)
    (tmp_path / "slides" / "slides.csv").write_text("slide,um_per_px\nT0,5\nT1,5\nT2,2.5\n")
    return tmp_path / "slides"


SAID = "pixels differ in size between slides, from 2.5 um (T2) to 5 um (T0)"


def test_scales_that_differ_are_said_by_the_plan(two_scales: Path, tmp_path: Path):
    command = (
        "run",
        "--method",
        "mean",
        "--dataset",
        f"path:{two_scales}",
        "--inner",
        "none",
        "--out",
        tmp_path / "out",
    )
    plan = stbench(*command, "--dry-run", "--json")
    assert plan.status == 0, plan.err
    assert len(plan.document["warnings"]) == 1 and SAID in plan.document["warnings"][0]
    assert SAID in " ".join(stbench(*command, "--dry-run").err.split())
    assert stbench(*command, "--patch-um", "100", "--dry-run", "--json").document["warnings"] == []


def test_scales_that_differ_are_a_note_of_methods_that_look_at_patches(two_scales: Path):
    sources, _ = find_slides(f"path:{two_scales}", None)
    fold = Fold("T0", ("T1", "T2"), ("T0",))
    ridge, mean = (registry.method_card(name) for name in ("ridge", "mean"))
    by_pixels = Materials(Design("path:slides"), sources)
    assert [SAID in note for note in notes_on_slides(by_pixels, fold, ridge)] == [True]
    assert notes_on_slides(by_pixels, fold, mean) == []
    by_microns = Materials(Design("path:slides", patch=PatchSize(microns=100)), sources)
    assert notes_on_slides(by_microns, fold, ridge) == []


def test_a_record_names_the_image_and_scale_of_each_slide(two_scales: Path):
    reading = ReadingOptions(um_per_px=9.0)
    sources, _ = find_slides(f"path:{two_scales}", None, reading=reading)
    design = Design("path:slides", inner="none", genes="highest", n_genes=2, min_counts=1)
    mean = choose_contestants(["mean"], "paper", {}, tuned=False)[:1]
    (job, *_) = make_plan(design, "reader", sources, mean, [0]).jobs
    runner = Runner(Materials(design, sources), InProcessBench(registry.load_method), {})
    (record,) = runner.run(job)
    assert record.failure is None
    assert record.provenance["reading"] == {"um_per_px": 9.0}
    assert set(record.provenance["slides"]) == {"T0", "T1", "T2"}
    assert record.provenance["slides"]["T2"] == {
        "image": "T2.JPEG",
        "platform": "ST",
        "microns_per_pixel": 2.5,
        "scale_source": "um_per_px of slides.csv",
    }
    assert any("T2: --um-per-px 9 is not used" in note for note in record.notes)

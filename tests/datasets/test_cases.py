"""Small slides that real files taught: what each is read as, in one table, through `stbench datasets check`.

The slides are written by the scripts in ../shared/cases from one known truth: 36 spots, 60 px apart at full resolution,
on an image of 420 x 420 px, which a small picture of half that size may stand in for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from plugins.command import stbench
from shared_cases import make_case

SPOTS, GENES, SIDE = 36, 40, 420
# Microns per pixel where spots of 65 um, so Space Ranger's convention, are 39 px across; unknown in plain tables.
VISIUM, UNKNOWN = 65 / 39, None


class Expected(NamedTuple):
    """What `check` says of a slide; `image` is its name, at full resolution unless it is `small`."""

    image: str
    platform: str = "ST"
    scale: float | None = UNKNOWN
    status: str = "PASS"
    spots: int = SPOTS
    small: bool = False
    outside: int = 0
    patient: str | None = None

    @property
    def row(self) -> dict[str, Any]:
        side = SIDE // 2 if self.small else SIDE
        image = {"name": self.image, "width": side, "height": side, "full_resolution": not self.small}
        scale = None if self.scale is None else pytest.approx(self.scale, rel=1e-4)
        return self._asdict() | {"image": image, "scale": scale, "small": self.small}


class Refused(NamedTuple):
    """A slide that cannot be read, and what is said of it."""

    words: str


def visium(image: str, scale: float = VISIUM, **how: Any) -> Expected:
    return Expected(image, "Visium", scale, **how)


def small(image: str) -> Expected:
    """On the picture of half the size, which is warned of."""
    return visium(image, 2 * VISIUM, status="WARN", small=True)


def bins(image: str, microns: float) -> Expected:
    """Bins of Visium HD, 60 px apart."""
    return Expected(image, "Visium HD", microns / 60)


class Case(NamedTuple):
    """A case's folder, what is given after `path:CASE`, the slides in it, and what is said of all of them together."""

    number: str
    slides: dict[str, Expected | Refused]
    below: str = ""
    options: tuple[str, ...] = ()
    problem: str = ""

    @property
    def exit_status(self) -> int:
        return int(any(isinstance(slide, Refused) for slide in self.slides.values()))


TABLE = [
    Case("01", {"S1": bins("image.png", 8), "S2": bins("image.png", 8)}),
    Case(
        "02",
        {
            "a": visium("image.tif"),
            "b": visium("b.JPG"),
            "c": visium("c_HE.png"),
            "d": visium("slide.svs"),
        },
    ),
    Case("03", {"S1": visium("S1.png"), "S2": visium("S2.png")}),
    Case("06", {"S1": Expected("S1.png"), "S2": Expected("S2.png"), "S3": Expected("S3.png")}),
    Case("07", {"S1": Refused("(1 of 36 spots do)"), "S2": Refused("--drop-outside")}),
    Case(
        "07",
        {
            "S1": visium("S1.png", status="WARN", spots=SPOTS - 1, outside=1),
            "S2": visium("S2.png", status="WARN", spots=SPOTS - 1, outside=1),
        },
        options=("--drop-outside",),
    ),
    Case("08", {"S1": Expected("S1.png"), "S2": Expected("S2.png"), "S3": Refused("16-bit")}),
    Case("09", {"S1": Expected("S1.tif"), "S2": Refused("5, 420, 420"), "S3": Expected("S3.png")}),
    Case(
        "10",
        {"S1": Expected("S1.png"), "S2": Expected("S2.png")},
        problem="S1 by symbols (G00, say), S2 by Ensembl identifiers",
    ),
    Case(
        "11",
        {
            "S1": visium("image.png"),
            "S2": visium("image.png"),
            "S3": small("tissue_hires_image.png"),
        },
        problem="pixels differ in size between slides, from 1.67 um (S1) to 3.33 um (S3)",
    ),
    Case(
        "13",
        {"S1": Expected("S1.JPG"), "S2": Expected("S2.ome.tif"), "S3": Expected("HE.jpg")},
    ),
    Case(
        "14",
        {"S1": Expected("S1.png"), "S2": Expected("S2.png"), "S3": Expected("S3.png", patient="P3")},
    ),
    Case("16", {"S1": Expected("S1.jpg"), "S2": Expected("S2.tif")}),
    Case("18", {"S1": Expected("S1.jpg"), "S2": Expected("S2.jpg")}),
    Case(
        "20",
        {"S1": bins("image.png", 8), "S2": bins("image.png", 16)},
        problem="pixels differ in size between slides",
    ),
    Case("21", {"S1": Expected("S1.png", "ST", 3.3333)}, below="/st"),
    Case("21", {"V1": Expected("V1.png", "Visium", 1.6667)}, below="/visium"),
    Case("23", {name: small(f"inside {name}.h5ad") for name in ("int64", "float255", "grey")}),
    Case("25", {"S1": visium("S1.png")}, below="/S1.h5ad"),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cases' folders are written, each once."""
    return tmp_path_factory.mktemp("cases")


def folder_of(number: str, written: Path) -> Path:
    folder = written / number
    if not folder.is_dir():
        make_case(number, folder)
    return folder


@pytest.mark.parametrize(
    "case", TABLE, ids=lambda case: f"{case.number}{case.below.replace('/', '-')}{''.join(case.options)}"
)
def test_a_case_is_read_as_what_it_is(case: Case, written: Path, shared_cache: Path, tmp_path: Path):
    place = f"path:{folder_of(case.number, written)}{case.below}"
    result = stbench("datasets", "check", place, "--to", tmp_path / "pictures", "--json", *case.options)
    document = result.document
    rows = {row["slide"]: row for row in document["slides"]}
    assert rows.keys() == case.slides.keys()
    for name, slide in case.slides.items():
        row = rows[name]
        if isinstance(slide, Refused):
            assert row["status"] == "FAIL" and slide.words in row["problem"], row["problem"]
            continue
        found = {field: row.get(field) for field in slide.row} | {
            "scale": row["microns_per_pixel"],
            "small": slide.small,
        }
        assert found == slide.row, row["problem"]
        assert row["genes"] == GENES and row["scale_source"]
    assert [problem for problem in document["problems"] if case.problem and case.problem in problem] == (
        document["problems"]
    ), document["problems"]
    assert bool(document["problems"]) == bool(case.problem)
    assert result.status == case.exit_status, result.err

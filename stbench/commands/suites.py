"""Frozen suites: a small file that fixes everything that makes a table, so that numbers are comparable by its name.

A suite's hash is that of what it fixes, not of its name or its comments: two suites of one name and two contents
are told apart by it, and two names of one content are seen to be one. Which rows are run is no part of it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from stbench.errors import UnknownName, UsageError
from stbench.files import hash_value
from stbench.typed_yaml import read_keys

SHIPPED = Path(__file__).parent / "suite_files"
_FILE = "file:"
_Name = Annotated[str, Field(pattern=r"^\w[\w.-]{0,39}$")]


class Suite(BaseModel):
    """The file's keys; all are needed but `epochs`.

    name       letters, digits, points, dashes
    dataset    as --dataset takes it; a folder of one's own is path:NAME, and --dataset path:DIR says where it lies
    slides     at least two;  seeds  at least one
    genes      the panel's recipe; file:PATH is looked for beside the suite's file, and its content counts
    encoder    NAME@HASH, as tables print it: the hash is that of the weights
    patch      edge as `224 px` or `112 um`
    epochs     upper bound on epochs; without it there is none, and --epochs is refused
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name
    dataset: str = Field(min_length=1)
    slides: tuple[str, ...] = Field(min_length=2)
    split: Literal["slide", "patient", "slide-matched"]
    inner: str = Field(pattern=r"^(pairs|all|none|[2-9]|[1-9]\d+)$")
    tune_on: Literal["pcc", "pcc-equal-depth", "pcc-given-depth"]
    halving: bool
    grid: Literal["small", "full"]
    genes: str
    n_genes: int = Field(ge=1)
    target: Literal["logcpm", "pearson"]
    scale: Literal["minmax", "zscore", "none"]
    encoder: str = Field(pattern=r"^[^@\s]+@[0-9a-f]{8}$")
    patch: str = Field(pattern=r"^([1-9]\d* px|\d+(\.\d+)? um)$")
    min_counts: int = Field(ge=0)
    seeds: tuple[int, ...] = Field(min_length=1)
    reference: str = Field(min_length=1)
    epochs: int | None = Field(None, ge=0)

    @field_validator("slides", "seeds")
    @classmethod
    def _all_different(cls, values: tuple) -> tuple:
        if len(set(values)) < len(values):
            raise ValueError("each should be named once")
        return values

    @property
    def hash(self) -> str:
        """8 hex digits of what the suite fixes, in whatever order it names slides and seeds."""
        fixed = self.model_dump(mode="json", exclude={"name"}, exclude_none=True)
        panel = canonical("genes", self.recipe)
        return hash_value(
            fixed | {"slides": sorted(self.slides), "seeds": sorted(self.seeds), "genes": panel}
        )[:8]

    @property
    def label(self) -> str:
        """Name and hash, as they stand in a table."""
        return f"{self.name} {self.hash}"

    @property
    def recipe(self) -> str:
        """The panel's recipe as tables name it: the card's marker genes are written out where it asks for them."""
        from stbench import registry
        from stbench.preprocess.marker_genes import written_out

        return written_out(self.genes, registry.dataset_card(self.dataset).marker_genes, self.dataset)

    @property
    def options(self) -> dict[str, Any]:
        """What the suite fixes, by the names of `stbench run`'s options."""
        edge, unit = self.patch.split()
        return {
            **self.model_dump(exclude={"name", "patch"}),
            "encoder": self.encoder.partition("@")[0],
            "patch_px": int(edge) if unit == "px" else 224,
            "patch_um": float(edge) if unit == "um" else None,
        }


def canonical(option: str, value: Any) -> Any:
    """An option's value as it is compared: lists without their order, aliases by their name, files by their content."""
    if option in ("slides", "seeds"):
        entries: Sequence = value.split(",") if isinstance(value, str) else value
        stripped = sorted({str(entry).strip() for entry in entries} - {""})
        return [int(entry) if option == "seeds" and entry.isdecimal() else entry for entry in stripped]
    if option == "dataset":
        return _dataset_name(value)
    if option == "genes" and value.startswith(_FILE):
        from stbench.preprocess.genes import spec_identity

        return spec_identity(value, 0)
    return float(value) if option == "patch_um" else str(value) if option == "inner" else value


def _dataset_name(dataset: str) -> str:
    from stbench import registry

    name, folder = registry.find("dataset", dataset).name, dataset.partition(":")[2]
    return f"{name}:{Path(folder).expanduser().name}" if folder else name


def shipped_suites() -> dict[str, Path]:
    """The suites that come with stbench: name -> file."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def find_suite(name_or_path: str | Path) -> Suite:
    """A shipped suite by its name, or one's own by its .yaml file; UsageError for what is neither or wrong."""
    text = str(name_or_path)
    if text in shipped_suites():
        return read_suite(shipped_suites()[text])
    path = Path(text).expanduser()
    if path.suffix in (".yaml", ".yml") or path.parent != Path() or path.is_file():
        return read_suite(path)
    raise UnknownName("suite", text, shipped_suites())


def read_suite(path: Path) -> Suite:
    """The file's suite; UsageError, one sentence, for what it is not."""
    given = read_keys(path, f"Suite {path}", "the first is: name: NAME")
    if isinstance(given.get("genes"), str) and given["genes"].startswith(_FILE):
        panel = Path(given["genes"].removeprefix(_FILE)).expanduser()
        given["genes"] = f"{_FILE}{path.absolute().parent / panel}"
    try:
        suite = Suite.model_validate(given)
    except ValidationError as error:
        raise UsageError(f"Suite {path}: {_in_words(error)}.") from error
    _check_names(suite, path)
    return suite


def _check_names(suite: Suite, path: Path) -> None:
    """UsageError where the suite names a dataset, panel or encoder that nobody knows."""
    from stbench.preprocess.encoders import find_encoder
    from stbench.preprocess.genes import check_spec

    try:
        _dataset_name(suite.dataset)
        check_spec(suite.recipe)
        find_encoder(suite.options["encoder"])
    except UsageError as error:
        raise UsageError(f"Suite {path}: {error}") from error


def _in_words(error: ValidationError) -> str:
    """The first thing that is wrong: the key, what was found, what would have been right."""
    fault: Any = error.errors(include_url=False)[0]
    key = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, Suite.model_fields, n=1)
        known = f"perhaps {near[0]} is meant" if near else f"there are {', '.join(Suite.model_fields)}"
        return f"there is no key {key!r}; {known}"
    if fault["type"] == "missing":
        return f"{key} is missing, and a suite fixes it"
    right = _RIGHT.get(re.sub(r"\.\d+$", "", key)) or fault["msg"].removeprefix("Value error, ")
    return f"{key} is {fault['input']!r}: {right[:1].lower()}{right[1:]}"


_RIGHT = {
    "name": "it should be at most 40 letters, digits, points and dashes",
    "inner": "it should be pairs, all, none or a number of folds from 2 on",
    "encoder": "it should be NAME@HASH, as tables print it, such as efficientnet_lite0@ac64389b",
    "patch": "it should be an edge such as 224 px or 112 um",
}

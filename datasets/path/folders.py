"""What lies in an own folder: its slides, the form that each has, and what incomplete ones lack."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from stbench.errors import DatasetError
from stbench.slide_files.images import SUFFIXES
from stbench.slide_files.space_ranger import full_image, space_ranger_files, space_ranger_lacks
from stbench.slide_files.text import first_file

FORMS = "a Space Ranger output, an .h5ad file, or <name>_counts.tsv with <name>_spots.tsv and <name>.jpg"


class Found(NamedTuple):
    """A slide on disk: its form, its files by the names that the readers take, and what it lacks ("" = nothing)."""

    form: Literal["space-ranger", "h5ad", "st", "unknown"]
    files: dict[str, Path]
    lacks: str = ""


def slides_in(folder: Path) -> dict[str, Found]:
    """All slides of a folder by name, those in sub-folders and those whose files lie side by side.

    DatasetError where the folder is itself one slide's, or two slides have one name.
    """
    if (folder / "spatial").is_dir() or (folder / "outs").is_dir():
        raise DatasetError(
            f"{folder} is itself the Space Ranger output of one slide; "
            "give the folder that holds one such folder per slide."
        )
    names = [
        path.name for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")
    ]
    found = {name: _in_folder(folder / name) for name in names}
    for name, slide in _side_by_side(folder).items():
        if name in found:
            raise DatasetError(
                f"{folder} holds the slide {name} twice, as a folder and as files; keep one of them."
            )
        found[name] = slide
    return found


def _side_by_side(folder: Path) -> dict[str, Found]:
    """Slides whose files lie right in the folder, named after the files."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    stems = [path.stem for path in files if path.suffix == ".h5ad"]
    found = {stem: _anndata(folder / f"{stem}.h5ad", _image(folder, stem)) for stem in stems}
    return found | {name: _spatial_transcriptomics(folder, name) for name in _table_names(files)}


def _in_folder(folder: Path) -> Found:
    """The slide that a sub-folder holds, by the files that are there."""
    files = space_ranger_files(folder) if _looks_like_space_ranger(folder) else {}
    if files:
        return Found("space-ranger", files | _label_tables(folder), space_ranger_lacks(files))
    names = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    anndata = [path for path in names if path.suffix == ".h5ad"]
    tables = _table_names(names)
    if len(anndata) + len(tables) > 1:
        several = ", ".join([*(path.name for path in anndata), *tables])
        raise DatasetError(f"{folder} holds several slides: {several}; give each a folder of its own.")
    if anndata:
        return _anndata(anndata[0], full_image(folder))
    if tables:
        return _spatial_transcriptomics(folder, tables[0])
    return Found("unknown", {}, f"the files of a slide ({FORMS})")


def _looks_like_space_ranger(folder: Path) -> bool:
    marks = ("spatial", "outs", "filtered_feature_bc_matrix", "filtered_count_matrix")
    return any((folder / mark).is_dir() for mark in marks) or any(
        folder.glob("*filtered_feature_bc_matrix.h5")
    )


def _label_tables(folder: Path) -> dict[str, Path]:
    tables = {
        name: first_file(folder / f"{name}.csv", folder / f"{name}.csv.gz")
        for name in ("annotation", "metadata")
    }
    return {name: path for name, path in tables.items() if path is not None}


def _table_names(files: list[Path]) -> list[str]:
    """The <name> of each <name>_counts.tsv or <name>_spots.tsv, gzipped or not."""
    plain = [path.name.removesuffix(".gz") for path in files]
    tables = [
        name.removesuffix(end)
        for name in plain
        for end in ("_counts.tsv", "_spots.tsv")
        if name.endswith(end)
    ]
    return list(dict.fromkeys(tables))


def _anndata(path: Path, image: Path | None) -> Found:
    return Found("h5ad", {"h5ad": path} | ({"image": image} if image else {}))


def _spatial_transcriptomics(folder: Path, name: str) -> Found:
    parts = {
        "counts": first_file(folder / f"{name}_counts.tsv.gz", folder / f"{name}_counts.tsv"),
        "spots": first_file(folder / f"{name}_spots.tsv", folder / f"{name}_spots.tsv.gz"),
        "image": _image(folder, name),
    }
    needed = {
        "counts": f"{name}_counts.tsv[.gz]",
        "spots": f"{name}_spots.tsv",
        "image": f"{name}.jpg (.png, .tif)",
    }
    lacks = ", ".join(words for part, words in needed.items() if parts[part] is None)
    return Found("st", {part: path for part, path in parts.items() if path is not None}, lacks)


def _image(folder: Path, name: str) -> Path | None:
    return first_file(*(folder / f"{name}{suffix}" for suffix in SUFFIXES))

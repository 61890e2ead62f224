"""What lies in an own folder, or is a slide itself: the form that each slide has, and what incomplete ones lack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from stbench.errors import DatasetError
from stbench.slide_files.full_images import full_image, pictures_alone
from stbench.slide_files.molecule_folders import MoleculeForm, molecule_files, molecule_form
from stbench.slide_files.space_ranger import space_ranger_files, space_ranger_lacks
from stbench.slide_files.text import first_file
from stbench.slide_files.unmeasured import lacks_counts_alone
from stbench.slide_files.visium_hd import BINNED, bin_of, bins_in

FORMS = "a Space Ranger output, an .h5ad file, or <name>_counts.tsv with <name>_spots.tsv and <name>.jpg"
_MATRIX_FOLDERS = ("filtered_feature_bc_matrix", "filtered_count_matrix")


class Found(NamedTuple):
    """A slide on disk: its form, its files by the names that the readers take, and what it lacks ("" = nothing).

    unmeasured  it lacks nothing but expression: an image, with its spots or alone
    """

    form: Literal["space-ranger", "h5ad", "st", "unknown"] | MoleculeForm
    files: dict[str, Path]
    lacks: str = ""
    unmeasured: bool = False


def slides_in(place: Path, bin_um: float | None = None) -> dict[str, Found]:
    """All slides at a place by name: of a folder those in sub-folders and those whose files lie side by side.

    A folder that is itself one slide's, or one slide's file, gives that one. One that cannot be told is there with
    the reason as what it lacks. `bin_um` chooses among bins of Visium HD.
    """
    if place.is_file():
        return _of_file(place, bin_um)
    if _is_one_slide(place) or molecule_form(place):
        return {home_of(place).name: _told(lambda: _in_folder(place, bin_um))}
    names = [path.name for path in sorted(place.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    found = {name: _told(lambda name=name: _in_folder(place / name, bin_um)) for name in names}
    for name, slide in _side_by_side(place).items():
        twice = Found(
            "unknown", {}, "a name of its own: it is there as a folder and as files; keep one of them"
        )
        found[name] = twice if name in found else slide
    return found


def home_of(place: Path) -> Path:
    """The folder that a slide is named after, above Space Ranger's own folders; of a file the one it lies in."""
    place = place.parent if place.is_file() else place
    own = (up for up in (place, *place.parents) if up.name not in ("outs", BINNED) and bin_of(up) is None)
    return next(own, place)


def _told(look: Callable[[], Found]) -> Found:
    """What a look finds; where it cannot tell, that is what the slide lacks."""
    try:
        return look()
    except DatasetError as error:
        return Found("unknown", {}, f"an unambiguous layout ({str(error).rstrip('.')})")
    except OSError as error:
        return Found("unknown", {}, f"files that can be read ({error})")


def _of_file(path: Path, bin_um: float | None) -> dict[str, Found]:
    """The slide that one file stands for: an .h5ad, a table of counts or spots, or the matrix of Space Ranger."""
    if path.name.endswith("filtered_feature_bc_matrix.h5"):
        return slides_in(path.parent, bin_um)
    beside = _side_by_side(path.parent)
    for name in (path.stem, *_table_names([path])):
        if name in beside and (path in beside[name].files.values() or beside[name].lacks):
            return {name: beside[name]}
    raise DatasetError(f"{path} is no file of a slide; give {FORMS}.")


def _is_one_slide(folder: Path) -> bool:
    """Whether the folder is itself what Space Ranger writes for a slide, or a part of that."""
    marks = ("spatial", "outs", BINNED, *_MATRIX_FOLDERS)
    return any((folder / mark).is_dir() for mark in marks) or bool(bins_in(folder)) or _has_matrix(folder)


def _side_by_side(folder: Path) -> dict[str, Found]:
    """Slides whose files lie right in the folder, named after the files."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    anndata = [path for path in files if path.suffix.lower() == ".h5ad"]
    found = {
        path.stem: _told(lambda path=path: _anndata(path, full_image(folder, path.stem, shared=True)))
        for path in anndata
    }
    tables = {
        name: _told(lambda name=name: _spatial_transcriptomics(folder, name, shared=True))
        for name in _table_names(files)
    }
    used = {path for slide in (*found.values(), *tables.values()) for path in slide.files.values()}
    alone = {
        name: Found("st", {"image": path}, "counts", unmeasured=True)
        for name, path in pictures_alone(folder).items()
        if path not in used and name not in found and name not in tables
    }
    return found | tables | alone


def _in_folder(folder: Path, bin_um: float | None) -> Found:
    """The slide that a folder of its own holds, by the files that are there."""
    if form := molecule_form(folder):
        return Found(form, *molecule_files(folder, form))
    home = home_of(folder)
    if _is_one_slide(folder):
        above = [up for up in folder.parents if up == home or home in up.parents]
        files = space_ranger_files(folder, home.name, bin_um, above)
        if files:
            bare = lacks_counts_alone(files, "positions") and {"positions", "scale_factors"} <= files.keys()
            labels = _label_tables(home) | _label_tables(folder)
            return Found("space-ranger", files | labels, space_ranger_lacks(files), unmeasured=bare)
    names = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    anndata = [path for path in names if path.suffix.lower() == ".h5ad"]
    tables = _table_names(names)
    if len(anndata) + len(tables) > 1:
        several = ", ".join([*(path.name for path in anndata), *tables])
        raise DatasetError(f"{folder} holds several slides: {several}; give each a folder of its own.")
    if anndata:
        return _anndata(anndata[0], full_image(folder, anndata[0].stem))
    if tables:
        return _spatial_transcriptomics(folder, tables[0])
    if image := full_image(folder, folder.name):
        return Found("st", {"image": image}, "counts", unmeasured=True)
    return Found("unknown", {}, f"the files of a slide ({FORMS})")


def _has_matrix(folder: Path) -> bool:
    return any(folder.glob("*filtered_feature_bc_matrix.h5"))


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


def _spatial_transcriptomics(folder: Path, name: str, shared: bool = False) -> Found:
    parts = {
        "counts": first_file(folder / f"{name}_counts.tsv.gz", folder / f"{name}_counts.tsv"),
        "spots": first_file(folder / f"{name}_spots.tsv", folder / f"{name}_spots.tsv.gz"),
        "image": full_image(folder, name, shared=shared),
    }
    needed = {
        "counts": f"{name}_counts.tsv[.gz]",
        "spots": f"{name}_spots.tsv",
        "image": f"{name}.jpg (.png, .tif, .svs, ...)",
    }
    lacks = ", ".join(words for part, words in needed.items() if parts[part] is None)
    files = {part: path for part, path in parts.items() if path is not None}
    return Found("st", files, lacks, unmeasured=lacks_counts_alone(files, "spots"))

"""Folders whose slide is counted in pseudo-spots: which kind one is, what it lacks, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from stbench.slide import Slide

from .cosmx_files import cosmx_files, cosmx_lacks, is_cosmx, read_cosmx
from .spatialdata_files import is_spatialdata, read_spatialdata, spatialdata_files
from .xenium_files import is_xenium, read_xenium, xenium_files, xenium_lacks

MoleculeForm = Literal["spatialdata", "xenium", "cosmx"]


class _Kind(NamedTuple):
    """How to recognise a folder, its files by the reader's names, what they lack ("" = nothing), and the reader."""

    is_one: Callable[[Path], bool]
    files: Callable[[Path], dict[str, Path]]
    lacks: Callable[[Mapping[str, Path]], str]
    read: Callable[..., Slide]


def _nothing(files: Mapping[str, Path]) -> str:
    """A store's own errors say what it lacks: only its library can tell."""
    return ""


_KINDS: Mapping[MoleculeForm, _Kind] = {
    "spatialdata": _Kind(is_spatialdata, spatialdata_files, _nothing, read_spatialdata),
    "xenium": _Kind(is_xenium, xenium_files, xenium_lacks, read_xenium),
    "cosmx": _Kind(is_cosmx, cosmx_files, cosmx_lacks, read_cosmx),
}


def molecule_form(folder: Path) -> MoleculeForm | None:
    """The kind of the folder, None where it is none of these."""
    return next((name for name, kind in _KINDS.items() if kind.is_one(folder)), None)


def molecule_files(folder: Path, form: MoleculeForm) -> tuple[dict[str, Path], str]:
    """Its files by the reader's names, and what they lack; DatasetError where several could be meant."""
    files = _KINDS[form].files(folder)
    return files, _KINDS[form].lacks(files)


def molecule_reader(form: str) -> Callable[..., Slide] | None:
    """`read(slide, files, patient=, platform=, stated=, reading=)` of a kind, None for any other form."""
    kind = {str(name): kind for name, kind in _KINDS.items()}.get(form)
    return kind.read if kind else None

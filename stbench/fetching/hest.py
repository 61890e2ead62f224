"""Slides of HEST-1k (Jaume et al. 2024), a gated dataset repository on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .hugging_face import hub_files
from .remote_file import RemoteFile

REPOSITORY = "MahmoodLab/hest"
# Part of a slide -> where the repository keeps it.
PARTS: Mapping[str, str] = {
    "st": "st/{slide}.h5ad",
    "wsis": "wsis/{slide}.tif",
    "patches": "patches/{slide}.h5",
    "metadata": "metadata/{slide}.json",
}


def hest_files(
    slides: Sequence[str], folder: Path, parts: Sequence[str] = tuple(PARTS), revision: str = "main"
) -> list[RemoteFile]:
    """The files of these slides, slide by slide, under the repository's own names.

    slides    HEST's ids, such as NCBI681
    folder    where they go; a copy that was begun there keeps to its commit
    parts     which of PARTS
    revision  commit, tag or branch that a new copy is begun with
    Raises DatasetError where access is not granted (it names the page to ask at) or a file is not listed.
    """
    names = [PARTS[part].format(slide=slide) for slide in slides for part in parts]
    return list(hub_files(REPOSITORY, names, folder, revision))

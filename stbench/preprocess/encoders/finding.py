"""Which encoders there are: the built-in ones and plugins, by name, with nothing of a plugin imported."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from stbench.cards import folder_of, read_card
from stbench.errors import PluginError, UnknownName
from stbench.preprocess.encoders.card import EncoderCard

DEFAULT_ENCODER = "efficientnet_lite0"
GROUP = "stbench.encoders"
SOURCE = "encoder.py"
_BUILT_IN = Path(__file__).with_name("built_in.yaml")


class Encoder(NamedTuple):
    """One frozen encoder: its card and, of a plugin, its folder and the package that it is an entry point of."""

    card: EncoderCard
    folder: Path | None = None
    package: str = ""

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def weights_file(self) -> Path | None:
        """Where a plugin's weights lie, if its card says so."""
        if self.folder is None or self.card.weights_file is None:
            return None
        return self.folder / self.card.weights_file.expanduser()


def encoders() -> Mapping[str, Encoder]:
    """All sound encoders by name: the default, the other built-in ones, plugins."""
    return _found(os.environ.get("STBENCH_ENCODERS", ""))[0]


def broken_encoders() -> Mapping[str, str]:
    """Plugins that cannot be used, by name, with the reason: they are named and skipped in lists."""
    return _found(os.environ.get("STBENCH_ENCODERS", ""))[1]


def find_encoder(name: str) -> Encoder:
    """The encoder of that name in any case, or of that title.

    UnknownName with near names; PluginError for a plugin that is broken.
    """
    known = encoders()
    if name in known:
        return known[name]
    for encoder in known.values():
        if _plain(name) in (_plain(encoder.name), _plain(encoder.card.title)):
            return encoder
    for broken, reason in broken_encoders().items():
        if _plain(name) == _plain(broken):
            raise PluginError(f"Encoder {broken} cannot be used: {reason}")
    raise UnknownName("encoder", name, known)


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-")


@cache
def _built_in() -> dict[str, Encoder]:
    table = yaml.safe_load(_BUILT_IN.read_text(encoding="utf-8"))
    return {name: Encoder(EncoderCard(name=name, **fields)) for name, fields in table.items()}


@cache
def _found(searched: str) -> tuple[dict[str, Encoder], dict[str, str]]:
    """The sound encoders and the broken ones, of the folders in the environment variable as it is now."""
    found, broken = dict(_built_in()), dict[str, str]()
    for called, folder, package in (*_entries(), *_folders(searched)):
        try:
            encoder = Encoder(_card(folder), folder, package)
        except PluginError as error:
            broken[called] = str(error)
            continue
        taken = found.get(encoder.name)
        if taken is None:
            found[encoder.name] = encoder
        else:
            by = taken.folder or "a built-in encoder"
            broken[called] = (
                f"{folder / 'card.yaml'} takes the name {encoder.name}, which is that of {by}; change it."
            )
    return found, broken


def _card(folder: Path) -> EncoderCard:
    if not (folder / SOURCE).is_file():
        raise PluginError(
            f"{folder / SOURCE} is not there; an encoder is a folder with {SOURCE} and card.yaml."
        )
    return read_card(folder, EncoderCard)


def _entries() -> Iterator[tuple[str, Path, str]]:
    """Name, folder and package of each entry point."""
    for entry in importlib.metadata.entry_points(group=GROUP):
        package = entry.value.partition(":")[0]
        yield entry.name, folder_of(package), package


def _folders(searched: str) -> Iterator[tuple[str, Path, str]]:
    """Name and folder of each encoder in the folders named, or of one of these that is an encoder itself."""
    for folder in (Path(text).expanduser().absolute() for text in searched.split(os.pathsep) if text):
        if (folder / SOURCE).is_file():
            yield folder.name, folder, ""
            continue
        try:
            inner = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._")
        except OSError:
            yield folder.name, folder, ""  # its card cannot be read either, which says what is wrong
            continue
        yield from ((path.name, path, "") for path in inner)

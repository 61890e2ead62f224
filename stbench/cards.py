"""Cards of plugins, and the folders that they lie in: found and read without importing anything of a plugin."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from stbench.errors import PluginError

AnyCard = TypeVar("AnyCard", bound=BaseModel)


@cache
def read_card(folder: Path, model: type[AnyCard]) -> AnyCard:
    """The card.yaml of a folder; PluginError where it is missing or has a key it should not have."""
    path = folder / "card.yaml"
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise PluginError(
            f"{path} cannot be read ({error.strerror}); every plugin needs a card.yaml."
        ) from error
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        reasons = (
            "; ".join(map(_fault, error.errors()))
            if isinstance(error, ValidationError)
            else " ".join(str(error).split())
        )
        raise PluginError(f"{path} is not a valid card: {reasons}.") from error


def _fault(fault: Mapping[str, Any]) -> str:
    """What is wrong with a card, and where."""
    return f"{'.'.join(map(str, fault['loc'])) or 'card'}: {fault['msg'].removeprefix('Value error, ')}"


def folder_of(module: str) -> Path:
    """Folder in which a module's source lies, found without running anything of it."""
    outer, *inner = module.split(".")
    try:
        spec = importlib.util.find_spec(outer)
    except Exception:
        spec = None
    if spec is None or not (spec.origin or spec.submodule_search_locations):
        return Path(module)
    if not spec.submodule_search_locations:
        return Path(spec.origin or module).parent
    folder = Path(next(iter(spec.submodule_search_locations))).joinpath(*inner)
    return folder if folder.is_dir() else folder.parent

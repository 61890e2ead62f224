"""A method's class from its folder, by whoever is allowed to run its code."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from stbench.contract import Method
from stbench.errors import PluginError

# Behind this door lie plugin folders; the package itself is ours.
_DOOR = "stbench.methods"


class PluginPlace(NamedTuple):
    """Where a method plugin lies: its name, the module that holds `plugin`, and that module's folder or file."""

    name: str
    module: str
    folder: Path

    def packed(self) -> dict[str, str]:
        return {"name": self.name, "module": self.module, "folder": str(self.folder)}

    @classmethod
    def unpacked(cls, plain: Mapping[str, str]) -> PluginPlace:
        return cls(plain["name"], plain["module"], Path(plain["folder"]))

    @property
    def package(self) -> tuple[str, Path]:
        """The outermost module that is the plugin's own, and where it lies."""
        if self.module.startswith(f"{_DOOR}."):
            return self.module, self.folder
        outer, *inner = self.module.split(".")
        if not (self.folder / "__init__.py").is_file() or (inner and self.folder.name != inner[-1]):
            inner = inner[:-1]  # a module in that folder, not the folder itself
        place = self.folder.parents[len(inner) - 1] if inner else self.folder
        return outer, place if (place / "__init__.py").is_file() else place / f"{outer}.py"


class _Finder:
    """Finds one package where it lies: the folder above it may hold anything and is not looked through."""

    def __init__(self, name: str, place: Path):
        self.name, self.place = name, place

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self.name:
            return None
        if self.place.is_file():
            return importlib.util.spec_from_file_location(name, self.place)
        return importlib.util.spec_from_file_location(
            name, self.place / "__init__.py", submodule_search_locations=[str(self.place)]
        )


def load_class(plugin: PluginPlace) -> type[Method]:
    """Run the plugin's module and give its class; PluginError where there is none. Its own errors pass."""
    sys.meta_path.insert(0, _Finder(*plugin.package))
    loaded: Any = importlib.import_module(plugin.module)
    found = getattr(loaded, "plugin", None)
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise PluginError(f"Plugin {plugin.name}: `plugin` must be a subclass of Method, found {found!r}.")
    return found

"""Names of methods and datasets without importing them, and one plugin by name.

A plugin is a folder behind a door (`stbench.methods`, `stbench.datasets`) or an entry point of an installed
package in the group of the same name. `depth-smooth` on the command line is the folder `depth_smooth`. The name of
a dataset may carry a folder, as in `path:DIR`; what stands before the colon is the plugin.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import stbench.datasets
import stbench.methods
from stbench.cards import folder_of, read_card
from stbench.contract import Dataset, DatasetCard, Method, MethodCard
from stbench.errors import PluginError, UnknownName
from stbench.files import hash_tree

Kind = Literal["method", "dataset"]
_DOORS = {"method": stbench.methods, "dataset": stbench.datasets}
_GROUPS = {"method": "stbench.methods", "dataset": "stbench.datasets"}


class Plugin(NamedTuple):
    """Where a plugin lies: the module to import and the folder of its source."""

    name: str
    module: str
    folder: Path


@cache
def plugins(kind: Kind) -> Mapping[str, Plugin]:
    """All plugins of a kind by name, sorted, nothing imported."""
    found: dict[str, Plugin] = {}
    for entry in importlib.metadata.entry_points(group=_GROUPS[kind]):
        module = entry.value.partition(":")[0]
        name = entry.name.replace("_", "-")
        found[name] = Plugin(name, module, folder_of(module))
    for info in pkgutil.iter_modules(_DOORS[kind].__path__):
        folder = Path(info.module_finder.path) / info.name  # type: ignore[union-attr]
        name = info.name.replace("_", "-")
        if info.ispkg:
            found[name] = Plugin(name, f"{_DOORS[kind].__name__}.{info.name}", folder)
    return dict(sorted(found.items()))


def find(kind: Kind, name: str) -> Plugin:
    """The plugin of that name; UnknownName with near names, aliases of datasets included."""
    known = plugins(kind)
    base, _, folder = name.partition(":")
    if kind == "dataset" and folder and base in known and dataset_card(base).own_folder:
        return known[base]
    if name in known:
        return known[name]
    if kind == "dataset":
        broken = broken_plugins(kind)
        for plugin in known.values():
            if plugin.name not in broken and name in dataset_card(plugin.name).aliases:
                return plugin
    called = canonical_name(kind, name)
    if called in known:
        return known[called]
    raise UnknownName(kind, name, known)


def canonical_name(kind: Kind, name: str) -> str:
    """The name of the plugin that is called so in any case, or by its card's title; else the name as it is."""
    known = plugins(kind)
    if name in known or ":" in name:
        return name
    wanted = name.casefold()
    broken = broken_plugins(kind)
    for plugin in known.values():
        if plugin.name.casefold() == wanted:
            return plugin.name
        if plugin.name not in broken and _card_of(kind, plugin).title.casefold() == wanted:
            return plugin.name
    return name


def _card_of(kind: Kind, plugin: Plugin) -> MethodCard | DatasetCard:
    return read_card(plugin.folder, MethodCard if kind == "method" else DatasetCard)


def method_card(name: str) -> MethodCard:
    """The card of a method; PluginError where it is missing or has a key it should not have."""
    return read_card(find("method", name).folder, MethodCard)


def dataset_card(name: str) -> DatasetCard:
    """The card of a dataset; PluginError where it is missing or has a key it should not have."""
    return read_card(find("dataset", name).folder, DatasetCard)


def is_generated(dataset: str) -> bool:
    """Whether the card of a dataset, or path:DIR, says that its tissue is synthetic; not of one that is not here."""
    try:
        return dataset_card(dataset.partition(":")[0]).generated
    except (UnknownName, PluginError):
        return False


def load_method(name: str) -> type[Method]:
    """The method class of that name, imported now; PluginError where it does not load."""
    return _load(find("method", name), Method)


def load_dataset(name: str) -> type[Dataset]:
    """The dataset class of that name, imported now; PluginError where it does not load."""
    return _load(find("dataset", name), Dataset)


def _load(plugin: Plugin, base: type) -> Any:
    try:
        loaded = importlib.import_module(plugin.module).plugin
    except Exception as error:
        raise PluginError(f"Plugin {plugin.name} at {plugin.folder} does not load: {error!r}.") from error
    if not (isinstance(loaded, type) and issubclass(loaded, base)):
        raise PluginError(
            f"Plugin {plugin.name}: `plugin` must be a subclass of {base.__name__}, found {loaded!r}."
        )
    return loaded


def source_hash(kind: Kind, name: str) -> str:
    """Hash of the plugin's source files, so that edited code never reuses an old result."""
    return hash_tree(find(kind, name).folder)


def method_sources() -> dict[str, str]:
    """Hash of every method's source as it is today, by name."""
    return {name: source_hash("method", name) for name in plugins("method")}


def floor_methods() -> list[str]:
    """Names of the floor methods, which stand in every table; broken plugins are passed over."""
    broken = broken_plugins("method")
    sound = (name for name in plugins("method") if name not in broken)
    return [name for name in sound if method_card(name).kind == "floor"]


def broken_plugins(kind: Kind) -> dict[str, str]:
    """Plugins whose card does not load, by name, with the reason: they are named and skipped in lists."""
    card_of = method_card if kind == "method" else dataset_card
    broken = {}
    for name in plugins(kind):
        try:
            card_of(name)
        except PluginError as error:
            broken[name] = str(error)
    return broken

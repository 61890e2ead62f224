"""From names to things: contestants, slides on disk, a device, a design under a dataset's bounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from stbench import registry
from stbench.commands.asked import DEFAULT_PRESET
from stbench.commands.by_hand import fetch_words
from stbench.commands.released import is_model, model_contestant, released_plugin
from stbench.commands.slide_names import check_slide_names
from stbench.contract import READ_AS_IS, Dataset, DatasetCard, ReadingOptions, SlideSource, UnmeasuredSlide
from stbench.errors import DatasetError, UnknownName, UsageError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.devices import Machine, check_name, found_on, this_machine
from stbench.evaluation.trials.plugins import PluginPlace
from stbench.files import cache_root, default_data_root, hash_value
from stbench.slide_files.scale import read_with_scale

# Fields of ReadingOptions as they are typed.
_READING = {"bin_um": "--bin", "drop_outside": "--drop-outside", "um_per_px": "--um-per-px"}
# Seeds beyond this are refused by numpy's global generator.
_SEEDS = 2**32


def choose_contestants(
    methods: Sequence[str], variant: str, settings: Mapping[str, Mapping[str, Any]], tuned: bool = True
) -> list[Contestant]:
    """The methods and model files asked for and all floors; a tuned floor brings its untuned twin."""
    names = list(dict.fromkeys(n if is_model(n) else registry.find("method", n).name for n in methods))
    for name in settings:
        if name not in names:
            raise UnknownName("method in --set (it must be one of those that run)", name, names)
    _check_plain(settings)
    contestants: list[Contestant] = []
    for name in [*names, *(floor for floor in registry.floor_methods() if floor not in names)]:
        if is_model(name):
            contestants.append(model_contestant(name))
            continue
        card, source = registry.method_card(name), registry.source_hash("method", name)
        preset, own = _preset(name, card.presets, variant), dict(settings.get(name, {}))
        its_settings = {**card.presets.get(preset, {}), **own}
        released = released_plugin(name, card) if card.kind == "released" else None
        place = PluginPlace(*registry.find("method", name))
        entry = Contestant(
            name, card, source, preset, its_settings, own, released is None, place, released=released
        )
        contestants.append(entry)
        if tuned and card.kind == "floor" and len(card.grid) > 1:
            contestants.append(dataclasses.replace(entry, variant="untuned", tuned=False))
    return contestants


def _check_plain(settings: Mapping[str, Mapping[str, Any]]) -> None:
    """UsageError for a value that a Record cannot hold: nothing but finite numbers, texts, lists and mappings."""
    for method, own in settings.items():
        for name, value in own.items():
            try:
                hash_value(value)
            except (TypeError, ValueError):
                raise UsageError(
                    f"--set {method}.{name}={value} is no plain value; give a finite number, a text or true or false."
                ) from None


def check_settings(
    contestant: Contestant, points: Sequence[Mapping[str, Any]], epochs: int | None = None
) -> None:
    """Have the method built with each of these settings; UsageError for an unknown one, or one that it does not take.

    PluginError where the plugin does not load.
    """
    from stbench.evaluation.trials.describe import describe

    light = contestant.card.kind == "floor"
    problem = describe(contestant.place, points, contestant.overrides, epochs, light).problem
    if problem:
        raise UsageError(problem)


def check_seeds(seeds: Sequence[int]) -> None:
    """UsageError where no seed is given, or one that random generators do not take."""
    if not seeds:
        raise UsageError("--seeds names no seed; give at least one, 0 for instance.")
    wrong = [seed for seed in seeds if not 0 <= seed < _SEEDS]
    if wrong:
        raise UsageError(f"--seeds must lie between 0 and {_SEEDS - 1}; found {wrong[0]}.")


def _preset(name: str, presets: Mapping[str, Any], variant: str) -> str:
    """The preset's name for this method, "" for one without presets."""
    if not presets:
        return ""
    if variant != DEFAULT_PRESET and variant not in presets:
        raise UnknownName(f"preset of {name}", variant, {DEFAULT_PRESET, *presets})
    return variant


def capped(design: Design, card: DatasetCard) -> Design:
    """The design under the bounds of a dataset's card; a bound given by hand stands."""
    if design.epochs is None and card.max_epochs is not None:
        design = dataclasses.replace(design, epochs=card.max_epochs)
    if design.grid == "small" and card.max_settings is not None:
        design = dataclasses.replace(design, max_settings=card.max_settings)
    return design


def dataset_name(dataset: str) -> str:
    """The dataset's name in tables and keys: no alias, and of a folder given with the name its own name only.

    `path:/data/my-slides` is `path:my-slides` wherever it lies. UnknownName for what is no dataset.
    """
    name = registry.find("dataset", dataset).name
    return f"{name}:{own_folder(dataset).name}" if registry.dataset_card(name).own_folder else name


def own_folder(dataset: str) -> Path:
    """The folder, or one slide's file, given with a dataset's name as in path:DIR; UsageError for none, DatasetError
    where it is not there."""
    name, _, text = dataset.partition(":")
    if not text:
        raise UsageError(f"{name} needs the folder of your slides: --dataset {name}:DIR.")
    folder = Path(text).expanduser().resolve()
    if not folder.exists():
        raise DatasetError(
            f"{dataset} names no folder: {folder} is not there. Give the folder of your slides, or one slide's file."
        )
    return folder


def find_slides(
    dataset: str,
    data_root: Path | str | None,
    slides: Sequence[str] | None = None,
    reading: ReadingOptions = READ_AS_IS,
) -> tuple[list[SlideSource], dict[str, str]]:
    """The complete slides of a dataset, restricted to `slides` if given, and what the others lack.

    UsageError where the dataset cannot follow an option of `reading`, DatasetError where no slide has expression.
    """
    found = slides_on_disk(dataset, data_root, reading)
    sources, missing = found.complete, found.missing
    if not sources:
        raise DatasetError(
            f"No slide of {dataset} has expression ({', '.join(slide.id for slide in found.unmeasured)}); "
            "stbench predict takes such slides, a run needs counts."
        )
    if slides is not None:
        without = {slide.id: slide for slide in found.unmeasured}
        by_name = {source.id: source for source in sources}
        for name in slides:
            if name in without:
                raise DatasetError(f"Slide {name} of {dataset} has {without[name].words}.")
            if name in missing:
                raise DatasetError(f"Slide {name} of {dataset} is not complete: {missing[name]}.")
            if name not in by_name:
                raise UnknownName(f"slide of {dataset}", name, by_name)
        sources = [source for source in sources if source.id in set(slides)]
    return sources, missing


class SlidesOnDisk(NamedTuple):
    """A dataset's slides: the complete ones, what others lack, and those that have no expression."""

    complete: list[SlideSource]
    missing: dict[str, str]
    unmeasured: list[UnmeasuredSlide]


def slides_on_disk(
    dataset: str, data_root: Path | str | None, reading: ReadingOptions = READ_AS_IS
) -> SlidesOnDisk:
    """All slides of a dataset, unread; UsageError where the dataset cannot follow an option of `reading`."""
    plugin = registry.load_dataset(dataset)()
    root = data_folder(dataset, data_root)
    _hand_over(reading, plugin, dataset)
    sources = [_as_read(source, reading) for source in _found(plugin, root, dataset)]
    check_slide_names(dataset, sources)
    return SlidesOnDisk(sources, plugin.missing(root), plugin.unmeasured(root))


def _found(plugin: Dataset, root: Path, dataset: str) -> list[SlideSource]:
    """The complete slides; of a data set that is fetched by hand, an error says what its fetching does."""
    try:
        return plugin.slides(root)
    except DatasetError as error:
        words = fetch_words(registry.find("dataset", dataset).name, registry.dataset_card(dataset))
        command, _, does = words.partition(" shows ")
        if does and str(error).endswith(command):
            raise DatasetError(f"{error} (shows {does}).") from error
        raise


def _hand_over(reading: ReadingOptions, plugin: Dataset, dataset: str) -> None:
    """Set a dataset's options; UsageError for one that its reader does not know."""
    given = reading.given()
    if ignored := [_READING[name] for name in given if name not in plugin.honours]:
        raise UsageError(
            f"{dataset} has nothing that {ignored[0]} could change: its reader does not know it."
        )
    if given:
        plugin.reading = reading


def _as_read(source: SlideSource, reading: ReadingOptions) -> SlideSource:
    if not reading.given():
        return source
    read = (
        source.read if reading.um_per_px is None else partial(read_with_scale, source.read, reading.um_per_px)
    )
    return source._replace(read=read, reading=reading)


def data_folder(dataset: str, data_root: Path | str | None) -> Path:
    """Where a dataset is looked for; a generated one lives in the cache, one of path:DIR in that folder."""
    if registry.dataset_card(dataset).own_folder:
        return own_folder(dataset)
    if registry.dataset_card(dataset).generated:
        return cache_root() / "generated"
    root = Path(data_root) if data_root is not None else default_data_root()
    if data_root is not None and not root.is_dir():
        raise DatasetError(
            f"The data root {root} is not a folder. Set --data-root or $STBENCH_DATA to one that is."
        )
    return root


def choose_device(device: str, machine: Machine | None = None) -> str:
    """The device by name; "auto" takes a GPU where there is one. UsageError for one that is not there.

    machine  what there is, None for what this machine has
    """
    check_name(device)
    if machine is None and (device == "cpu" or (device == "auto" and not may_have_gpu())):
        return "cpu"
    return found_on(machine or this_machine(), device)


def device_elsewhere(device: str) -> str:
    """The kind of device that trials on other machines are to have; "auto" is what this machine would take."""
    check_name(device)
    return choose_device("auto") if device == "auto" else device.partition(":")[0]


def may_have_gpu() -> bool:
    """Whether it is worth loading torch to look: a driver's device file on Linux, any other system."""
    return not Path("/proc").is_dir() or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()

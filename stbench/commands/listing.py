"""The plugins and the encoders there are, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stbench import registry
from stbench.commands.by_hand import fetch_words
from stbench.commands.default_settings import default_settings
from stbench.commands.measured_costs import measured_costs
from stbench.errors import StbenchError
from stbench.registry import Kind

if TYPE_CHECKING:
    from stbench.preprocess.encoders import Encoder

# A list of names answers at once: what loads numpy is imported where it is needed.


def card(kind: Kind, name: str, every_field: bool) -> dict[str, Any]:
    """The name under which a plugin is found and its card; fields without a value only with `every_field`."""
    found = registry.find(kind, name)
    fields = _card(kind, found.name).model_dump(mode="json", exclude_none=not every_field)
    more = _facts_of_method(found) if kind == "method" else {}
    return {"name": found.name, **fields, **more}


def _facts_of_method(plugin: registry.Plugin) -> dict[str, Any]:
    """What a method's card does not state: its default settings as its source writes them, and what it costs."""
    cost = measured_costs().get(plugin.name)
    return {"settings": default_settings(plugin.folder), "cost": cost.row if cost else None}


def cards(kind: Kind) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The cards of all plugins of a kind by name, and what is wrong with those that are broken."""
    broken = registry.broken_plugins(kind)
    sound = [name for name in registry.plugins(kind) if name not in broken]
    return {name: _card(kind, name).model_dump(mode="json") for name in sound}, broken


def encoders() -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The cards of the frozen image encoders, one of them the default, and what is wrong with broken plugins."""
    from stbench.preprocess.encoders import broken_encoders, encoders

    return [_encoder(encoder, every_field=True) for encoder in encoders().values()], dict(broken_encoders())


def encoder(name: str, every_field: bool) -> dict[str, Any]:
    """One encoder's card with its weights' hash as far as it is known; fields without a value with `every_field`.

    EncoderError where a plugin's weights are not at hand or not those of its card.
    """
    from stbench.preprocess.encoders import encoder_label, find_encoder, weights_known

    found = find_encoder(name)
    identity = encoder_label(found.name) if weights_known(found.name) else None
    return {**_encoder(found, every_field), "identity": identity}


def _encoder(encoder: Encoder, every_field: bool) -> dict[str, Any]:
    from stbench.preprocess.encoders import DEFAULT_ENCODER

    fields = encoder.card.model_dump(mode="json", exclude_none=not every_field)
    about = {
        "default": encoder.name == DEFAULT_ENCODER,
        "plugin": str(encoder.folder) if encoder.folder else None,
    }
    return {**fields, **about}


def on_disk(dataset: str, data_root: Path | None) -> str:
    """How much of a dataset lies on disk, in words; a generated one is made when first used."""
    from stbench.commands import choosing

    found = registry.dataset_card(dataset)
    try:
        if found.own_folder:
            return f"your own folder, {dataset}:DIR"
        if found.generated:
            return "generated when first used"
        sources, missing = choosing.find_slides(dataset, data_root)
    except StbenchError:
        return f"no; {fetch_words(dataset, found)}"
    return f"{len(sources)} of {len(sources) + len(missing)} slides"


def _card(kind: Kind, name: str) -> Any:
    return registry.method_card(name) if kind == "method" else registry.dataset_card(name)

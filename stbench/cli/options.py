"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from stbench.errors import UsageError

DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Where datasets lie (else $STBENCH_DATA, else the user cache)."),
]
Bin = Annotated[
    float | None,
    typer.Option(
        "--bin", help="Which bins of Visium HD, or pseudo-spots of single molecules, by their width in um."
    ),
]
DropOutside = Annotated[
    bool, typer.Option("--drop-outside", help="Leave out the spots that lie outside their image.")
]
MicronsPerPixel = Annotated[
    float | None,
    typer.Option("--um-per-px", help="Microns per pixel of the slides whose files do not tell them."),
]
Out = Annotated[Path, typer.Option("--out", help="Results folder.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Dataset = Annotated[str, typer.Option("--dataset", help="Dataset name, or path:DIR; see `stbench datasets`.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Trials at a time (default: as many as cores, where memory allows)."),
]
PerDevice = Annotated[
    int | None,
    typer.Option(
        "--per-device",
        min=1,
        help="Trials at a time on each CUDA device (default: as many, up to 8, as its memory holds of the largest "
        "that is stored under --out; 1 while there is none of some method).",
    ),
]
TimeLimit = Annotated[
    float | None, typer.Option("--time-limit", help="Minutes that one trial (one fit) may take.")
]
DEFAULT_OUT = Path("stbench-runs")


def names(text: str | None) -> list[str]:
    """The names of a comma-separated list."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def whole_numbers(text: str, option: str) -> list[int]:
    """The whole numbers of a comma-separated list; UsageError for anything else."""
    try:
        return [int(number) for number in names(text)]
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a list of whole numbers such as 0,1,2.") from None


def method_settings(assignments: Sequence[str], methods: Sequence[str]) -> dict[str, dict[str, Any]]:
    """METHOD.KEY=VALUE texts as method -> key -> value; KEY=VALUE where one method runs. Values are read as YAML."""
    settings: dict[str, dict[str, Any]] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        method, dot, key = name.partition(".")
        if not dot and len(methods) == 1:
            method, key = methods[0], name
        if not equals or not key or not value.strip():
            raise UsageError(f"--set {text!r} is not METHOD.KEY=VALUE (or KEY=VALUE where one method runs).")
        settings.setdefault(method, {})[key] = _value(value, text)
    return settings


def _value(value: str, text: str) -> Any:
    """The value that YAML reads, or the number: YAML takes 1e5 for a text."""
    import yaml

    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UsageError(
            f"--set {text!r} has a value that cannot be read; quote it if it is a text."
        ) from None
    if isinstance(read, str):
        with contextlib.suppress(ValueError):
            return float(read) if math.isfinite(float(read)) else read
    return read


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    import json

    print(json.dumps(value, indent=1, allow_nan=False))

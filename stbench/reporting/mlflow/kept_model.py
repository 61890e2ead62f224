"""A model that `stbench fit` kept, as its run in MLflow holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stbench.reporting.mlflow.inputs import Slides


@dataclass(frozen=True)
class KeptModelEntry:
    """A model file and what is known of it.

    sha256   of the file;  name  of its method, for people
    slides   that it was trained on
    params   method, preset, panel and the like;  settings  of the method
    metrics  seconds, parameters, ...;  curves  of its training, as a Record has them
    started, ended  milliseconds since 1970
    """

    file: Path
    sha256: str
    name: str
    dataset: str
    slides: Slides
    params: Mapping[str, Any]
    settings: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    provenance: Mapping[str, Any]
    note: str
    started: int
    ended: int
    curves: Mapping[str, Any] = field(default_factory=dict)

"""YAML files that users write: keys and words as they stand there, for a model to check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from stbench.errors import UsageError


def read_keys(path: Path, called: str, first_key: str) -> dict[str, Any]:
    """The file's keys with their words, those without a value left out; UsageError, one sentence, for what is none.

    called     what a message calls the file, "Suite my.yaml" for instance
    first_key  what an empty file should hold first
    """
    try:
        # Every value as it is written: YAML itself takes 4:00:00 or 1e5 for a number, and a slide named NO for false.
        plain = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except OSError as error:
        raise UsageError(f"{called} cannot be read: {error.strerror or error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{called} is no YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(plain, dict):
        raise UsageError(f"{called} holds no keys; {first_key}.")
    return {key: value for key, value in plain.items() if value not in ("", "null", "~")}

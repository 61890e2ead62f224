"""The comparison script that lies beside the golden numbers, loaded as a module; None where there is no such folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "golden"
MISSING = f"the golden numbers are not beside this checkout ({FOLDER.name} in ../shared)"


def load() -> ModuleType | None:
    """check.py: `CHECKS` names the methods, `failures(method, dtype)` what differs beyond its tolerance."""
    if not FOLDER.is_dir():
        return None
    spec = importlib.util.spec_from_file_location("golden_check", FOLDER / "check.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

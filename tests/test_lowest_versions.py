"""constraints-lowest.txt holds what pyproject.toml promises to support at least."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CHECKOUT = Path(__file__).resolve().parents[1]
NEWEST_ONLY = ("spatialdata",)  # extras that need newer versions of what the others pin


def declared() -> list[Requirement]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = [lines for name, lines in project["optional-dependencies"].items() if name not in NEWEST_ONLY]
    return [Requirement(line) for lines in (project["dependencies"], *extras) for line in lines]


def pinned() -> list[Requirement]:
    lines = (CHECKOUT / "constraints-lowest.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def only_version(requirement: Requirement, operator: str) -> Version:
    (specifier,) = requirement.specifier
    assert specifier.operator == operator, requirement
    return Version(specifier.version)


def pins() -> dict[str, Version]:
    return {canonicalize_name(pin.name): only_version(pin, "==") for pin in pinned()}


def test_every_dependency_is_pinned_to_its_floor():
    found = pins()
    for requirement in declared():
        floor = max(
            Version(part.version) for part in requirement.specifier if part.operator in (">=", "==", "~=")
        )
        assert found.get(canonicalize_name(requirement.name)) == floor, requirement


def test_every_pin_is_within_the_declared_range():
    found = pins()
    for requirement in declared():
        assert found[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_the_file_is_a_whole_environment_named_once_each():
    names = [canonicalize_name(pin.name) for pin in pinned()]
    assert len(names) == len(set(names))
    assert len(names) > len(declared())
    assert not {"stbench", "pip", "setuptools"} & set(names)
    for pin in pinned():
        assert not (pin.url or pin.extras or pin.marker), pin

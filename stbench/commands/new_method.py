"""A new method's folder, which passes `stbench check` as it is and waits for an idea."""

from __future__ import annotations

import ast
import importlib
import os
import re
from pathlib import Path
from typing import Literal, get_args

import stbench.methods
from stbench import registry
from stbench.errors import UsageError
from stbench.files import write_text

_README = """# my-idea

The idea in three sentences, a small diagram of the network, and every departure from the paper with its reason.
"""

_PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "stbench-{name}"
version = "0.1.0"
dependencies = ["stbench"]

[project.entry-points."stbench.methods"]
{name} = "stbench_{module}"

[tool.hatch.build.targets.wheel]
packages = ["stbench_{module}"]
"""


Template = Literal["sklearn", "torch"]

# Sound plugins as they stand, called my-idea; the new method's name takes the place of theirs.
_TEMPLATES = Path(__file__).parent / "method_templates"
_LONGEST_NAME = 40


def write_method(
    name: str, standalone: Path | None = None, template: Template = "sklearn"
) -> tuple[Path, str]:
    """Write a method's files; returns its folder and what to do next.

    template  "sklearn" is a ridge regression, "torch" a small network that trains in epochs
    Raises UsageError for an unusable or taken name, and for a template that there is not.
    """
    if template not in get_args(Template):
        raise UsageError(f"There is no template {template}; there are {' and '.join(get_args(Template))}.")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UsageError(
            f"{name!r} is not a method name; use lower-case letters, digits and single hyphens, a letter first."
        )
    if len(name) > _LONGEST_NAME:
        raise UsageError(f"{name!r} is longer than {_LONGEST_NAME} letters; choose a shorter name.")
    if name in registry.plugins("method"):
        raise UsageError(f"There is a method {name} already, at {registry.find('method', name).folder}.")
    module = name.replace("-", "_")
    folder = standalone / f"stbench_{module}" if standalone else _plugin_folder() / module
    if folder.exists():
        raise UsageError(f"{folder} exists already; choose another name or remove it.")
    for file, text in _filled(name, template).items():
        write_text(folder / file, text)
    if standalone:
        write_text(standalone / "pyproject.toml", _PYPROJECT.format(name=name, module=module))
    registry.plugins.cache_clear()  # the next look in this process finds it
    importlib.invalidate_caches()
    install = f"pip install -e {standalone}\n" if standalone else ""
    return folder, f"{install}stbench check {name}\nstbench run --method {name} --dataset demo"


def _filled(name: str, template: str) -> dict[str, str]:
    """What a method's files hold, by file: the template's, under the method's own name."""
    source = (_TEMPLATES / template / "method.py").read_text(encoding="utf-8")
    class_name = _class_name(name, source)
    words = {"MyIdea": class_name, "my-idea": name, "My idea": name.replace("-", " ").capitalize()}
    texts = {
        "__init__.py": 'from .method import MyIdea as plugin\n\n__all__ = ["plugin"]\n',
        "method.py": source,
        "card.yaml": (_TEMPLATES / template / "card.yaml").read_text(encoding="utf-8"),
        "README.md": _README,
    }
    pattern = re.compile("|".join(words))
    return {file: pattern.sub(lambda found: words[found[0]], text) for file, text in texts.items()}


def _class_name(name: str, source: str) -> str:
    """The name as a class's, with Method behind it where it means something else in the source."""
    title = "".join(part.capitalize() for part in name.split("-"))
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    return f"{title}Method" if title in {*used, "True", "False", "None"} else title


def _plugin_folder() -> Path:
    """The first folder of $STBENCH_METHODS, else the checkout's `methods/`."""
    own = [folder for folder in os.environ.get("STBENCH_METHODS", "").split(os.pathsep) if folder]
    for folder in (*own, *list(stbench.methods.__path__)[1:]):
        return Path(folder)
    raise UsageError(
        "stbench is installed without its checkout, so there is no methods/ folder to write to. "
        "Set $STBENCH_METHODS to a folder of your own, or use --standalone DIR."
    )

"""A method's default settings, read from its source without running it: a card is shown at once, and safely."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

# Classes between a plugin and the one that has the signature.
_DEEPEST = 5


def default_settings(folder: Path) -> dict[str, str]:
    """Name -> default as it is written in the signature; {} where the source does not tell."""
    try:
        found = _class_called(folder / "__init__.py", "plugin")
        for _ in range(_DEEPEST):
            if found is None:
                return {}
            path, definition = found
            for part in definition.body:
                if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                    return dict(_defaults(part.args))
            found = next(
                (_class_called(path, base.id) for base in definition.bases if isinstance(base, ast.Name)),
                None,
            )
    except (OSError, SyntaxError, ValueError, ImportError, RecursionError):  # the last: modules in a circle
        pass
    return {}


def _class_called(path: Path, name: str) -> tuple[Path, ast.ClassDef] | None:
    """The class of that name as a file defines or imports it, and where it is defined."""
    for part in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(part, ast.ClassDef) and part.name == name:
            return path, part
        if isinstance(part, ast.ImportFrom):
            for alias in part.names:
                if (alias.asname or alias.name) == name and (source := _source_of(path, part)):
                    return _class_called(source, alias.name)
    return None


def _source_of(path: Path, part: ast.ImportFrom) -> Path | None:
    """The file of a module that is imported from beside `path`, or of one of stbench's."""
    module = part.module or ""
    if part.level:
        beside = path.parents[part.level - 1].joinpath(*module.split("."))
        return next(
            (file for file in (beside.with_suffix(".py"), beside / "__init__.py") if file.is_file()), None
        )
    if not module.startswith("stbench."):
        return None  # finding others would run their packages
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, str]]:
    positional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    for argument, default in zip(positional, arguments.defaults, strict=True):
        yield argument.arg, ast.unparse(default)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            yield argument.arg, ast.unparse(default)

"""A new method's folder, which passes `stbench check` as it is and waits for an idea."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path

import stbench.methods
from stbench import registry
from stbench.errors import UsageError
from stbench.files import write_text

_METHOD = '''"""{title}: describe the idea in one line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import Ridge

from stbench.contract import FitContext, FitReport, FittedState, Method
from stbench.errors import MethodError
from stbench.slide import QuerySlide, TrainingSlide


class {class_name}(Method):
    """A line from embeddings to every gene, until your idea stands here."""

    def __init__(self, penalty: float = 1000.0) -> None:
        self.penalty = penalty
        self._model: Ridge | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        embeddings = np.concatenate([slide.embeddings for slide in train])
        expression = np.concatenate([slide.expression for slide in train])
        self._model = Ridge(alpha=self.penalty).fit(embeddings, expression)
        return self.report_without_epochs(queries, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self._model is None:
            raise MethodError("{name} predicts only after fit.")
        return self._model.predict(slide.embeddings).reshape(slide.n_spots, -1)

    def state(self) -> FittedState:
        """All that `predict` needs, as arrays and plain values; it says whether training spots are among them."""
        if self._model is None:
            raise MethodError("{name} has nothing to keep before fit.")
        return FittedState({{"slopes": self._model.coef_.T, "origin": self._model.intercept_}}, {{}})

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._model = Ridge(alpha=self.penalty)
        self._model.coef_, self._model.intercept_ = state.arrays["slopes"].T, state.arrays["origin"]
'''

_CARD = """title: {title}
summary: One sentence that says what the method does.
family: image-to-expression
needs: {{embeddings: true}}
# trains_on: zscore # the scale that your losses are tuned to: log, minmax or zscore; without it the run's --scale
grid: [{{}}, {{penalty: 10000.0}}]
"""

_README = """# {name}

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


# Names that mean something else where a method's class is written.
_TAKEN_CLASSES = {
    "FitContext", "FitReport", "FittedState", "Method", "MethodError", "QuerySlide", "Ridge", "Sequence",
    "TrainingSlide", "True", "False", "None",
}  # fmt: skip
_LONGEST_NAME = 40


def write_method(name: str, standalone: Path | None = None) -> tuple[Path, str]:
    """Write a method's files; returns its folder and what to do next. UsageError for an unusable or taken name."""
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
    words = {
        "name": name,
        "module": module,
        "title": name.replace("-", " ").capitalize(),
        "class_name": _class_name(name),
    }
    plugin = 'from .method import {class_name} as plugin\n\n__all__ = ["plugin"]\n'
    for file, text in {
        "__init__.py": plugin,
        "method.py": _METHOD,
        "card.yaml": _CARD,
        "README.md": _README,
    }.items():
        write_text(folder / file, text.format(**words))
    if standalone:
        write_text(standalone / "pyproject.toml", _PYPROJECT.format(**words))
    registry.plugins.cache_clear()  # the next look in this process finds it
    importlib.invalidate_caches()
    install = f"pip install -e {standalone}\n" if standalone else ""
    return folder, f"{install}stbench check {name}\nstbench run --method {name} --dataset demo"


def _class_name(name: str) -> str:
    title = "".join(part.capitalize() for part in name.split("-"))
    return f"{title}Method" if title in _TAKEN_CLASSES else title


def _plugin_folder() -> Path:
    """The first folder of $STBENCH_METHODS, else the checkout's `methods/`."""
    own = [folder for folder in os.environ.get("STBENCH_METHODS", "").split(os.pathsep) if folder]
    for folder in (*own, *list(stbench.methods.__path__)[1:]):
        return Path(folder)
    raise UsageError(
        "stbench is installed without its checkout, so there is no methods/ folder to write to. "
        "Set $STBENCH_METHODS to a folder of your own, or use --standalone DIR."
    )

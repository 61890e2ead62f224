"""How well can gene expression be predicted from an H&E slide, and by which method, honestly measured?

The way of the data: dataset -> folds -> gene panel and scaling fitted on that fold's training slides ->
method.fit -> method.predict -> metrics -> Record -> store and MLflow -> leaderboard.

errors, files          the exception tree; hashing, locks, write-then-rename
wrapping               sentences on lines of a width, commands in them unbroken
names                  names and sentences of others, made fit for a terminal, a figure, a file's name
slide, record          what a slide is and who may see what of it; what one method left behind on one fold
contract, registry     what methods and datasets promise; finding them by name
fetching, slide_files  providers' files: downloading them, reading them
pictures               image files of all kinds, read by region as 8-bit RGB
synthetic              generated tissue for the demo datasets
preprocess             panels, scaling, patches, encoders, neighbours, caches
nn                     what methods are built from: the training loop, checks of settings, layers, losses, batches
models                 a fitted method in one file: weights, panel, what it scored
metrics                two arrays in, a number out
evaluation             folds, plan, tuning, runner, executors, sealed trials, audit, provenance
reporting              results on disk, statistics, tables, MLflow, the report page
commands               what users call, one module a command: run, check, audit, time, verify, doctor, ...
cli                    parse, call the command of the same name, show

Importing stbench is light: each public name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stbench.commands.leaderboard import leaderboard as leaderboard
    from stbench.commands.predict import load as load
    from stbench.commands.run import run as run
    from stbench.contract import Dataset as Dataset
    from stbench.contract import FitContext as FitContext
    from stbench.contract import FitReport as FitReport
    from stbench.contract import Method as Method
    from stbench.contract import ParameterCount as ParameterCount
    from stbench.contract import SlideSource as SlideSource
    from stbench.errors import StbenchError as StbenchError
    from stbench.record import Record as Record
    from stbench.slide import QuerySlide as QuerySlide
    from stbench.slide import Slide as Slide
    from stbench.slide import TrainingSlide as TrainingSlide

# On a busy machine idle threads of the numerical libraries had better sleep than spin: small matrices on two spinning
# threads were seen to take ten times as long there, and sleeping costs half the speed where nothing else runs. It
# counts only where it is set before torch loads.
if hasattr(os, "getloadavg") and os.getloadavg()[0] >= (os.cpu_count() or 1):
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_HOMES = {
    "Dataset": "stbench.contract",
    "FitContext": "stbench.contract",
    "FitReport": "stbench.contract",
    "Method": "stbench.contract",
    "ParameterCount": "stbench.contract",
    "QuerySlide": "stbench.slide",
    "Record": "stbench.record",
    "Slide": "stbench.slide",
    "SlideSource": "stbench.contract",
    "StbenchError": "stbench.errors",
    "TrainingSlide": "stbench.slide",
    "leaderboard": "stbench.commands.leaderboard",
    "load": "stbench.commands.predict",
    "run": "stbench.commands.run",
}
__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]

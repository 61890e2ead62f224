"""MLflow without chatter, telemetry or long waits, and a process that is afterwards as it was before.

Opening a database makes MLflow print its migrations; some versions also replace the root logger's handlers
and silence other loggers. All of that is undone on leaving.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

# Held for as long as MLflow is used; what the user has set wins. A dead server is given up after seconds.
_WHERE_UNSET = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
# Loggers that would reach handlers which the caller has set up.
_TALKATIVE = ("mlflow", "alembic", "sqlalchemy", "urllib3", "git")


@contextlib.contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Hold output, logging and environment still while MLflow works; exceptions pass."""
    with (
        _environment(),
        _no_stray_folder(),
        _logging_kept(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    added = {name: value for name, value in _WHERE_UNSET.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _no_stray_folder() -> Iterator[None]:
    """Some versions make an empty ./mlruns for a database whose artifacts are told to lie elsewhere."""
    stray = Path("mlruns").absolute()
    was_there = stray.exists()
    try:
        yield
    finally:
        if not was_there:
            with contextlib.suppress(OSError):  # not made, or not empty and hence not stray
                stray.rmdir()


@contextlib.contextmanager
def _logging_kept() -> Iterator[None]:
    root = logging.getLogger()
    handlers = list(root.handlers)
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    loggers += [one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [(logger, logger.level, logger.disabled) for logger in (root, *loggers)]
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for logger, level, disabled in before:
            logger.setLevel(level)
            logger.disabled = disabled

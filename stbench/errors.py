"""Every error stbench raises on purpose, as one tree.

StbenchError
├── UsageError            wrong usage or unusable input: exit status 2, one sentence, no traceback
│   ├── UnknownName       a method, dataset, encoder, setting or preset nobody knows; names the near ones
│   ├── DatasetError      files missing, damaged or contradicting each other
│   ├── GenePanelError    a panel that is empty, unreadable or names unknown genes
│   ├── EncoderError      weights that are gated, unreachable or do not fit
│   ├── PluginError       a method or dataset folder that does not load or breaks its card
│   ├── StorageError      a folder that cannot be written, a full disk
│   └── MissingPackage    a package that only some of the work needs and that is not installed
└── MethodError           a method failed while running: a row with its reason, exit status 1
    └── CannotFit         the method cannot be fitted on these slides at all (no reference bank left, say)

A message says what was found, what would have been right and what to do.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator


class StbenchError(Exception):
    """Base of all errors that stbench raises on purpose."""


class UsageError(StbenchError):
    """Wrong usage or unusable input."""


class UnknownName(UsageError):
    """A name that nobody knows.

    `kind` says what it should have been ("method", say), `known` what there is.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]):
        known = sorted(known)
        self.kind, self.name, self.known = kind, name, known
        super().__init__(f"There is no {kind} named {name!r}. {_suggestion(name, known)}")

    def __reduce__(self):
        return type(self), (self.kind, self.name, self.known)


def _suggestion(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"There are: {', '.join(known)}." if known else "There are none."


class DatasetError(UsageError):
    """Files that are missing, damaged or contradict each other."""


class GenePanelError(UsageError):
    """A gene panel that is empty, unreadable or names unknown genes."""


class EncoderError(UsageError):
    """Encoder weights that are gated, unreachable or do not fit."""


class PluginError(UsageError):
    """A plugin folder that does not load or breaks its card."""


class StorageError(UsageError):
    """A folder that cannot be written or a full disk."""


class MissingPackage(UsageError):
    """A package that only some of the work needs and that is not installed.

    `purpose` says what needs it ("A report", say), `instead` is a sentence on what does without it.
    """

    def __init__(self, package: str, purpose: str, instead: str = ""):
        self.package, self.purpose, self.instead = package, purpose, instead
        sentence = f"{purpose} needs the package {package}, which is not installed: pip install {package}."
        super().__init__(f"{sentence} {instead}".rstrip())

    def __reduce__(self):
        return type(self), (self.package, self.purpose, self.instead)


@contextlib.contextmanager
def needs_package(package: str, purpose: str, instead: str = "") -> Iterator[None]:
    """Import from the package inside: MissingPackage where it is not installed.

    A module that an installed package fails to find itself is no matter of ours, and passes.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package.replace("-", "_"):
            raise
        raise MissingPackage(package, purpose, instead) from error


class MethodError(StbenchError):
    """A method failed while running on one fold."""


class MethodWarning(UserWarning):
    """What a method warns of while it predicts; the harness puts the words into its row."""


class CannotFit(MethodError):
    """The method cannot be fitted on these training slides at all."""

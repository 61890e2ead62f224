"""Where a command's Records come from: a results folder and the bundles that join it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from stbench.errors import UsageError
from stbench.reporting.results.bundles import opened_bundle


@contextlib.contextmanager
def opened_folders(out: Path, bundles: Sequence[Path]) -> Iterator[list[tuple[str, Path]]]:
    """Each source's name and the folder that holds it, bundles unpacked as long as the context lasts."""
    for path in bundles:
        if not path.is_file():
            raise UsageError(f"--bundle {path} is not a file; name one that `stbench bundle` wrote.")
    with contextlib.ExitStack() as stack:
        opened = [(str(path), stack.enter_context(opened_bundle(path))) for path in bundles]
        yield [(str(out), out), *opened]

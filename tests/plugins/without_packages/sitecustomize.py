"""Python as it is where some packages are not installed: no import and no look-up of a version finds them.

With this folder on PYTHONPATH it holds for a process and for those that it starts. $STBENCH_TEST_HIDDEN names the
packages as they are imported, comma-separated.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from typing import Any

_HIDDEN = os.environ["STBENCH_TEST_HIDDEN"].split(",")


class _Hiding(PathFinder):
    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> Any:
        return None if fullname.partition(".")[0] in _HIDDEN else super().find_spec(fullname, path, target)

    @staticmethod
    def find_distributions(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for found in PathFinder.find_distributions(*args, **kwargs):
            if (found.name or "").lower().replace("-", "_") not in _HIDDEN:
                yield found


sys.meta_path[sys.meta_path.index(PathFinder)] = _Hiding

"""Where the results of a run lie, as its agenda asks for them; evaluation itself writes nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from stbench.evaluation.curves import Curves
from stbench.record import Record

Result = Curves | Record


class Shelf(Protocol):
    """Where results lie, for every run that shares them."""

    def claim(self, key: str) -> bool:
        """Whether the work of that key is this run's to do, and nobody else's, from now on."""
        ...

    def release(self, key: str) -> None:
        """Give a claim up: the result lies there, or somebody else is to come to it."""
        ...

    def claimed(self) -> set[str]:
        """The keys that other runs, as far as they are alive, are at."""
        ...

    def there(self, keys: Collection[str]) -> set[str]:
        """Those of the keys whose results lie there, by their names: finished, or failed since this run began."""
        ...

    def look(self, key: str) -> Result | None:
        """The result of that key; None where there is none that can be read."""
        ...

    def keep(self, result: Result) -> None:
        """Have a result lie there for everybody."""
        ...


class Alone:
    """The shelf of a run that shares and keeps nothing."""

    def claim(self, key: str) -> bool:
        return True

    def release(self, key: str) -> None:
        return None

    def claimed(self) -> set[str]:
        return set()

    def there(self, keys: Collection[str]) -> set[str]:
        return set()

    def look(self, key: str) -> Result | None:
        return None

    def keep(self, result: Result) -> None:
        return None

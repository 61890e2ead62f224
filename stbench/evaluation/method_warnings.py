"""What a method warns of while it predicts, which a reader of its row must know."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from typing import TypeVar

from stbench.errors import MethodWarning

Result = TypeVar("Result")


def hearing(work: Callable[[], Result]) -> tuple[Result, list[str]]:
    """The result of `work` and the words of each MethodWarning, once; other warnings go where they would have gone."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MethodWarning)
        result = work()
    heard = [str(w.message) for w in caught if issubclass(w.category, MethodWarning)]
    for other in caught:
        if not issubclass(other.category, MethodWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return result, list(dict.fromkeys(heard))


def by_name(sentence: str, names: Mapping[str, str]) -> str:
    """The sentence with the slides' own names for the ids under which the method met them."""
    ids = "|".join(map(re.escape, names))
    return re.sub(rf"\b({ids})\b", lambda found: names[found[0]], sentence) if names else sentence

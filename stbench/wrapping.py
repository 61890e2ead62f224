"""Sentences on lines of a width, in which a command that can be copied is never broken."""

from __future__ import annotations

import re
import textwrap

# A command of ours with its options and what they take, or one that mends something.
_COMMAND = re.compile(
    r"pip install [\w.'\[\]-]*[\w'\]]|(?:stbench|mlflow|huggingface-cli) [a-z][a-z-]*"
    r"(?: (?:-{1,2}[a-z][a-z-]*|[A-Z]{2,}\b|[\w./-]*[:/=.][\w./:=-]*\w|(?:fetch|check) [\w.-]*\w|clear))*"
)
# Stands for a blank that is no place to break; cleaned words have no such character.
_HELD = "\x1f"


def has_command(words: str) -> bool:
    """Whether there is anything to copy."""
    return _COMMAND.search(words) is not None


def unbroken(words: str, width: int) -> str:
    """The words on lines of at most `width` letters; a command that is longer has a longer line."""
    held = _COMMAND.sub(lambda found: found.group().replace(" ", _HELD), words)
    lines = textwrap.wrap(held, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(_HELD, " ")

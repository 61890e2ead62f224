"""Names and sentences that somebody else wrote, made fit for where they go: a terminal, a figure, a file's name.

Slides, patients and genes are called what their files call them, and a method fails with the words that it likes. In
stored results they stay as they are; whoever shows them takes one of these. What is in order comes out unchanged.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import warnings
from collections.abc import Iterator

LONGEST_NAME = 80
LONGEST_SENTENCE = 1_000
_LONGEST_FILE_NAME = 80
# Stands beside the name of a data set whose tissue is generated, as its card says.
SYNTHETIC = "SYNTHETIC"
# Stands for a character that would steer a terminal or hide in a text.
STAND_IN = "\N{REPLACEMENT CHARACTER}"
_BLANKS = re.compile("[\t\v\f\r\x1c-\x1f\x85\u2028\u2029]")
# Control characters, marks that turn the direction of writing, invisible ones, halves of surrogate pairs.
_STEERING = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_NOT_TO_BE_STORED = re.compile("[\0\ud800-\udfff]")
_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
# Windows keeps these for devices, whatever the suffix.
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def printable(text: str) -> str:
    """The text, as long as before, without a character that a terminal obeys; line breaks stay."""
    return _STEERING.sub(STAND_IN, _BLANKS.sub(" ", text))


def shortened(text: str, longest: int = LONGEST_SENTENCE) -> str:
    """The text with its middle left out where it has more than `longest` characters: what to do stands at the end."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 5]} ... {text[-end:]}"


def cleaned(text: str, longest: int = LONGEST_SENTENCE) -> str:
    """The text as one line of at most `longest` printable characters."""
    return shortened(" ".join(printable(text).split()), longest)


def shown_name(name: str, longest: int = LONGEST_NAME) -> str:
    """The name as one line of at most `longest` printable characters.

    One that had to be changed ends in "~" and four digits of its hash, so that two names do not look the same.
    """
    line = " ".join(printable(name).split())
    if line == name and len(line) <= longest:
        return name
    return f"{line[: longest - 5]}~{_digest(name)[:4]}"


def figure_text(name: str, longest: int = LONGEST_NAME) -> str:
    """The name for matplotlib, which reads formulas between dollars and hides labels that begin with an underscore."""
    shown = shown_name(name, longest).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


@contextlib.contextmanager
def drawing_names() -> Iterator[None]:
    """Nobody is warned of letters that matplotlib's font lacks: boxes stand for them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def portable(name: str, longest: int = _LONGEST_FILE_NAME) -> str:
    """The name with only those characters that every file system takes, for file names that an id tells apart."""
    return _NOT_IN_FILE_NAMES.sub("-", name)[:longest].lstrip(".")


def file_name(name: str, longest: int = _LONGEST_FILE_NAME) -> str:
    """The name as part of a path: itself where every file system takes it, else cut, with eight digits of its hash."""
    safe = portable(name, longest)
    if safe == name != "" and not _DEVICES.match(name):
        return name
    return f"{safe}-{_digest(name)[:8]}" if safe else _digest(name)[:8]


def unusable(name: str) -> str:
    """Why nothing can be stored under that name, in words that follow it; "" where it can."""
    found = _NOT_TO_BE_STORED.search(name)
    if found is None:
        return ""
    return "holds a NUL character" if found.group() == "\0" else "holds bytes that are no text"


def counted(number: int, thing: str) -> str:
    """A number of things in words: '1 slide', '12 slides'."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()

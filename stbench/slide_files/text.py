"""Files as text, gzipped or not, in the encodings that people's programs write."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from stbench.errors import DatasetError

log = logging.getLogger(__name__)
_GZIP = b"\x1f\x8b"
# Longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WINDOWS = "cp1252"
# No program writes these into a table: control characters but tabs, line ends and page breaks.
_NEVER_IN_TEXT = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1c\x1d\x1e\x1f"))


def read_text(path: Path) -> str:
    """The whole text of a file, gunzipped where it is gzipped; DatasetError where it is cut off or no text.

    UTF-8, UTF-16 and UTF-32 with their mark, else Windows' Latin-1, which is said in the log.
    """
    with whole_file(path), open_unpacked(path) as file:
        return _decoded(file.read(), path)


def _decoded(data: bytes, path: Path) -> str:
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    if not mark and b"\0" in data:
        raise DatasetError(
            f"{path} holds NUL characters: it is no text, or in UTF-16 without its mark; save it as UTF-8."
        )
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        if mark or data.translate(None, _NEVER_IN_TEXT) != data:
            raise
    text = data.decode(_WINDOWS)
    log.warning("%s is not in UTF-8; it was read as Latin-1 (Windows-1252)", path.name)
    return text


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a DatasetError that names it."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{path} cannot be read whole as text in UTF-8, UTF-16 or Latin-1 (as {error.encoding}: "
            f"{error.reason} at byte {error.start}); save it as UTF-8, or copy or download it again."
        ) from error
    except (EOFError, zlib.error, OSError) as error:
        raise DatasetError(f"{path} cannot be read whole ({error}); copy or download it again.") from error


def open_unpacked(path: Path) -> BinaryIO:
    """The file opened for reading, gunzipped as its first bytes say: deposits hold plain text named .gz as well."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]


def first_file(*candidates: Path) -> Path | None:
    """The first of the candidates that is a file."""
    return next((path for path in candidates if path.is_file()), None)

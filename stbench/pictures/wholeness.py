"""Whether a JPEG or PNG file is whole, told by its structure: what follows the image's own end is no matter.

Nothing is decoded. Both formats are chains of named parts; a file that was cut off lacks the chain's last.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .kinds import PNG_START

_SCAN, _END_OF_JPEG = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}


def jpeg_is_whole(path: Path) -> bool:
    """Whether the chain of segments leads to a scan, and the scan to the image's end."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        scan = _first_scan(data)
        # Scanned data put a zero behind every FF, so that the marker of the end occurs there as itself only.
        return scan is not None and data.find(bytes((0xFF, _END_OF_JPEG)), scan) >= 0


def _first_scan(data: mmap.mmap) -> int | None:
    """Where the first scan begins, beyond all thumbnails and profiles; None where the chain breaks before it."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # a filling byte
            place += 1
        elif marker in _WITHOUT_LENGTH:
            place += 2
        elif marker == _SCAN:
            return place + 2
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and length of each chunk that lies whole in the file, which then stands at the chunk's data."""
    end = file.seek(0, 2)
    place = len(PNG_START)
    while place + 12 <= end:
        file.seek(place)
        length, name = int.from_bytes(file.read(4), "big"), file.read(4)
        place += 12 + length
        if place > end:
            return
        yield name, length
        if name == b"IEND":
            return


def png_is_whole(path: Path) -> bool:
    """Whether the chain of chunks leads to the last."""
    with path.open("rb") as file:
        return any(name == b"IEND" for name, _ in png_chunks(file))

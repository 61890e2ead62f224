"""Arrays read from a file that somebody else may have made: a sentence for whatever is wrong with it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from stbench.errors import StorageError

# 100 000 spots x 5 000 genes in double precision. A small file may unpack to any size; this much is believed.
LARGEST_ARRAYS = 4 << 30
_DAMAGED = (ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read_arrays(path: Path, prefix: str = "") -> dict[str, np.ndarray]:
    """The arrays of an .npz file whose names start with `prefix`, without it.

    Raises StorageError where the file is missing, damaged, or would unpack to more than LARGEST_ARRAYS bytes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > LARGEST_ARRAYS:
            raise StorageError(
                f"{path} would unpack to {size / 1e9:.0f} GB of arrays, and at most {LARGEST_ARRAYS / 1e9:.0f} GB are "
                "believed; it is not opened."
            )
        with np.load(path) as arrays:
            # By the file's full name: an array may be called as another array's file.
            return {
                name.removeprefix(prefix): arrays[f"{name}.npy"]
                for name in arrays.files
                if name.startswith(prefix)
            }
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise StorageError(f"{path} cannot be read: its arrays do not fit into memory.") from error
    except _DAMAGED as error:
        raise StorageError(f"{path} cannot be read: {' '.join(str(error).split())}.") from error

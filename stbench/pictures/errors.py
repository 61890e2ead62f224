"""What goes wrong while a picture is opened, as sentences for people."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from stbench.errors import DatasetError, MissingPackage

NEEDED = "one 8-bit RGB or grey image is needed: save it as such"


@contextlib.contextmanager
def readable_tiff(path: Path) -> Iterator[None]:
    """Turn what a TIFF leads to that cannot be read into a DatasetError; a full disk stays what it is."""
    from tifffile import TiffFileError

    try:
        yield
    except (TiffFileError, ValueError, KeyError, IndexError, RuntimeError, FileNotFoundError) as error:
        raise (_no_codec(path, error) or unreadable(path, error, "TIFF ")) from error
    except ModuleNotFoundError as error:
        if (no_codec := _no_codec(path, error)) is None:
            raise
        raise no_codec from error


def _no_codec(path: Path, error: Exception) -> DatasetError | None:
    """The sentence for a compression that tifffile does not undo without imagecodecs; None for all else."""
    # It names the package then; for zstd it tries a module of newer Pythons.
    words = ("imagecodecs", "No module named 'compression'")
    if not any(word in str(error) for word in words) or importlib.util.find_spec("imagecodecs") is not None:
        return None
    return DatasetError(str(MissingPackage("imagecodecs", f"The compressed image {path}")))


def unreadable(path: Path, error: Exception | str, kind: str = "") -> DatasetError:
    """The sentence for a picture that is damaged; `kind` is its format."""
    return DatasetError(f"{path} is no readable {kind}image ({error}); copy or download it again.")


def truncated(path: Path, kind: str) -> DatasetError:
    """The sentence for a picture that was cut off."""
    return DatasetError(f"{path} is a truncated {kind} image; copy or download it again.")


def unusable(path: Path, found: str) -> DatasetError:
    """The sentence for a picture whose pixels cannot be told as colours; `found` says what they are."""
    return DatasetError(f"The image {path} has {found}; {NEEDED}.")

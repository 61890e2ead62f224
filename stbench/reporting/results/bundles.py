"""Everything behind a table in one file: Records, predictions, truths, and a manifest with their hashes.

A bundle is a zip archive. It is opened with suspicion: what the manifest does not list, lists under another hash, or
would lie outside the folder is refused, and so is an archive that was cut off.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stbench.errors import StorageError, UsageError
from stbench.files import replacing

MANIFEST = "manifest.json"
FORMAT = 1
_ROOMS = {"records": ".json", "predictions": ".npz", "truths": ".npz"}
# A fixed moment, so that the same results give the same bytes.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 20


def write_bundle(out: Path, to: Path) -> int:
    """Write what lies under a results folder to one archive; the number of Records in it.

    Raises UsageError where there are none.
    """
    files = _files_of(out)
    n_records = sum(name.startswith("records/") for name in files)
    if n_records == 0:
        raise UsageError(f"There are no Records under {out}; a bundle would be empty.")
    manifest = {"format": FORMAT, "files": {name: _sha256(path) for name, path in files.items()}}
    with replacing(to) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(zipfile.ZipInfo(MANIFEST, _MOMENT), json.dumps(manifest, indent=1, sort_keys=True))
        for name, path in files.items():
            entry = zipfile.ZipInfo(name, _MOMENT)
            # Arrays are compressed already.
            entry.compress_type = zipfile.ZIP_DEFLATED if path.suffix == ".json" else zipfile.ZIP_STORED
            archive.writestr(entry, path.read_bytes())
    return n_records


def _files_of(out: Path) -> dict[str, Path]:
    """Name in the archive -> file, for whole files only: temporary ones start with a dot."""
    return {
        f"{room}/{path.name}": path
        for room, suffix in _ROOMS.items()
        for path in sorted((out / room).glob(f"*{suffix}"))
        if not path.name.startswith(".")
    }


@contextlib.contextmanager
def opened_bundle(bundle: Path) -> Iterator[Path]:
    """A temporary results folder with the bundle's files, each checked against the manifest.

    Raises StorageError that names what is wrong: no archive, cut off, a changed byte, a name that leads elsewhere.
    """
    with tempfile.TemporaryDirectory(prefix="stbench-bundle-") as folder:
        try:
            with zipfile.ZipFile(bundle) as archive:
                _unpack(archive, bundle, Path(folder))
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise StorageError(
                f"{bundle} is no whole bundle ({error}); get it again from where it came."
            ) from error
        yield Path(folder)


def _unpack(archive: zipfile.ZipFile, bundle: Path, folder: Path) -> None:
    listed = _manifest(archive, bundle)
    names = [name for name in archive.namelist() if name != MANIFEST]
    for name in names:
        _check_name(name, bundle)
    if len(set(names)) != len(names) or set(names) != set(listed):
        odd = sorted(set(names) ^ set(listed)) or names
        raise StorageError(f"{bundle} does not hold what its manifest lists: {odd[0]} for one.")
    for name in names:
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        digest = hashlib.sha256()
        with archive.open(name) as packed, target.open("wb") as file:
            while block := packed.read(_BLOCK):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != listed[name]:
            raise StorageError(f"{bundle}: {name} is not the file that the manifest lists; it was changed.")


def _manifest(archive: zipfile.ZipFile, bundle: Path) -> dict[str, str]:
    try:
        manifest = json.loads(archive.read(MANIFEST))
        if manifest["format"] != FORMAT:
            raise StorageError(
                f"{bundle} has format {manifest['format']}; this version reads format {FORMAT}."
            )
        return {str(name): str(digest) for name, digest in manifest["files"].items()}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise StorageError(
            f"{bundle} is no whole bundle: it has no readable {MANIFEST}; get it again from where it came."
        ) from error


def _check_name(name: str, bundle: Path) -> None:
    """A file of a known room and kind, nothing else."""
    path = PurePosixPath(name)
    fits = len(path.parts) == 2 and _ROOMS.get(path.parts[0]) == path.suffix and not path.name.startswith(".")
    if not fits or "\\" in name:
        raise StorageError(f"{bundle} holds {name!r}, which has no place in a bundle; it is not opened.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

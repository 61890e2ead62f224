"""Everything behind a table in one file: Records, predictions, truths, and a manifest with their hashes.

A bundle is a zip archive. It is opened with suspicion: what the manifest does not list, lists under another hash, or
would lie outside the folder is refused, and so is an archive that was cut off, that would unpack to far more than it
is, or that holds anything but files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, Field, StrictInt, StrictStr, ValidationError

from stbench.errors import StorageError, UsageError
from stbench.files import replacing
from stbench.plain_record import first_fault
from stbench.reporting.results.array_files import LARGEST_ARRAYS

MANIFEST = "manifest.json"
FORMAT = 1
_ROOMS = {"records": ".json", "predictions": ".npz", "truths": ".npz"}
_HOLDS = {
    "records": "scores, settings and costs of every fold",
    "predictions": "predicted expression of every spot",
    "truths": "counts of the gene panel, spot positions, labels and a thumbnail of every slide: the provider's data",
}
# A fixed moment, so that the same results give the same bytes.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error)
# The largest Record of the kept leaderboards has 55 kB, and deflate makes it five times smaller.
_LARGEST = {"records": 256 << 20, "predictions": LARGEST_ARRAYS, "truths": LARGEST_ARRAYS}
_LARGEST_MANIFEST = 64 << 20
_HIGHEST_RATIO = 200
_SMALL = 1 << 20  # up to here any ratio is harmless


class _Manifest(BaseModel):
    """What the archive holds, in words and file by file (name -> SHA-256), and the data sets' terms.

    Bundles of older versions state only the files.
    """

    format: StrictInt
    files: dict[StrictStr, StrictStr]
    holds: tuple[StrictStr, ...] = ()
    terms: dict[StrictStr, StrictStr] = Field(default_factory=dict)


def write_bundle(out: Path, to: Path, with_truth: bool, terms: Mapping[str, str]) -> int:
    """Write what lies under a results folder to one archive; the number of Records in it.

    with_truth   also what predictions are scored against: counts of the panel, which are the provider's data
    terms        data set -> its terms, stated in the manifest
    Raises UsageError where there are none.
    """
    files = {
        name: path for name, path in _files_of(out).items() if with_truth or not name.startswith("truths/")
    }
    n_records = sum(name.startswith("records/") for name in files)
    if n_records == 0:
        raise UsageError(f"There are no Records under {out}; a bundle would be empty.")
    manifest = {
        "format": FORMAT,
        "holds": [
            words for room, words in _HOLDS.items() if any(name.startswith(f"{room}/") for name in files)
        ],
        "terms": dict(terms),
        "files": {name: _sha256(path) for name, path in files.items()},
    }
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
        if not path.name.startswith(".") and path.is_file()
    }


@contextlib.contextmanager
def opened_bundle(bundle: Path) -> Iterator[Path]:
    """A temporary results folder with the bundle's files, each checked against the manifest.

    Raises StorageError that names what is wrong: no archive, cut off, a changed byte, a name that leads elsewhere, a
    link, a size that no results have.
    """
    if bundle.exists() and not bundle.is_file():
        raise StorageError(
            f"{bundle} is no file and hence no bundle; give the .zip that `stbench bundle` wrote."
        )
    with tempfile.TemporaryDirectory(prefix="stbench-bundle-") as folder:
        try:
            with zipfile.ZipFile(bundle) as archive:
                _unpack(archive, bundle, Path(folder))
        except _DAMAGED as error:
            raise StorageError(
                f"{bundle} is no whole bundle ({error}); get it again from where it came."
            ) from error
        yield Path(folder)


def _unpack(archive: zipfile.ZipFile, bundle: Path, folder: Path) -> None:
    listed, entries = _manifest(archive, bundle), archive.infolist()
    for entry in entries:
        _check_entry(entry, bundle)
    _check_total(entries, bundle, folder)
    names = [entry.filename for entry in entries if entry.filename != MANIFEST]
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
        entry = archive.getinfo(MANIFEST)
        _check_entry(entry, bundle)
        manifest = json.loads(archive.read(entry))
        if isinstance(manifest, dict) and manifest.get("format", FORMAT) != FORMAT:
            raise StorageError(
                f"{bundle} has format {manifest['format']}; this version reads format {FORMAT}."
            )
        return _Manifest.model_validate(manifest).files
    except ValidationError as error:
        raise StorageError(
            f"{bundle} is no whole bundle: in its {MANIFEST}, {first_fault(error)}; get it again from where it came."
        ) from error
    except (KeyError, ValueError, RecursionError) as error:
        raise StorageError(
            f"{bundle} is no whole bundle: it has no readable {MANIFEST}; get it again from where it came."
        ) from error


def _check_entry(entry: zipfile.ZipInfo, bundle: Path) -> None:
    """A plain file of a known room and kind, of a size that it may have; nothing else."""
    name, path = entry.filename, PurePosixPath(entry.filename)
    room = path.parts[0] if path.parts else ""
    fits = len(path.parts) == 2 and _ROOMS.get(room) == path.suffix and not path.name.startswith(".")
    if name != MANIFEST and (not fits or "\\" in name):
        raise StorageError(f"{bundle} holds {name!r}, which has no place in a bundle; it is not opened.")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        raise StorageError(
            f"{bundle} holds {name!r} as a link, device or pipe, not as a file; it is not opened."
        )
    largest = _LARGEST_MANIFEST if name == MANIFEST else _LARGEST[room]
    if entry.file_size > largest:
        raise StorageError(
            f"{bundle} holds {name} of {entry.file_size / 1e6:.0f} MB, and at most {largest / 1e6:.0f} MB are "
            "believed; it is not opened."
        )
    _check_ratio(f"{bundle}: {name}", entry.file_size, entry.compress_size)


def _check_total(entries: list[zipfile.ZipInfo], bundle: Path, folder: Path) -> None:
    """All entries together, since several may share the same packed bytes; and room for them on the disk."""
    size = sum(entry.file_size for entry in entries)
    _check_ratio(str(bundle), size, bundle.stat().st_size)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise StorageError(
            f"{bundle} unpacks to {size / 1e6:.0f} MB, and {folder.parent} has {free / 1e6:.0f} MB left; set $TMPDIR "
            "to a folder with more space."
        )


def _check_ratio(what: str, size: int, packed: int) -> None:
    if size > _SMALL and size > _HIGHEST_RATIO * packed:
        raise StorageError(
            f"{what} would unpack from {packed / 1e6:.2f} MB to {size / 1e6:.0f} MB, which no results do; it is not "
            "opened."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

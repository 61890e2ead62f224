"""Unpack an archive into a folder: no path leaves the folder, and no file appears half.

Files and folders are all that is unpacked. A link in an archive could lead a later entry anywhere, and no slide needs
one; devices and pipes are no data.
"""

from __future__ import annotations

import errno
import stat
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from stbench.errors import DatasetError
from stbench.files import make_folder

_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError)


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a .tar, .tar.gz, .tgz or .zip archive into `folder`; the paths of its files.

    Files of the same names are replaced; compressed files inside stay compressed. Raises DatasetError for an archive
    that is damaged, empty, of another kind, that holds links or devices or that would write outside the folder, and for
    a full disk.
    """
    if not archive.name.lower().endswith((".tar", ".tar.gz", ".tgz", ".zip")):
        raise DatasetError(f"{archive} is no archive that can be unpacked: .tar, .tar.gz, .tgz or .zip.")
    make_folder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{archive.name}.", dir=folder) as temporary:
            _extract(archive, Path(temporary))
            return _move(Path(temporary), folder, archive)
    except (tarfile.FilterError, _LeavesFolder) as error:
        raise _refused(archive, f"since it would leave {folder} ({error})") from error
    except _NeitherFileNorFolder as error:
        raise _refused(archive, f"since only files and folders are ({error})") from error
    except _DAMAGED as error:
        raise DatasetError(
            f"{archive} is damaged and cannot be unpacked ({error}); delete it and fetch again."
        ) from error
    except OSError as error:
        why = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise DatasetError(f"{archive} cannot be unpacked into {folder}: {why}.") from error


class _LeavesFolder(Exception):
    pass


class _NeitherFileNorFolder(Exception):
    pass


def _refused(archive: Path, why: str) -> DatasetError:
    return DatasetError(
        f"{archive} holds an entry that must not be unpacked, {why}; nothing was unpacked. Compare the archive with "
        "its provider's."
    )


def _extract(archive: Path, temporary: Path) -> None:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                _check_zip_entry(entry)
            opened.extractall(temporary)
        return
    with tarfile.open(archive) as opened:
        opened.extractall(temporary, filter=_plain_entry)
        while opened.fileobj and opened.fileobj.read(1 << 20):
            pass  # to the very end, so that a cut-off archive is noticed


def _check_zip_entry(entry: zipfile.ZipInfo) -> None:
    """Raise where an entry is a link or a device by its Unix mode, or would leave the folder."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
        raise _LeavesFolder(entry.filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "link" if kind == stat.S_IFLNK else "device or pipe"
        raise _NeitherFileNorFolder(f"{entry.filename} is a {what}")


def _plain_entry(entry: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """The entry as it may be unpacked; raises for one that is a link or a device, or would leave the folder."""
    if not (entry.isreg() or entry.isdir()):
        what = "link" if entry.issym() or entry.islnk() else "device or pipe"
        raise _NeitherFileNorFolder(f"{entry.name} is a {what}")
    return tarfile.data_filter(entry, folder)


def _move(temporary: Path, folder: Path, archive: Path) -> list[Path]:
    found = sorted(path for path in temporary.rglob("*") if path.is_file())
    if not found:
        raise DatasetError(f"{archive} holds no files; fetch it again.")
    targets = [folder / path.relative_to(temporary) for path in found]
    for path, target in zip(found, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    return targets

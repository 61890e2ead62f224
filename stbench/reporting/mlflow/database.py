"""The database that lies beside the results: made in one step, and so that its folder can be moved.

MLflow writes down where files lie as absolute paths. Here they are made relative to the database's folder, which is
where `mlflow ui` is to be started: a folder of results shows its files wherever it lies.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stbench.errors import StorageError
from stbench.files import cache_root, make_folder, replacing

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE, FILES = "mlflow.db", "mlartifacts"
# What sqlite says where a file may be whole all the same: it is in use, or there is no room or no right to write.
_PASSING = ("BUSY", "LOCKED", "FULL", "READONLY", "CANTOPEN", "IOERR", "PERM", "AUTH", "NOMEM")
_LONGEST_REASON = 220


def open_database(database: Path) -> MlflowClient:
    """MLflow on the sqlite file `database`, which is made where it is missing.

    Raises StorageError for a file that is there and is no whole database of this MLflow. One process at a time.
    """
    import mlflow as mlflow  # first, since an MLflow that cannot be loaded is no fault of the file
    from mlflow import MlflowClient

    if not database.exists():
        _make_database(database)
    try:
        client = MlflowClient(tracking_uri=database_uri(database))
        make_paths_relative(database)
        return client
    except Exception as error:
        if any(name in _PASSING for name in _sqlite_codes(error)):
            raise
        _empty_database().unlink(missing_ok=True)  # from which the next one would be made
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise StorageError(
            f"{database} is not a whole database of this MLflow ({reason[:_LONGEST_REASON]}); delete it or move it "
            "away, and the next run makes it anew and logs every result again."
        ) from error


def database_uri(database: Path) -> str:
    """MLflow's address of a sqlite file."""
    return f"sqlite:///{database.as_posix()}"


def folder_of_database(uri: str) -> Path | None:
    """The folder in which the sqlite file of an address lies; None for any other address."""
    before, _, file = uri.partition("?")[0].partition("sqlite:///")
    return Path(file).absolute().parent if file and not before else None


def make_paths_relative(database: Path) -> None:
    """Have all that says where files lie say so from the database's folder, in older databases too."""
    with contextlib.closing(sqlite3.connect(database)) as opened, opened:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            # Only those that MLflow itself writes for this folder, wherever that once lay.
            asked = f"SELECT rowid, {column} FROM {table} WHERE {column} LIKE 'file:%/{FILES}%'"
            found = [(_relative(place), row) for row, place in opened.execute(asked)]
            if found:
                opened.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", found)


def _relative(place: str) -> str:
    """What stands from the last folder of files on: "mlartifacts/<run>/artifacts"."""
    before, _, below = f"{place}/".rpartition(f"/{FILES}/")
    return f"{FILES}/{below}".rstrip("/") if before else place


def _make_database(database: Path) -> None:
    """Put an empty database there in one step: MLflow never ends what a kill left half-made.

    Making its tables takes MLflow seconds, so that an empty one is kept in the cache for the next folder.
    """
    make_folder(database.parent)
    kept = _empty_database()
    if kept.is_file():
        with replacing(database) as copy:
            shutil.copyfile(kept, copy)
        return
    prefix = f".{database.name}.making-"
    for leftover in database.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=prefix, dir=database.parent, ignore_cleanup_errors=True
    ) as folder:
        making = Path(folder) / database.name
        _make_tables(making)
        # A copy, since MLflow keeps the file open that it made, and may have pages of it in files beside it.
        with replacing(database) as whole, contextlib.closing(sqlite3.connect(making)) as made:
            made.execute("VACUUM INTO ?", (str(whole),))
    with contextlib.suppress(OSError, StorageError), replacing(kept) as copy:
        shutil.copyfile(database, copy)


def _make_tables(database: Path) -> None:
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=database_uri(database)).search_experiments(max_results=1)
    with contextlib.closing(sqlite3.connect(database)) as opened, opened:
        # MLflow's own experiment lies in the folder that it was made in, which would be somebody else's.
        opened.execute("UPDATE experiments SET artifact_location = ?", (FILES,))


def _empty_database() -> Path:
    import mlflow

    return cache_root() / "mlflow" / f"empty-{mlflow.__version__}.db"


def _sqlite_codes(error: BaseException | None) -> Iterator[str]:
    """The names of sqlite's codes ("BUSY", "NOTADB", ...) behind an error, without their prefix and details."""
    while error is not None:
        name = getattr(getattr(error, "orig", error), "sqlite_errorname", "")
        if name:
            yield name.removeprefix("SQLITE_").split("_")[0]
        error = error.__cause__ or error.__context__

"""Results on disk: the one place that is believed when they are asked for again.

out/
├── records/<key>.json       a Record's plain part, in an envelope that names its other files
├── predictions/<key>.npz    float32 arrays (n_spots, n_genes), one for each test slide
                             and the training summary that the scores were computed with
└── truths/<hash>.npz        what predictions are scored against, once for each slide and panel

Every file appears whole or not at all, and the record last: a record that exists has its other files. What a
killed process leaves behind are temporary files, which nobody reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, StrictInt, StrictStr, ValidationError
from pydantic_core import from_json

from stbench.errors import StbenchError, StorageError
from stbench.files import make_folder, replacing, stamp_of
from stbench.plain_record import first_fault
from stbench.record import Record, SlideTruth
from stbench.reporting.results.array_files import read_arrays
from stbench.reporting.results.truth_files import read_truth, save_truth

FORMAT = 1
_PREFIX, _TRAINING = "slide ", "training "


class _Seal(BaseModel):
    """What tells a Record's arrays from any other file."""

    sha256: StrictStr
    bytes: StrictInt


class _Envelope(BaseModel):
    """What lies around a Record's plain part."""

    format: StrictInt
    record: Any
    predictions: _Seal | None
    truths: dict[StrictStr, Annotated[StrictStr, Field(pattern=r"^[^/\\]+\.npz$")]]


class RunStore:
    """The Records below one folder, which is made with the first of them."""

    def __init__(self, out: Path):
        self.out = Path(out)
        # Records that were read, by file, with what the file looked like: a run asks for all of them several times.
        self._known: dict[Path, tuple[tuple[int, ...], Record, dict[str, Any]]] = {}

    def check_writable(self) -> None:
        """StorageError where a Record could not be saved, told before hours of work rather than after."""
        with replacing(self.out / ".writable") as probe:
            probe.write_bytes(b"\0")
        (self.out / ".writable").unlink(missing_ok=True)

    def save(self, record: Record) -> None:
        """Write a Record with its arrays over one of the same key; StorageError where that cannot be."""
        plain = _encoded(record)
        truths = {name: save_truth(make_folder(self.out / "truths"), t) for name, t in record.truths.items()}
        predictions = self._predictions_file(record.key)
        # Both files are written before either takes its name, and the record takes its name last.
        with contextlib.ExitStack() as files:
            document, seal = files.enter_context(replacing(self._record_file(record.key))), None
            if record.predictions:
                seal = _write_arrays(files.enter_context(replacing(predictions)), record)
            envelope = {"format": FORMAT, "predictions": seal, "truths": truths}
            _write_document(document, plain, envelope)
        if not record.predictions:
            predictions.unlink(missing_ok=True)

    def add_curves(self, record: Record) -> None:
        """Have the stored Record of that key hold these curves; its arrays stay as they are."""
        stored, envelope = self._read(self._record_file(record.key))
        around = {name: value for name, value in envelope.items() if name != "record"}
        with replacing(self._record_file(record.key)) as document:
            _write_document(document, _encoded(replace(stored, curves=record.curves)), around)

    def has_finished(self, key: str) -> bool:
        """Whether a whole, readable Record of that key exists; a failed one is to be tried again."""
        try:
            record, envelope = self._read(self._record_file(key))
        except StbenchError:
            return False
        truths = (self.out / "truths" / name for name in envelope["truths"].values())
        return (
            record.finished
            and self._predictions_fit(key, envelope)
            and all(path.is_file() for path in truths)
        )

    def names(self) -> set[str]:
        """Keys of all Records, failed ones too, by their files' names alone."""
        return {path.stem for path in self._record_files()}

    def names_with_predictions(self) -> set[str]:
        """Keys of all Records whose predictions lie there, by their files' names alone."""
        return {path.stem for path in (self.out / "predictions").glob("[!.]*.npz")}

    def stamp(self, key: str) -> tuple[int, ...]:
        """What tells one Record of that key from the next; () where there is none."""
        return stamp_of(self._record_file(key))

    def finished_keys(self) -> set[str]:
        """Keys of all Records for which `has_finished`."""
        return {path.stem for path in self._record_files() if self.has_finished(path.stem)}

    def records(self) -> tuple[list[Record], list[str]]:
        """All readable Records by key, failed ones too, and a sentence for each damaged one.

        Predictions and truths stay on disk; a folder that holds nothing but records makes a leaderboard.
        """
        records, problems = [], []
        for path in self._record_files():
            try:
                record, envelope = self._read(path)
                if self._predictions_file(record.key).exists() and not self._predictions_fit(
                    record.key, envelope
                ):
                    raise StorageError(f"{self._predictions_file(record.key)} does not belong to {path}.")
                records.append(record)
            except StbenchError as error:
                problems.append(f"{error} It is left out; the run that made it will do it again.")
        return records, problems

    def load(self, key: str) -> Record:
        """The Record of that key, its arrays left on disk; StorageError where it is not whole."""
        return self._read(self._record_file(key))[0]

    def load_predictions(self, key: str) -> dict[str, np.ndarray]:
        """Slide -> (n_spots, n_genes) float32 predictions; StorageError where they are not whole."""
        return self._load(key, _PREFIX)

    def load_training(self, key: str) -> dict[str, np.ndarray]:
        """The training summary of a Record's fold by name; empty for Records of versions that did not keep it."""
        return self._load(key, _TRAINING)

    def _load(self, key: str, prefix: str) -> dict[str, np.ndarray]:
        _, envelope = self._read(self._record_file(key))
        if envelope["predictions"] is None:
            return {}
        path = self._predictions_file(key)
        try:
            if _seal(path) != envelope["predictions"]:
                raise StorageError(f"{path} is damaged or of another result than {self._record_file(key)}.")
        except OSError as error:
            raise _unreadable(path, error) from error
        return read_arrays(path, prefix)

    def load_truths(self, record: Record) -> dict[str, SlideTruth]:
        """What a Record was scored against, by slide; StorageError where a file is missing or damaged."""
        _, envelope = self._read(self._record_file(record.key))
        return {slide: read_truth(self.out / "truths" / name) for slide, name in envelope["truths"].items()}

    def holds_truths(self, record: Record) -> bool:
        """Whether every truth of that Record lies here; a bundle may travel without."""
        _, envelope = self._read(self._record_file(record.key))
        names = envelope["truths"].values()
        return bool(names) and all((self.out / "truths" / name).is_file() for name in names)

    def holds_arrays(self, record: Record) -> bool:
        """Whether predictions of that very Record lie here; a folder may hold Records alone."""
        return self._record_file(record.key).is_file() and self._predictions_file(record.key).is_file()

    def _record_file(self, key: str) -> Path:
        return self.out / "records" / f"{key}.json"

    def _predictions_file(self, key: str) -> Path:
        return self.out / "predictions" / f"{key}.npz"

    def _record_files(self) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError):
            files = sorted((self.out / "records").glob("[!.]*.json"))
            # Reading a pipe would wait for ever.
            yield from (path for path in files if path.is_file())

    def _predictions_fit(self, key: str, envelope: Mapping[str, Any]) -> bool:
        """Whether the arrays are there, as large as they were when the record was written."""
        seal = envelope["predictions"]
        path = self._predictions_file(key)
        return seal is None or (path.is_file() and path.stat().st_size == seal.get("bytes"))

    def _read(self, path: Path) -> tuple[Record, dict[str, Any]]:
        """The Record in a file and its envelope; StorageError that names the file where it is not whole."""
        stamp = stamp_of(path)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1], known[2]
        record, envelope = self._read_anew(path)
        # The Record's plain part is in the Record.
        self._known[path] = stamp, record, {name: v for name, v in envelope.items() if name != "record"}
        return record, envelope

    def _read_anew(self, path: Path) -> tuple[Record, dict[str, Any]]:
        try:
            envelope = _parsed(path.read_bytes())
            if isinstance(envelope, dict) and envelope.get("format", FORMAT) != FORMAT:
                raise StorageError(
                    f"{path} has format {envelope['format']}; this version reads format {FORMAT}."
                )
            _Envelope.model_validate(envelope)
            record = Record.from_plain(envelope["record"])
        except OSError as error:
            raise _unreadable(path, error) from error
        except StorageError:
            raise
        except ValidationError as error:
            raise StorageError(f"{path} is damaged ({first_fault(error)}).") from error
        except (ValueError, RecursionError, StbenchError) as error:
            words = " ".join(str(error).split()).rstrip(".")
            raise StorageError(f"{path} is damaged ({words}).") from error
        if record.key != path.stem:
            raise StorageError(f"{path} holds the Record {record.key}, not the one that it is named after.")
        return record, envelope


def _parsed(content: bytes) -> Any:
    """The JSON value in a file; ValueError where it is none, or holds what is no number."""
    try:
        return from_json(content, allow_inf_nan=False)  # four times as fast as json
    except ValueError:
        # json takes a name that is no text, which the other refuses, and says in better words what is wrong.
        return json.loads(content.decode("utf-8"), parse_constant=_refused)


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _encoded(record: Record) -> str:
    """The plain part as JSON; StbenchError where it holds what JSON cannot say, NaN included."""
    try:
        return json.dumps(record.to_plain(), allow_nan=False, separators=(",", ":"), default=_plain_number)
    except (TypeError, ValueError) as error:
        raise StbenchError(
            f"The Record of {record.row.method} on {record.fold} cannot be saved: {error}. "
            "Scores, costs and settings must be plain values, and None where undefined."
        ) from error


def _write_document(path: Path, plain: str, envelope: Mapping[str, Any]) -> None:
    """Write a Record's plain part, given as JSON, with the envelope around it."""
    path.write_text(f'{{"record":{plain},{json.dumps(envelope)[1:]}\n', encoding="utf-8")


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a plain value")


def _write_arrays(path: Path, record: Record) -> dict[str, Any]:
    """Write a Record's arrays to `path` and return their seal: what tells them from any other file."""
    # The prefix keeps a slide's name from being taken for a parameter of savez ("file", say).
    arrays = {_PREFIX + slide: np.asarray(array, np.float32) for slide, array in record.predictions.items()}
    arrays |= {_TRAINING + name: np.asarray(array, np.float64) for name, array in record.training.items()}
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return _seal(path)


def _seal(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path} cannot be read: {error.strerror or error}.")

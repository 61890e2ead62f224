"""Records of several results folders as one set, where they do not contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from stbench.errors import StorageError
from stbench.files import hash_value
from stbench.record import Record
from stbench.reporting.results.agreement import same_result
from stbench.reporting.results.store import RunStore

Named = tuple[str, Sequence[Record]]


def merged_records(folders: Sequence[tuple[str, Path]]) -> tuple[list[Record], list[str]]:
    """The Records of all folders, each given with the name that people know it by, and their damaged files.

    StorageError where two folders hold different results of one job.
    """
    read = [(name, *RunStore(folder).records()) for name, folder in folders]
    problems = [problem for _, _, damaged in read for problem in damaged]
    return merged([(name, records) for name, records, _ in read]), problems


def merged(sources: Iterable[Named]) -> list[Record]:
    """The Records of several named sources: of one job the first stays, and the machines of all are named in it.

    Two results of one job agree where their scores do within rounding. Where they have other genes (another scanpy
    chose them) both stay, in tables of their own.
    """
    found: dict[tuple[str, str], tuple[str, Record]] = {}
    for name, records in sources:
        for record in records:
            # A failure has no genes; it is compared with whatever else there is of the job.
            job = record.key, hash_value(list(record.panel_genes))
            known_from, known = found.setdefault(job, (name, record))
            if known is record:
                continue
            if not same_result(known, record):
                raise StorageError(_contradiction(known_from, name, record))
            found[job] = known_from, _with_machine(known, record)
    return [record for _, record in found.values()]


def _with_machine(known: Record, again: Record) -> Record:
    """The first Record, naming the machine that the second was made on as well."""
    machines = [str(record.provenance.get("processor") or "") for record in (known, again)]
    if machines[0] == machines[1] or not machines[1] or machines[1] in machines[0].split(" and "):
        return known
    return replace(known, provenance={**known.provenance, "processor": " and ".join(filter(None, machines))})


def _contradiction(first: str, second: str, record: Record) -> str:
    return (
        f"{first} and {second} hold different results of one job ({record.row.method}, fold {record.fold}, seed "
        f"{record.seed}, key {record.key}). One of them was changed, or the job does not repeat on the other machine; "
        "show only one of them."
    )

"""What has results under a folder, told to who asks for something else, with the command that makes what is missing."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from stbench import registry
from stbench.commands.choosing import dataset_name
from stbench.commands.joining import joined_records
from stbench.commands.sources import opened_folders
from stbench.errors import UsageError
from stbench.record import Record


def datasets_with_results(out: Path, bundles: Sequence[Path] = ()) -> list[str]:
    """Names of the data sets that have Records under `out` or in the bundles."""
    with opened_folders(out, bundles) as folders:
        return _datasets(joined_records(folders)[0])


def only_dataset(out: Path, bundles: Sequence[Path] = ()) -> str:
    """The data set that alone has results; UsageError where none has, or several have."""
    known = datasets_with_results(out, bundles)
    if not known:
        raise UsageError(_nothing(out, "ridge", "demo"))
    if len(known) > 1:
        raise UsageError(
            f"Several data sets have results under {out}: {', '.join(known)}; name one, as --dataset {known[0]}."
        )
    return known[0]


def held_dataset(records: Sequence[Record], dataset: str, out: Path, methods: Sequence[str] = ()) -> str:
    """The data set's name as Records have it; UsageError where it, or one of the methods, has no results.

    UnknownName for what is no data set; a name that is no method's may be a row's, and is left to who looks for rows.
    """
    known = _datasets(records)
    name = dataset if dataset in known else dataset_name(dataset)
    wanted = next((method for method in methods if _is_method(method)), "ridge")
    if not records:
        raise UsageError(_nothing(out, wanted, dataset))
    if name not in known:
        raise UsageError(
            f"There are no results of {name} under {out}, but of {', '.join(known)}; name one of these, or make them: "
            f"{_run(wanted, dataset, out)}"
        )
    rows = sorted({record.row.method for record in records if record.table.dataset == name})
    for method in filter(_is_method, methods):
        if method not in rows:
            raise UsageError(
                f"There are no results of {method} on {name} under {out}, but of {', '.join(rows)}; name one of these, "
                f"or make them: {_run(method, dataset, out)}"
            )
    return name


def _datasets(records: Iterable[Record]) -> list[str]:
    return sorted({record.table.dataset for record in records})


def _is_method(name: str) -> bool:
    return name in registry.plugins("method")


def _is_known(dataset: str) -> bool:
    return dataset.partition(":")[0] in registry.plugins("dataset")


def _nothing(out: Path, method: str, dataset: str) -> str:
    return f"There are no Records under {out}; run a method first: {_run(method, dataset, out)}"


def _run(method: str, dataset: str, out: Path) -> str:
    """The command that makes results; Records do not hold where a folder of one's own lies."""
    if not _is_known(dataset):
        return f"(no data set is called {dataset} here)"
    if registry.dataset_card(dataset.partition(":")[0]).own_folder:
        dataset = f"{dataset.partition(':')[0]}:DIR"
    return shlex.join(["stbench", "run", "--method", method, "--dataset", dataset, "--out", str(out)])

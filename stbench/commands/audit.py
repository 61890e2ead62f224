"""The leakage audit by names: finds method and dataset, writes the scrambled copy, runs the passes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stbench import registry
from stbench.commands.choosing import choose_device, data_folder, dataset_name, find_slides
from stbench.contract import SlideSource
from stbench.errors import UsageError
from stbench.evaluation.audit import AuditCase, audit
from stbench.evaluation.design import Design
from stbench.evaluation.folds import Fold, group_slides, outer_folds

_SEED = 20260


def audit_method(
    method: str,
    dataset: str,
    data_root: Path | str | None = None,
    slides: Sequence[str] | None = None,
    split: str = "slide",
    genes: str = "train-hvg",
    epochs: int = 2,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Audit a method on the first fold of a dataset: {"method", "dataset", "verdict", "evidence"}."""
    method, name = registry.find("method", method).name, dataset_name(dataset)
    sources, _ = find_slides(dataset, data_root, slides)
    design = Design(dataset=name, split=split, genes=genes, epochs=epochs, device=choose_device("cpu"))  # type: ignore[arg-type]
    patients = {source.id: source.patient for source in sources}
    groups = group_slides(patients, split)
    audited, earlier = _folds(patients, split)
    root = data_folder(dataset, data_root)
    case = AuditCase(
        method=method,
        card=registry.method_card(method),
        method_class=registry.load_method,
        dataset_class=registry.load_dataset,
        design=design,
        root=root,
        groups=groups,
        earlier=earlier,
        audited=audited,
        originals=(root, *_folders_of(sources)),
    )
    with tempfile.TemporaryDirectory(prefix="stbench-audit-") as folder:
        scrambled = _scrambled_copy(dataset, root, audited.test, Path(folder))
        result = audit(case, scrambled, say)
    return {"method": method, "dataset": name, "verdict": result.verdict, "evidence": result.evidence}


def _folders_of(sources: Sequence[SlideSource]) -> list[Path]:
    """The folders in which the slides' files lie, wherever below or beside the data root that is."""
    return sorted({path.parent for source in sources for path in source.files.values()})


def _folds(patients: Mapping[str, str | None], split: str) -> tuple[Fold, Fold]:
    """The audited fold and an earlier one in which its test slides train."""
    if len(patients) < 3:
        raise UsageError(f"The audit needs at least three slides; found {', '.join(patients)}.")
    folds = outer_folds(patients, split)
    for audited in folds:
        for earlier in folds:
            if set(audited.test) <= set(earlier.train):
                return audited, earlier
    raise UsageError(f"No fold of --split {split} trains on another's test slides; audit with --split slide.")


def _scrambled_copy(dataset: str, root: Path, slides: Sequence[str], folder: Path) -> Path:
    """A copy of the data root in which the expression of all those slides is noise."""
    plugin = registry.load_dataset(dataset)()
    source = root
    for i, slide in enumerate(slides):
        copy = folder / f"copy-{i}"
        plugin.copy_scrambled(source, slide, copy, _SEED + i)
        source = copy
    return source

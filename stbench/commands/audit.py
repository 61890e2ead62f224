"""The leakage audit by names: finds method and dataset, plans the trials, runs the passes, keeps the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stbench import registry
from stbench.commands.choosing import choose_contestants, choose_device, dataset_name, find_slides
from stbench.commands.printed_words import print_words
from stbench.commands.released import is_released
from stbench.contract import READ_AS_IS, ReadingOptions, SlideSource
from stbench.errors import UsageError
from stbench.evaluation.audit import AuditCase, AuditResult, audit
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.plan import Job, make_plan
from stbench.evaluation.shipped_data import shipped_data
from stbench.evaluation.trials.benches import SealedBench
from stbench.evaluation.trials.trial import NOT_SEALED
from stbench.preprocess.marker_genes import written_out
from stbench.reporting.results.audits import Audit, audits_below, keep_audit

# So many outer folds are run, the last of them audited; inner folds of each; settings tried.
_FOLDS, _INNER, _SETTINGS = 3, "2", 1


def audit_method(
    method: str,
    dataset: str,
    data_root: Path | str | None = None,
    slides: Sequence[str] | None = None,
    split: str = "slide",
    genes: str = "train-hvg",
    epochs: int = 2,
    settings: dict[str, Any] | None = None,
    out: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    device: str = "cpu",
    reading: ReadingOptions = READ_AS_IS,
) -> dict[str, Any]:
    """Audit a method on a dataset: {"method", "dataset", "verdict", "evidence", "notes"}.

    out     results folder in which the verdict is kept, None for none
    device  where the audited fits run
    reading how slides are read
    """
    if is_released(method):
        raise UsageError(
            f"{method} is not fitted here, so that there is no fit to audit; what it may have seen stands in its row."
        )
    contestant = _contestant(method, settings or {})
    name = dataset_name(dataset)
    sources, _ = find_slides(dataset, data_root, slides, reading)
    if shipped := shipped_data(contestant.place.folder, sources):
        result = AuditResult("leak", shipped, [], NOT_SEALED)
    else:
        design = Design(
            dataset=name,
            split=split,  # type: ignore[arg-type]
            inner=_INNER,
            genes=written_out(genes, registry.dataset_card(name).marker_genes, name),
            epochs=epochs,
            max_settings=_SETTINGS,
            device=choose_device(device),
        )
        result = _audited(contestant, design, sources, say)
    if out is not None:
        kept = Audit(
            method=contestant.name,
            source=contestant.source,
            dataset=name,
            verdict=result.verdict,  # type: ignore[arg-type]  # one of the three
            sealed=result.sealed,
        )
        keep_audit(out, kept)
    return {
        "method": contestant.name,
        "dataset": name,
        "verdict": result.verdict,
        "evidence": result.evidence,
        "notes": result.notes,
    }


def not_audited(contestants: Sequence[Contestant], out: Path) -> list[Contestant]:
    """Those whose source has no verdict yet below a results folder, each method once."""
    known = audits_below([out])
    by_name = {contestant.name: contestant for contestant in reversed(contestants)}
    return [
        contestant
        for contestant in reversed(by_name.values())
        if contestant.released is None and (contestant.name, contestant.source) not in known
    ]


def _contestant(method: str, settings: dict[str, Any]) -> Contestant:
    found = registry.find("method", method).name
    contestants = choose_contestants([found], "paper", {found: settings} if settings else {})
    return next(contestant for contestant in contestants if contestant.name == found)


def _audited(
    contestant: Contestant, design: Design, sources: Sequence[SlideSource], say: Callable[[str], None]
) -> AuditResult:
    if len(sources) < 3:
        named = ", ".join(source.id for source in sources)
        raise UsageError(f"The audit needs at least three slides; found {named}.")
    jobs = make_plan(design, "", sources, [contestant], [0]).jobs
    case = AuditCase(design, tuple(sources), _audited_jobs(jobs, design.split))
    opened: list[str] = []
    return audit(case, SealedBench(on_output=print_words, on_opened=opened.extend), say, opened)


def _audited_jobs(jobs: Sequence[Job], split: str) -> tuple[Job, ...]:
    """The first jobs of a run, up to one whose test slides train in an earlier one."""
    for last in range(min(_FOLDS, len(jobs)) - 1, 0, -1):
        if any(set(jobs[last].fold.test) <= set(job.fold.train) for job in jobs[:last]):
            return tuple(jobs[: last + 1])
    raise UsageError(f"No fold of --split {split} trains on another's test slides; audit with --split slide.")

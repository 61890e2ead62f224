"""The leakage audit: proof that a test slide's expression does not reach its own predictions.

Three passes, each in a fresh process. A pass first fits and predicts a fold in which today's test slide trains
(what a method could remember), then the audited fold. The first two passes see the data as they are: if their
predictions differ, the method is not repeatable and nothing can be said. The third sees the data with the test
slide's expression replaced by noise from the start, on disk and hence in memory: predictions must be identical
bit for bit. An audit hook reports every file that is opened during fit and predict outside the cache, and every
file of the dataset that is opened while the plugin is loaded; files opened inside C libraries may escape it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stbench.contract import Dataset, FitContext, Method, MethodCard
from stbench.errors import MethodError, StbenchError
from stbench.evaluation.design import Design
from stbench.evaluation.file_watch import FileWatch
from stbench.evaluation.fit_inputs import fit_inputs
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.evaluation.runner import build
from stbench.metrics.prediction import check_prediction


@dataclass(frozen=True)
class AuditCase:
    """What is audited: a method on one fold, after an `earlier` fold in which the audited test slides train.

    root       where the dataset lies, in a pass on noise its scrambled copy
    originals  folders that hold the dataset as it is
    """

    method: str
    card: MethodCard
    method_class: Callable[[str], type[Method]]
    dataset_class: Callable[[str], type[Dataset]]
    design: Design
    root: Path
    groups: Mapping[str, str]
    earlier: Fold
    audited: Fold
    originals: tuple[Path, ...] = ()


class PassResult(NamedTuple):
    """What one pass left: predictions by slide on the training scale, and the files opened meanwhile."""

    predictions: dict[str, np.ndarray]
    opened: list[str]


class AuditResult(NamedTuple):
    """`verdict` is "clean", "leak" or "not repeatable"; `evidence` are sentences."""

    verdict: str
    evidence: list[str]


def audit(
    case: AuditCase, scrambled_root: Path, say: Callable[[str], None] = lambda line: None
) -> AuditResult:
    """Run the three passes and compare; MethodError where the method fails in one of them."""
    say("pass 1 of 3: the data as they are")
    first = _in_fresh_process(case)
    say("pass 2 of 3: the same again, as the control")
    second = _in_fresh_process(case)
    say("pass 3 of 3: the test slide's expression replaced by noise")
    third = _in_fresh_process(replace(case, root=scrambled_root))
    opened = sorted({*first.opened, *second.opened, *third.opened})
    return judge(first, second, third, opened)


def judge(first: PassResult, second: PassResult, third: PassResult, opened: list[str]) -> AuditResult:
    """The verdict on three passes."""
    evidence = [f"the method opened {path}" for path in opened]
    changed = [
        name for name in first.predictions if not _same(first.predictions[name], third.predictions[name])
    ]
    drifting = [
        name for name in first.predictions if not _same(first.predictions[name], second.predictions[name])
    ]
    if drifting:
        evidence.append(
            f"two identical passes predict {', '.join(drifting)} differently; seed every random draw"
        )
        return AuditResult("leak" if opened else "not repeatable", evidence)
    if changed:
        evidence.append(
            f"predictions for {', '.join(changed)} change when its own expression is replaced by noise"
        )
    if changed or opened:
        return AuditResult("leak", evidence)
    names = ", ".join(first.predictions)
    evidence.append(
        f"predictions for {names} are identical bit for bit when its own expression is replaced by noise"
    )
    evidence.append(
        "no file was opened outside the cache (files opened inside C libraries may escape the hook)"
    )
    return AuditResult("clean", evidence)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


def _in_fresh_process(case: AuditCase) -> PassResult:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_one_pass, args=(case, there))
    process.start()
    there.close()
    try:
        message = here.recv()
    except EOFError:
        message = MethodError(f"{case.method} ended the audit's process.")
    finally:  # Ctrl-C included: nobody works on
        process.join(timeout=1)
        process.terminate()
        process.join()
    if isinstance(message, BaseException):
        raise message
    return message


def _one_pass(case: AuditCase, connection: Connection) -> None:
    """Earlier fold, then audited fold, in this process."""
    os.environ["STBENCH_DATA"] = str(case.root)  # who reads the data root itself reads this pass's copy
    sys.dont_write_bytecode = True  # so that whatever is written is the method's doing
    try:
        loading, watch = FileWatch(), FileWatch()
        with loading:
            method_class = case.method_class(case.method)
        sources = [
            s for s in case.dataset_class(case.design.dataset)().slides(case.root) if s.id in case.groups
        ]
        materials = Materials(case.design, sources, case.groups)
        materials.prepare([case.card])
        _fit_and_predict(case, method_class, materials, case.earlier, watch)
        predictions = _fit_and_predict(case, method_class, materials, case.audited, watch)
        opened = watch.reported() + loading.below([case.root, *case.originals])
        connection.send(PassResult(predictions, opened))
    except StbenchError as error:
        connection.send(error)
    except Exception as error:
        connection.send(
            MethodError(f"{case.method} failed during the audit: {type(error).__name__}: {error}")
        )


def _fit_and_predict(
    case: AuditCase, method_class: type[Method], materials: Materials, fold: Fold, watch: FileWatch
) -> dict[str, np.ndarray]:
    prepared = materials.fold(fold)
    inputs = fit_inputs(prepared, case.card, fold.train)
    queries = {name: prepared.query_slide(name, f"query-{i}", case.card) for i, name in enumerate(fold.test)}
    with watch:
        method = build(method_class, {}, case.design.epochs)
        method.fit(inputs.train, context=FitContext(device=case.design.device))
        predicted = {name: method.predict(query) for name, query in queries.items()}
    n_genes = len(prepared.panel.genes)
    return {name: check_prediction(predicted[name], queries[name].n_spots, n_genes) for name in predicted}

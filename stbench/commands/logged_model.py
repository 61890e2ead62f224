"""A model that was just written, told to MLflow: the file itself, what it was made of, and how its training went."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stbench.commands.training_curves import thinned
from stbench.evaluation import provenance
from stbench.files import hash_file
from stbench.models.model_card import ModelCard
from stbench.record import TRAINING_LOSS
from stbench.reporting.mlflow.inputs import named_slides
from stbench.reporting.mlflow.kept_model import KeptModelEntry
from stbench.reporting.mlflow.tracking import MlflowTracker

if TYPE_CHECKING:
    from stbench.commands.fit import Fitted
    from stbench.commands.prepared_run import PreparedRun
    from stbench.evaluation.trials.trial import TrialFacts


def log_model(prepared: PreparedRun, fitted: Fitted, facts: TrialFacts) -> str | None:
    """Log a model file; None, or one sentence on what went wrong, which is no fault of the model."""
    return MlflowTracker(prepared.store.out).log_model(_entry(prepared, fitted, facts))


def _entry(prepared: PreparedRun, fitted: Fitted, facts: TrialFacts) -> KeptModelEntry:
    card, design, ended = fitted.card, prepared.design, int(1000 * time.time())
    losses = facts.losses
    return KeptModelEntry(
        file=fitted.path,
        sha256=hash_file(fitted.path),
        name=" ".join(filter(None, (card.method, card.variant))),
        dataset=card.data.dataset,
        slides=named_slides(card.data.dataset, prepared.plan.table.data, card.data.slides, "training"),
        params=_params(card),
        settings=card.settings,
        metrics={
            "fit_seconds": fitted.seconds,
            "peak_memory_mb": facts.fit.peak_memory_mb,
            "peak_gpu_memory_mb": facts.fit.peak_gpu_memory_mb,
            "parameters_trainable": facts.parameters_trainable,
            "parameters_total": facts.parameters_total,
            "epochs": facts.epochs,
            "steps": facts.steps,
            "file_bytes": fitted.path.stat().st_size,
        },
        provenance=provenance.collect(design.device, design.threads, 1),
        note=_note(card),
        started=ended - round(1000 * fitted.seconds),
        ended=ended,
        curves={TRAINING_LOSS: thinned(range(1, len(losses) + 1), losses)} if losses else {},
    )


def _note(card: ModelCard) -> str:
    """What whoever takes the file from there must know."""
    kept = ("The file holds measured expression of its training spots.",) if card.holds_expression else ()
    return "\n\n".join((*card.notes, *kept, f"Terms of {card.data.dataset}: {card.data.terms}"))


def _params(card: ModelCard) -> dict[str, object]:
    return {
        "method": card.method,
        "variant": card.variant,
        "chosen": card.chosen,
        "seed": card.seed,
        "n_genes": len(card.genes),
        "target": card.target,
        "encoder": card.encoder.get("encoder"),
        "n_slides": len(card.data.slides),
        "holds_expression": card.holds_expression,
        "source": card.source,
    }

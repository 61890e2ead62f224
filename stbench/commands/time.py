"""What methods cost on a dataset: each is timed in a process of its own, one after the other.

All slides named but the last train, and the last is predicted. A method that needs more training slides than
that is given further ones of the dataset, and its row says so. Rows of other machines, threads or slides do not
compare, but for the ratio of an epoch's seconds to its arithmetic floor: the floating-point operations counted in
it, divided by the rate at which this machine multiplies matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stbench import registry
from stbench.commands.choosing import (
    DEFAULT_PRESET,
    check_settings,
    choose_contestants,
    choose_device,
    dataset_name,
    find_slides,
)
from stbench.commands.printed_words import print_words
from stbench.commands.stopwatch import Trial, measure
from stbench.contract import SlideSource
from stbench.errors import UsageError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.design import Design
from stbench.evaluation.devices import give_back_memory
from stbench.evaluation.materials import EncodingProgress, Materials
from stbench.evaluation.threads import cores, limit_threads
from stbench.preprocess.marker_genes import written_out

_MEASURED = (
    "seconds_per_epoch", "seconds_per_fit", "seconds_per_1000_spots", "peak_memory_mb", "parameters",
    "trainable_parameters", "flops_forward", "flops_epoch", "n_spots", "n_train_spots", "n_genes", "failed",
)  # fmt: skip


def time_methods(
    methods: Sequence[str],
    dataset: str,
    data_root: Path | str | None = None,
    slides: Sequence[str] | None = None,
    design: Mapping[str, Any] | None = None,
    variant: str = DEFAULT_PRESET,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    threads: int | None = None,
    epochs_timed: int = 2,
    on_encoding: EncodingProgress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Time methods on a dataset: {"rows": [...], "matrix_gflops"}, as `stbench time --json` prints it.

    design  genes, n_genes, encoder and device of `stbench run`

    A method that fails leaves a row with its reason under "failed" and in its note. Raises UsageError for unusable
    input, which is found before anything is timed.
    """
    chosen = _contestants(methods, variant, settings or {})
    given = {"device": "auto", **(design or {})}
    device = choose_device(given["device"])
    name = dataset_name(dataset)
    genes = written_out(given.get("genes", "train-hvg"), registry.dataset_card(name).marker_genes, name)
    fixed = Design(name, inner="none", **{**given, "genes": genes, "device": device})
    known, names = _slides(dataset, data_root, slides)
    trials = [
        _trial(contestant, fixed, known, names, threads or cores(), epochs_timed) for contestant in chosen
    ]
    read = _prepared(trials, on_encoding)
    found = []
    for i, trial in enumerate(trials, 1):
        say(f"[{i}/{len(trials)}] {trial.contestant.name}: {_on_which(trial, names)}")
        found.append(measure(trial, print_words, read[trial.train]))
    rate = max((costs["matrix_gflops"] for costs in found if "matrix_gflops" in costs), default=None)
    rows = [_row(trial, costs, rate, names) for trial, costs in zip(trials, found, strict=True)]
    return {"rows": rows, "matrix_gflops": rate}


def _contestants(
    methods: Sequence[str], variant: str, settings: Mapping[str, Mapping[str, Any]]
) -> list[Contestant]:
    """The methods asked for and no others; UsageError for settings that one does not take."""
    asked = {registry.find("method", method).name for method in methods}
    contestants = [c for c in choose_contestants(methods, variant, settings, tuned=False) if c.name in asked]
    for contestant in contestants:
        check_settings(contestant, [contestant.settings])
    return contestants


def _try(work: Callable[[], object]) -> None:
    """Do it now for the sake of its UsageError; whatever else goes wrong becomes the row of who meets it."""
    try:
        work()
    except UsageError:
        raise
    except Exception:
        return


def _slides(
    dataset: str, data_root: Path | str | None, slides: Sequence[str] | None
) -> tuple[dict[str, SlideSource], list[str]]:
    """All complete slides of the dataset by name, and the names of those asked for in the order given."""
    known = {source.id: source for source in find_slides(dataset, data_root)[0]}
    if slides is not None:
        find_slides(dataset, data_root, slides)  # refuses a name that it does not know
    names = list(dict.fromkeys(known if slides is None else slides))
    if len(names) < 2:
        raise UsageError(
            f"Timing needs at least two slides, of which the last is predicted; found {len(names)} "
            f"({', '.join(names) or 'none'})."
        )
    return known, names


def _trial(
    contestant: Contestant,
    design: Design,
    known: Mapping[str, SlideSource],
    names: Sequence[str],
    threads: int,
    epochs_timed: int,
) -> Trial:
    """The trial of a method: on the slides named, and as many further ones as it needs to train."""
    *train, query = names
    lacking = max(contestant.card.needs.min_train_slides - len(train), 0)
    train += [name for name in known if name not in names][:lacking]
    sources = tuple(known[name] for name in (*train, query))
    return Trial(contestant, design, sources, tuple(train), query, threads, epochs_timed)


def _prepared(
    trials: Sequence[Trial], on_encoding: EncodingProgress | None
) -> dict[tuple[str, ...], Materials]:
    """The slides by the names of those that train, read once for all methods; bad input shows before any timing.

    Panels are chosen, and the image caches filled.
    """
    limit_threads(trials[0].threads)
    found = {}
    for trial in {trial.train: trial for trial in trials}.values():
        materials = found[trial.train] = trial.materials()
        materials.on_encoding = on_encoding
        _try(lambda materials=materials, fold=trial.fold: materials.fold(fold).panel)
        materials.prepare([other.contestant.card for other in trials if other.train == trial.train])
    give_back_memory(trials[0].design.device)
    return found


def _on_which(trial: Trial, names: Sequence[str]) -> str:
    """A sentence that says which slides train, and why if they are more than was asked for."""
    sentence = f"trained on {', '.join(trial.train)}, predicted {trial.query}"
    added = [name for name in trial.train if name not in names]
    if added:
        needed = trial.contestant.card.needs.min_train_slides
        sentence += f"; {', '.join(added)} added, since it needs {needed} training slides"
    return sentence


def _row(trial: Trial, costs: Mapping[str, Any], rate: float | None, names: Sequence[str]) -> dict[str, Any]:
    """One method's row; a value that does not exist is None."""
    measured = {name: costs.get(name) for name in _MEASURED}
    floor = measured["flops_epoch"] / (rate * 1e9) if measured["flops_epoch"] and rate else None
    failed = measured["failed"]
    return {
        "method": trial.contestant.name,
        "variant": trial.contestant.variant,
        **measured,
        "arithmetic_floor_seconds": floor,
        "ratio": measured["seconds_per_epoch"] / floor if floor else None,
        "device": trial.design.device,
        "threads": trial.threads,
        "note": _on_which(trial, names) + (f"; failed: {failed}" if failed else ""),
    }

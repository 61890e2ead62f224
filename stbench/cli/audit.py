"""`stbench audit`: proof that nothing leaks."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from stbench.cli.options import (
    DEFAULT_OUT,
    Bin,
    DataRoot,
    Dataset,
    DropOutside,
    Json,
    MicronsPerPixel,
    Out,
    method_settings,
    names,
    print_json,
)
from stbench.errors import UsageError


def audit(
    method: Annotated[str, typer.Option("--method", help="Method name.")],
    dataset: Dataset,
    data_root: DataRoot = None,
    slides: Annotated[str | None, typer.Option(help="Only these slides, comma-separated.")] = None,
    split: Annotated[str, typer.Option(help="Outer split: slide, patient or slide-matched.")] = "slide",
    genes: Annotated[str, typer.Option(help="Gene panel, as in `stbench run`.")] = "train-hvg",
    epochs: Annotated[int, typer.Option(help="Upper bound on epochs of the audited fits.")] = 2,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="METHOD.KEY=VALUE, one hyperparameter; repeatable.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where the fits run: cpu, cuda, cuda:N, mps or auto.")] = "cpu",
    bin_um: Bin = None,
    drop_outside: DropOutside = False,
    um_per_px: MicronsPerPixel = None,
    out: Out = DEFAULT_OUT,
    json: Json = False,
) -> None:
    """Prove that a test slide's expression does not reach its own predictions; exit status 1 on a leak."""
    from stbench.cli.consoles import messages, output, results_kept_apart
    from stbench.commands import audit as auditing
    from stbench.commands.known_names import dataset_words

    wanted = names(slides) if slides is not None else None
    if wanted is not None and len(wanted) < 3:
        raise UsageError("The audit needs at least three slides: two to train on in the audited fold.")
    with results_kept_apart():
        result = auditing.audit_method(
            method,
            dataset,
            data_root,
            wanted,
            split,
            genes,
            epochs,
            dict(method_settings(set_ or [], [method]).get(method, {})),
            out,
            messages().print,
            device,
            auditing.ReadingOptions(bin_um, drop_outside, um_per_px),
        )
    if json:
        print_json(result)
    else:
        output().print(f"{result['method']} on {dataset_words(result['dataset'])}: {result['verdict']}")
        for line in result["evidence"]:
            output().print(f"- {line}", markup=False)
        for line in result["notes"]:
            output().print(f"note: {line}", markup=False)
    if result["verdict"] != "clean":
        sys.exit(1)

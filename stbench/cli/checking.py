"""What can be trusted: contract checks, the leakage audit, and what this machine has."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from stbench.cli.options import DataRoot, Dataset, Json, names, print_json
from stbench.errors import UsageError


def check(method: Annotated[str, typer.Argument(help="Method name.")], json: Json = False) -> None:
    """What every plugin must obey, a line per claim; exit status 1 where one does not hold."""
    from rich.markup import escape

    from stbench import checks
    from stbench.cli.consoles import each_kept_apart, output

    verdicts = []
    for verdict in each_kept_apart(checks.check_method(method)):
        verdicts.append(verdict)
        if not json:
            mark = "[green]PASS[/green]" if verdict.problem is None else "[red]FAIL[/red]"
            output().print(
                f"{mark} {escape(verdict.claim)}"
                + (f": {escape(verdict.problem)}" if verdict.problem else "")
            )
    if json:
        print_json({"method": method, "claims": [verdict._asdict() for verdict in verdicts]})
    if any(verdict.problem for verdict in verdicts):
        sys.exit(1)


def audit(
    method: Annotated[str, typer.Option("--method", help="Method name.")],
    dataset: Dataset,
    data_root: DataRoot = None,
    slides: Annotated[str | None, typer.Option(help="Only these slides, comma-separated.")] = None,
    split: Annotated[str, typer.Option(help="Outer split: slide, patient or slide-matched.")] = "slide",
    genes: Annotated[str, typer.Option(help="Gene panel, as in `stbench run`.")] = "train-hvg",
    epochs: Annotated[int, typer.Option(help="Upper bound on epochs of the audited fits.")] = 2,
    json: Json = False,
) -> None:
    """Prove that a test slide's expression does not reach its own predictions; exit status 1 on a leak."""
    from stbench import auditing
    from stbench.cli.consoles import messages, output, results_kept_apart

    wanted = names(slides) if slides is not None else None
    if wanted is not None and len(wanted) < 3:
        raise UsageError("The audit needs at least three slides: two to train on in the audited fold.")
    with results_kept_apart():
        result = auditing.audit_method(
            method, dataset, data_root, wanted, split, genes, epochs, messages().print
        )
    if json:
        print_json(result)
    else:
        output().print(f"{result['method']} on {result['dataset']}: {result['verdict']}")
        for line in result["evidence"]:
            output().print(f"- {line}", markup=False)
    if result["verdict"] != "clean":
        sys.exit(1)


def doctor(data_root: DataRoot = None, json: Json = False) -> None:
    """What this machine has: PASS, WARN or FAIL, with a line that says how to fix it."""
    from rich.markup import escape

    from stbench.cli.consoles import output
    from stbench.doctor import examine

    findings = examine(data_root)
    if json:
        print_json({"findings": [finding._asdict() for finding in findings]})
    else:
        colours = {"PASS": "green", "WARN": "yellow", "FAIL": "red"}
        for finding in findings:
            colour = colours[finding.status]
            fix = f"\n     fix: {escape(finding.fix)}" if finding.fix else ""
            output().print(
                f"[{colour}]{finding.status}[/{colour}] {escape(finding.subject)}: {escape(finding.found)}{fix}"
            )
    if any(finding.status == "FAIL" for finding in findings):
        sys.exit(1)

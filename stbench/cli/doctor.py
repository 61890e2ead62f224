"""`stbench doctor`: what this machine has."""

from __future__ import annotations

import sys

from stbench.cli.options import DataRoot, Json, print_json


def doctor(data_root: DataRoot = None, json: Json = False) -> None:
    """What this machine has: PASS, WARN or FAIL, with a line that says how to fix it."""
    from rich.markup import escape

    from stbench.cli.consoles import output
    from stbench.commands.doctor import examine

    findings = examine(data_root)
    if json:
        print_json({"findings": [finding._asdict() for finding in findings]})
    else:
        colours = {"PASS": "green", "WARN": "yellow", "FAIL": "red"}
        for finding in findings:
            colour = colours[finding.status]
            output().print(
                f"[{colour}]{finding.status}[/{colour}] {escape(finding.subject)}: {escape(finding.found)}",
                markup=True,
            )
            if finding.fix:
                output().print(f"     fix: {finding.fix}", soft_wrap=True)
    if any(finding.status == "FAIL" for finding in findings):
        sys.exit(1)

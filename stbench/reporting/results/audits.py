"""Verdicts of the leakage audit beside the Records, by the plugin's source: out/audits/<method>-<source>.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, StrictStr, ValidationError

from stbench.files import read_json_or_none, write_json
from stbench.names import file_name

_FOLDER = "audits"
Verdict = Literal["clean", "leak", "not repeatable"]
VERDICTS = get_args(Verdict)


class Audit(BaseModel):
    """What an audit said of a plugin as its source was then; `sealed` is how far its processes were shut in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: StrictStr
    source: StrictStr
    dataset: StrictStr
    verdict: Verdict
    sealed: StrictStr


def keep_audit(out: Path, audit: Audit) -> None:
    """Write a verdict below a results folder; an earlier one of the same source is replaced."""
    name = f"{file_name(audit.method)}-{file_name(audit.source)}.json"
    write_json(out / _FOLDER / name, audit.model_dump())


def audits_below(folders: Iterable[Path]) -> Mapping[tuple[str, str], Audit]:
    """The verdicts below results folders by method and source; what is no verdict is passed over."""
    found = {}
    for folder in folders:
        for path in sorted((folder / _FOLDER).glob("[!.]*.json")):
            try:
                audit = Audit.model_validate(read_json_or_none(path))
            except ValidationError:
                continue
            found[audit.method, audit.source] = audit
    return found

"""Plans on disk: what is to be done below a results folder, for whoever comes to do it or asks how far it is.

out/plans/<name>.json     what was asked, what it was made from, and the keys of all trials with their expected seconds
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, StrictStr, ValidationError

from stbench.errors import StorageError
from stbench.files import write_text
from stbench.plain_record import first_fault

FORMAT = 1


class PlannedRow(BaseModel):
    """One row's work: key -> seconds that its trial is expected to take, and what that rests on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: StrictStr
    variant: StrictStr
    basis: StrictStr
    trials: Mapping[str, float]
    refits: Mapping[str, float]

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.method, self.variant)))


class StoredPlan(BaseModel):
    """A plan as it is stored.

    asked      the options that it answers, as plain values
    made_from  what its keys depend on, by name, so that whoever finds other keys can say why
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    name: StrictStr
    dataset: StrictStr
    asked: Mapping[str, Any]
    made_from: Mapping[str, Any]
    rows: tuple[PlannedRow, ...]

    @property
    def keys(self) -> set[str]:
        """Of all its trials and refits."""
        return {key for row in self.rows for work in (row.trials, row.refits) for key in work}


class PlanFiles:
    """The plans below one results folder."""

    def __init__(self, out: Path):
        self.folder = Path(out) / "plans"

    def save(self, plan: StoredPlan) -> Path:
        """Write a plan in one step, over an earlier one of the same question; StorageError where that cannot be."""
        write_text(self._file(plan.name), plan.model_dump_json() + "\n")
        return self._file(plan.name)

    def load_all(self) -> list[StoredPlan]:
        """All plans by name; StorageError, one sentence, for one that cannot be read."""
        names = sorted(path.stem for path in self.folder.glob("[!.]*.json"))
        return [self._load(self._file(name)) for name in names]

    def _load(self, path: Path) -> StoredPlan:
        try:
            plan = StoredPlan.model_validate_json(path.read_bytes())
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror or error}.") from error
        except ValidationError as error:
            raise StorageError(
                f"{path} is no plan that this version reads ({first_fault(error)}); make it anew with `stbench plan`."
            ) from error
        if plan.name != path.stem:
            raise StorageError(f"{path} holds the plan {plan.name}, not the one that it is named after.")
        return plan

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

"""What an inner trial leaves: the scores of each judged slide at each checkpoint, and what it cost.

Kept for as long as somebody may ask again: all three correlations, so that tuning on another one costs refits only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from stbench.errors import StbenchError
from stbench.plain_record import first_fault

# score -> its value at each checkpoint, None where it is undefined
Curve = Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True, eq=False)
class Curves:
    """One inner trial's result.

    key          of the trial
    about        method, settings, slides: for people; nothing is decided by it
    checkpoints  epochs, or (0,) for a method without epochs; () where no slide could be judged
    points       for each setting of the trial, the slides that could be judged -> their curves
    cost         seconds, memory, epochs, steps
    failure      why there are no curves, None where there are;  trace  where it went wrong
    """

    key: str
    about: Mapping[str, Any]
    checkpoints: tuple[int, ...] = ()
    points: tuple[Mapping[str, Curve], ...] = ()
    cost: Mapping[str, float | None] = field(default_factory=dict)
    failure: str | None = None
    trace: str = ""
    sealed: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return self.failure is None

    @property
    def seconds(self) -> float:
        """How long the trial took."""
        return float(self.cost.get("seconds") or 0.0)

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return dict(vars(self))

    @classmethod
    def from_plain(cls, plain: Any) -> Curves:
        """What `to_plain` gave, or what JSON made of it; StbenchError where it is no such thing."""
        try:
            return cls(**dict(_PlainCurves.model_validate(plain)))
        except ValidationError as error:
            raise StbenchError(f"This is no inner trial: {first_fault(error)}.") from error


_Values = tuple[Annotated[float, Field(allow_inf_nan=False)] | None, ...]


class _PlainCurves(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: StrictStr
    about: dict[StrictStr, Any]
    checkpoints: tuple[StrictInt, ...]
    points: tuple[dict[StrictStr, dict[StrictStr, _Values]], ...]
    cost: dict[StrictStr, float | None]
    failure: StrictStr | None
    trace: StrictStr
    sealed: StrictStr
    provenance: dict[StrictStr, Any]

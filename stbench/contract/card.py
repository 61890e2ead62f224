"""What every card.yaml has; a mistyped key is an error."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Card(BaseModel):
    """The head of a card."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    summary: str = Field(description="one sentence: the idea, or what the data are")

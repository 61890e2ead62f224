"""What released predictors may have seen of the slides that they are tested on, as tables say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stbench.names import shown_name
from stbench.record import Record
from stbench.reporting.statistics import over_patients

if TYPE_CHECKING:
    from stbench.reporting.tables.row import Row

TITLE = "may have seen these slides"
HOW_DECIDED = (
    f"{TITLE[0].upper()}{TITLE[1:]}: yes where counts or image of a test slide are those of a training slide, by their "
    "content, or where a card declares it by name; unknown where nobody says. A row that saw a slide it is tested on, "
    "or under the patient split its patient, has no rank and no test."
)
_WORDS = {"yes": "yes", "patient": "other slides of its patient", "unknown": "unknown"}


def seen_of(records: Sequence[Record]) -> dict[str, str]:
    """Test slide -> yes, patient, unknown or no; {} for rows that were fitted here."""
    return {slide: word for record in records for slide, word in record.released.get("seen", {}).items()}


def saw_a_test(seen: Mapping[str, str], split: str) -> tuple[str, ...]:
    """The test slides that count as seen; of a patient that is seen only where the split keeps patients apart."""
    counted = {"yes", "patient"} if split == "patient" else {"yes"}
    return tuple(sorted(slide for slide, word in seen.items() if word in counted))


def in_words(row: Row) -> str:
    """'no', 'unknown', 'yes: A1, A2'; "" for rows that were fitted here."""
    parts = []
    for word, words in _WORDS.items():
        slides = [shown_name(slide) for slide, own in sorted(row.seen.items()) if own == word]
        whole = len(slides) == len(row.seen) and word != "yes"
        parts += [words if whole else f"{words}: {', '.join(slides)}"] if slides else []
    return "; ".join(parts) or ("no" if row.seen else "unknown" if row.kind == "released" else "")


def note_on_seen(
    slides: Sequence[str],
    pcc: Mapping[str, float | None],
    patients: Mapping[str, str | None],
) -> list[str]:
    """That a row saw slides that it is tested on, and its PCC on those that it did not see."""
    if not slides:
        return []
    others = {slide: value for slide, value in pcc.items() if slide not in slides}
    mean = over_patients(others, patients) if others else None
    rest = f"; PCC {mean:.3f} on the {len(others)} others" if mean is not None else ""
    return [f"SAW TEST SLIDES in training: {', '.join(slides)}: no test, no rank{rest}"]

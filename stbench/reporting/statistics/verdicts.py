"""What may be said of a difference, and in which order it is asked."""

from __future__ import annotations

SIGNIFICANT = 0.05
MARGIN = 0.01
LEAST_PATIENTS_FOR_EQUIVALENCE = 4

Interval = tuple[float, float]


def verdict(n: int, p_adjusted: float | None, interval: Interval | None, narrow: Interval | None) -> str:
    """'better', 'worse', 'equivalent' or 'cannot be told with n=...', with 'below the margin' where it applies.

    n           units
    p_adjusted  p after its family's adjustment, None where there is no test
    interval    95 % interval of the difference, method minus reference
    narrow      90 % interval: within the margin of 0.01 the two are equivalent
    """
    if interval is not None and p_adjusted is not None and p_adjusted < SIGNIFICANT:
        side = "better" if interval[0] > 0 else "worse" if interval[1] < 0 else ""
        if side:
            return f"{side}, below the margin" if _within_margin(interval) else side
    if narrow is not None and n >= LEAST_PATIENTS_FOR_EQUIVALENCE and _within_margin(narrow):
        return "equivalent"
    return f"cannot be told with n={n}"


def smallest_margin(narrow: Interval | None) -> float | None:
    """The smallest margin within which the data would support equivalence, None without an interval."""
    return max(map(abs, narrow)) if narrow else None


def _within_margin(interval: Interval) -> bool:
    return interval[0] >= -MARGIN and interval[1] <= MARGIN

"""What the leaderboards for people show: columns, heading and the sentences needed to read them.

Markdown shows every column, the terminal those that fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from stbench.names import SYNTHETIC, cleaned, counted, shown_name
from stbench.record import PROTOCOL_VERSION, TableIdentity
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.seen import HOW_DECIDED, TITLE, in_words

MISSING = "–"
HOW_TO_READ = (
    "PCC given depth can be too low where cell density drives composition; plain PCC contains depth; "
    "neither bounds the other."
)
# What the marks beside a row's name mean.
MARKS = {
    "saw test slides": "it was trained on slides that it is tested on: no test, no rank.",
    "may have seen test slides": "nobody here can tell whether it was trained on slides that it is tested on.",
    "leaky": "the gene panel was chosen with the test slides' own expression.",
    "few steps": "less than half of the optimiser steps of its publication.",
    "steps unknown": "it was made before optimiser steps were recorded; its budget is in epochs.",
    "plugin changed": "the method's source is another today than when the row was made.",
    "not sealed": "its process could have opened the test slides' files.",
    "leak": "the audit found that test slides' own expression reaches their predictions.",
    "not repeatable": "the audit found that two identical fits predict differently.",
    "truth not checked here": "what it was scored against is its sender's word; stbench verify --data-root checks it.",
}
# What is longer than these is cut; the whole of it stands in the JSON.
LONGEST_REASON = 200
LONGEST_NOTE = 2_000
# Of more slides than these the range of T0 is shown; each slide's stands in the JSON.
_MOST_LISTED = 8


@dataclass(frozen=True)
class Column:
    """A column of numbers or words; where space is short, those with the lowest `importance` number stay."""

    title: str
    importance: int
    cell: Callable[[Row], str]
    is_number: bool = True


def _number(name: str, digits: int = 3) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        value = getattr(row, name)
        return MISSING if value is None else f"{value:,.{digits}f}"

    return cell


def _words(name: str) -> Callable[[Row], str]:
    return lambda row: cleaned(getattr(row, name) or MISSING, LONGEST_REASON)


def label(row: Row) -> str:
    """The row's name as tables show it."""
    return shown_name(row.label)


def note(row: Row) -> str:
    """What must be known of the row, as tables show it; "" where there is nothing."""
    return cleaned(row.note, LONGEST_NOTE)


def _interval(row: Row) -> str:
    """The interval; below three patients their range, named as such."""
    if row.pcc_ci:
        return f"{row.pcc_ci[0]:.3f} to {row.pcc_ci[1]:.3f}"
    words = _patient_range(row)
    return MISSING if words == MISSING else f"range {words}"


def _patient_range(row: Row) -> str:
    """Lowest and highest patient, of which two are too few for an interval."""
    if row.pcc_range and row.n_patients and row.n_patients > 1:
        return f"{row.pcc_range[0]:.3f} to {row.pcc_range[1]:.3f}"
    return MISSING


def _encoder(row: Row) -> str:
    return cleaned((row.encoder or MISSING).partition("@")[0], LONGEST_REASON)


def _steps(row: Row) -> str:
    """Optimiser steps taken, and those of the publication where its card states them."""
    if row.steps is None:
        return MISSING
    return f"{row.steps:,}" + (f" of {row.published_steps:,}" if row.published_steps else "")


def _seeds(row: Row) -> str:
    """How many seeds, and the standard deviations over them of the three correlations."""
    if not row.seeds:
        return MISSING
    spreads = (row.pcc_seed_sd, row.pcc_given_depth_seed_sd, row.pcc_equal_depth_seed_sd)
    known = ", ".join(f"{spread:.3f}" for spread in spreads if spread is not None)
    return f"{len(row.seeds)}{f' (sd {known})' if known else ''}"


_INTERVAL, _RANGE = Column("95% CI", 5, _interval), Column("patient range", 5, _patient_range)
COLUMNS = (
    Column("method", 0, label, is_number=False),
    Column("kind", 0, lambda row: row.kind, is_number=False),
    Column("PCC", 0, _number("pcc")),
    _INTERVAL,
    Column("slide mean", 24, _number("pcc_slide_mean")),
    Column("PCC common genes", 26, _number("pcc_common_genes")),
    Column("null", 6, _number("pcc_null")),
    Column("PCC given depth", 2, _number("pcc_given_depth")),
    Column("equal-depth PCC", 3, _number("pcc_equal_depth")),
    Column("over depth-smooth", 15, _number("surplus_over_depth_smooth")),
    Column("skill", 4, _number("skill")),
    Column("equal-depth skill", 11, _number("skill_equal_depth")),
    Column("RMSE", 8, _number("rmse")),
    Column("RMSE centred", 14, _number("rmse_centred")),
    Column("RMSE log", 25, _number("rmse_log")),
    Column("deviance explained", 12, _number("deviance_explained")),
    Column("ARI", 10, _number("ari")),
    Column("variance ratio", 16, _number("variance_ratio")),
    Column("structure", 17, _number("structure")),
    Column("slides", 7, _number("n_slides", 0)),
    Column("patients", 9, _number("n_patients", 0)),
    Column("failed", 14, _number("n_failed", 0)),
    Column("constant", 21, _number("n_constant", 0)),
    Column("seeds", 18, _seeds),
    Column("steps", 13, _steps),
    Column("fit s", 12, _number("fit_seconds", 1)),
    Column("s/1000 spots", 19, _number("predict_seconds_per_1000_spots", 2)),
    Column("parameters", 20, _number("parameters", 0)),
    Column("encoder", 27, _encoder, is_number=False),
    Column("pretrained", 22, _words("pretrained"), is_number=False),
    Column("budget", 23, _words("budget"), is_number=False),
)


SEEN = Column(TITLE, 1, lambda row: in_words(row) or MISSING, is_number=False)


def columns_of(table: Table) -> tuple[Column, ...]:
    """The columns of a table.

    Where it has released predictors, also what they may have seen; where no row has an interval, since two patients are
    too few for any, the range of the patients named as such.
    """
    has_interval = any(row.pcc_ci for row in table.rows)
    has_range = any(_patient_range(row) != MISSING for row in table.rows)
    columns = tuple(_RANGE if c is _INTERVAL and has_range and not has_interval else c for c in COLUMNS)
    if not any(row.kind == "released" for row in table.rows):
        return columns
    return (*columns[:2], SEEN, *columns[2:])


def ranks(rows: Iterable[Row]) -> Iterator[str]:
    """Place of each of these rows: numbers for the complete methods and floors, nothing for the others."""
    place = 0
    for row in rows:
        place += row.ranked
        yield str(place) if row.ranked else ""


def heading(table: Table) -> str:
    """What all rows of the table have in common, in one line."""
    identity = table.identity
    n_patients = "patients not stated" if table.n_patients is None else counted(table.n_patients, "patient")
    parts = [
        f"split {identity.split}",
        inner_words(identity),
        f"genes {identity.genes}{panel_size(table)}",
        f"scale {identity.scale}",
        f"target {identity.target}",
        f"encoder {identity.encoder}" if identity.encoder else "several encoders" * bool(identity.patch),
        f"patch {identity.patch}" if identity.patch else "",
        f"min counts {identity.min_counts} ({table.n_scored:,} of {table.n_spots:,} spots scored)",
        f"{counted(len(identity.slides), 'slide')}, {n_patients}",
        f"suite {table.suite}" if table.suite else "",
        older_protocol(identity),
        f"table {table.id}",
    ]
    parts = [part for part in parts if part]
    return cleaned(f"{dataset_words(table)}: {', '.join(parts)}")


def dataset_words(table: Table) -> str:
    """The data set's name, and that its tissue is generated."""
    return shown_name(table.identity.dataset) + (f" ({SYNTHETIC})" if table.synthetic else "")


def older_protocol(identity: TableIdentity) -> str:
    """That the scores follow older definitions; "" for those of today."""
    if identity.protocol == PROTOCOL_VERSION:
        return ""
    return f"protocol {identity.protocol} (older definitions of the scores; today's is {PROTOCOL_VERSION})"


def inner_words(identity: TableIdentity) -> str:
    """The inner loop in words: what it was, and whatever of it is not as usual."""
    words = [f"inner {identity.inner}" if identity.inner else "not tuned"]
    if identity.tune_on not in ("pcc", ""):
        words.append(f"tuned on {identity.tune_on}")
    if identity.halving:
        words.append("halving")
    if identity.checkpoints == "every epoch":
        words.append("every epoch judged")
    return ", ".join(words)


def panel_size(table: Table) -> str:
    """How many genes the folds' panels have, in brackets; "" where no fold is finished."""
    if table.n_genes is None:
        return ""
    fewest, most = table.n_genes
    return f" ({fewest})" if fewest == most else f" ({fewest} to {most})"


def sentences(table: Table, mark: Callable[[str], str] = str, plain: Callable[[str], str] = str) -> list[str]:
    """What a reader must know before comparing rows.

    `mark` is how the format writes a row's mark, `plain` how it writes words that mark up nothing.
    """
    shown = {name for row in table.rows for name in row.marks} | ({"leaky"} if table.leaky else set())
    marked = [f"{mark(name)}: {meaning}" for name, meaning in MARKS.items() if name in shown]
    return [*marked, *map(plain, about_rows(table))]


def about_rows(table: Table) -> list[str]:
    """What holds for the table whatever its rows are marked with."""
    panel = f"Gene panel: {cleaned(table.panel_note)}." if table.panel_note else ""
    apart = f"Apart: {table.apart}." if table.apart else ""
    about = [
        panel,
        apart,
        _about_siblings(table),
        HOW_DECIDED if SEEN in columns_of(table) else "",
        HOW_TO_READ,
        _about_t0(table),
        _about_skill(table),
        _about_trust(table),
    ]
    return [*filter(None, about)]


def _about_trust(table: Table) -> str:
    """How the rows were made: shut in or not, audited or not; nothing of tables made before that was recorded."""
    rows = [row for row in table.rows if row.sealed]
    if not rows:
        return ""
    audited = sorted({shown_name(row.method) for row in rows if row.audited == "clean"})
    shut_in = sum(row.sealed != "not sealed" for row in rows)
    known = f"{', '.join(audited)} audited clean" if audited else "none of them audited (stbench audit)"
    return f"{shut_in} of {counted(len(rows), 'row')} made in sealed processes, {known}."


def _about_siblings(table: Table) -> str:
    """That the slide split may train on near-copies of what it tests, where a patient has several slides."""
    if table.identity.split == "patient" or table.n_patients == len(table.identity.slides):
        return ""
    return (
        "Slide split: other sections of a test slide's patient may train; the patient split keeps them out, and the "
        "slide-matched split measures what they are worth."
    )


def _about_t0(table: Table) -> str:
    """To how many counts equal-depth PCC cuts the spots of each slide down."""
    if not table.t0:
        return ""
    counts = sorted(table.t0.values())
    listed = ", ".join(f"{shown_name(slide)} {value:,}" for slide, value in table.t0.items())
    many = len(table.t0) > _MOST_LISTED
    shown = f"{counts[0]:,} to {counts[-1]:,} counts" if many else f"{listed} counts"
    return f"Equal depth (T0): {shown}."


def _about_skill(table: Table) -> str:
    if table.floor is None and table.floor_equal_depth is None:
        return "No skill: it needs the floors depth-smooth and smooth, and a ceiling well above them."
    of_pcc, of_equal_depth = (shown_name(floor or "none") for floor in (table.floor, table.floor_equal_depth))
    floors = f"{of_pcc} for PCC, {of_equal_depth} for equal-depth PCC"
    return f"Skill is 0 at the floor named beforehand ({floors}) and 1 at the estimated ceiling."


def failures(table: Table) -> list[str]:
    """One line for each row and reason, with the slides that failed for it and the reason's first line."""
    lines = []
    for row in table.rows:
        slides: dict[str, list[str]] = {}
        for slide in row.slides:
            if slide.failed is not None:
                slides.setdefault(_first_line(slide.failed), []).append(shown_name(slide.slide))
        lines += [f"{label(row)} failed on {', '.join(names)}: {reason}" for reason, names in slides.items()]
    return lines


def _first_line(reason: str) -> str:
    first = (reason.strip().splitlines() or ["no reason given"])[0]
    return cleaned(first, LONGEST_REASON)

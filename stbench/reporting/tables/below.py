"""What stands below a leaderboard in a terminal: what cannot be told, marks, and what is true of these rows alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stbench.names import cleaned, shown_name
from stbench.reporting.tables.across import Across
from stbench.reporting.tables.brief import brief_rows, folded, unfinished
from stbench.reporting.tables.columns import (
    COLUMNS,
    MARKS,
    MISSING,
    about_rows,
    failures,
    label,
    note,
    sentences,
)
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.meanings import BRIEF_MEANINGS, MEANINGS
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.row_notes import by_holders
from stbench.reporting.tables.side_blocks import SCORE_NAMES, ari_sentence
from stbench.reporting.tables.terminal_grids import BELOW, Names

# More names than these are counted.
_MOST_NAMED = 4
# Of remarks on single rows those that hold for the fewest are shown first, and no more than these.
_MOST_REMARKS = 2
_LONGEST_REMARK = 300


def said_below(table: Table, names: Names) -> list[str]:
    """The few lines below the brief table, whose rows have these names."""
    rows = brief_rows(table)
    marks = {mark for row in rows for mark in row.marks} | ({"leaky"} if table.leaky else set())
    remarks = _remarks(rows, names)
    more = len(remarks) - _MOST_REMARKS
    last = [
        f"{more} more remark{'' if more == 1 else 's'}: --wide." if more > 0 else "",
        f"Published settings: {', '.join(names.published)}." if names.published else "",
        folded(table),
    ]
    lines = [
        unfinished(table),
        *failures(table),
        _verdict(table, names),
        *(_marked(mark, meaning, names) for mark, meaning in MARKS.items() if mark in marks),
        f"Gene panel: {table.panel_note}." if table.panel_note else "",
        f"Apart: {table.apart}." if table.apart else "",
        *remarks[:_MOST_REMARKS],
        " ".join(filter(None, last)),
    ]
    return [line for line in lines if line]


def _marked(mark: str, meaning: str, names: Names) -> str:
    return f"{'All rows ' if mark in names.marks_below else ''}{mark.upper()}: {meaning}"


def said_in_full(table: Table) -> list[str]:
    """Every remark, sentence and verdict: what stands below the whole table."""
    notes = [*_shared(table), *(f"{label(row)}: {note(row)}" for row in table.rows if row.note)]
    return [
        *notes,
        *filter(None, [unfinished(table)]),
        *failures(table),
        *sentences(table, str.upper),
        ari_sentence(table),
        *_verdicts(table),
    ]


def meanings_of(tables: Sequence[Table], wide: bool) -> dict[str, str]:
    """What the columns that are shown mean, and what must be known before two rows are compared."""
    if wide:
        return MEANINGS
    about = dict.fromkeys(sentence for table in tables for sentence in about_rows(table))
    return BRIEF_MEANINGS | {"comparing": " ".join(about)}


def _verdict(table: Table, names: Names) -> str:
    """What the tests by patient tell of the rows, led by what they cannot; each score alone where they differ."""
    said = {score: _told(table, score, names) for score in table.tests}
    if not any(said.values()):
        return "Nothing was tested: the reference row is not finished here, or patients are not stated."
    named = "" if table.reference_named else " The reference was named after the run."
    if len(set(said.values())) == 1:
        return f"{said['pcc']}, by PCC, given depth or at equal depth.{named}"
    return " ".join(f"By {SCORE_NAMES[score]}: {words}." for score, words in said.items() if words) + named


def _told(table: Table, score: str, names: Names) -> str:
    """What a score's tests say of methods, or of floors where there is nothing else."""
    kinds = {row.label: row.kind for row in brief_rows(table)}
    tests = [test for test in table.tests[score] if test.method in kinds]
    tests = [test for test in tests if kinds[test.method] != "floor"] or tests
    verdicts: dict[str, list[str]] = {}
    for test in tests:
        verdicts.setdefault(test.verdict, []).append(names.of[test.method])
    reference = " and ".join(sorted({shown_name(test.reference) for test in tests}))
    unclear = [verdict for verdict in verdicts if verdict.startswith("cannot be told")]
    parts = [_unclear(verdict, verdicts[verdict], reference, len(tests)) for verdict in unclear]
    parts += [
        f"{_listed(rows)} {verdict} {'to' if verdict == 'equivalent' else 'than'} {reference}"
        for verdict, rows in verdicts.items()
        if verdict not in unclear
    ]
    sentence = "; ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]}"


def _unclear(verdict: str, rows: Sequence[str], reference: str, n_tests: int) -> str:
    n = verdict.rpartition("n=")[2]
    patients = f"{n} patient{'' if n == '1' else 's'}"
    if len(rows) == n_tests > 1:
        return f"with {patients} no row can be told from {reference}"
    return f"with {patients} it cannot be told whether {_listed(rows)} and {reference} differ"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} rows"


def _remarks(rows: Sequence[Row], names: Names) -> list[str]:
    """What holds for some rows alone, once for all of them; a ceiling's remark is its meaning and stands there."""
    own = [row for row in rows if row.kind != "ceiling"]
    together = by_holders((names.of[row.label], _of_row(row)) for row in own)
    weights = {row.pretrained for row in own}

    def order(group: tuple[tuple[str, ...], list[str]]) -> tuple[bool, int]:
        """First weights, then what holds for the fewest."""
        return not weights.intersection(group[1]), len(group[0])

    return [
        f"{_which(holding, len(own))}: {cleaned('; '.join(remarks), _LONGEST_REMARK)}."
        for holding, remarks in sorted(together.items(), key=order)
    ]


def _which(names: Sequence[str], n_rows: int) -> str:
    return "All rows" if len(names) == n_rows > 1 else _listed(names)


def _of_row(row: Row) -> list[str]:
    """A row's notes; of a network also its bound and first weights."""
    notes = [*filter(None, note(row).split("; "))]
    return notes if row.kind == "floor" else [*filter(None, (row.budget, row.pretrained)), *notes]


def _shared(table: Table) -> list[str]:
    """Bounds and first weights of the rows, each once with the rows that it holds for; no column is left for them."""
    lines = []
    for column in (column for column in COLUMNS if column.title in BELOW):
        rows: dict[str, list[str]] = {}
        for row in table.rows:
            rows.setdefault(column.cell(row), []).append(label(row))
        lines += [
            f"{column.title}: {cell}: {', '.join(own)}" for cell, own in rows.items() if cell != MISSING
        ]
    return lines


def _verdicts(table: Table) -> list[str]:
    """One sentence a score and verdict, with the methods that it holds for; the numbers stand in the other formats."""
    lines = []
    for score, tests in table.tests.items():
        methods: dict[str, list[str]] = {}
        for test in tests:
            methods.setdefault(f"{shown_name(test.reference)}: {test.verdict}", []).append(
                shown_name(test.method)
            )
        lines += [
            f"{SCORE_NAMES[score]} by patient, against {v}: {', '.join(names)}."
            for v, names in methods.items()
        ]
    if not table.reference_named:
        lines.append("The reference was named after the run.")
    if table.published:
        lines.append(f"{len(table.published)} published numbers stand beside it in the other formats.")
    return lines


def over_all(found: Across) -> Iterable[str]:
    """One sentence a verdict over several data sets, by plain PCC."""
    methods: dict[str, list[str]] = {}
    for test in found.tests["pcc"]:
        methods.setdefault(test.verdict, []).append(shown_name(test.method))
    names = ", ".join(map(shown_name, found.datasets))
    reference = shown_name(found.reference)
    return [f"Over {names}, against {reference}: {v}: {', '.join(own)}." for v, own in methods.items()]

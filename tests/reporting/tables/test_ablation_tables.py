"""An ablation beside its method: like is paired with like; two patients give a range where they give no interval."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reporting.record_factory import TABLE, complete

from stbench.reporting.report.sections.ablations import ablations_section
from stbench.reporting.tables.ablations import ablation_tables

TWO_PATIENTS = replace(TABLE, slides=("B1", "B2", "C1"))
FULL = {"B1": 0.3, "B2": 0.5, "C1": 0.6}
# Less by 0.2 and 0.0 on patient B's slides, by 0.3 on patient C's: by 0.1 and 0.3 by patient.
WITHOUT = {"B1": 0.1, "B2": 0.5, "C1": 0.3}


@pytest.fixture
def records():
    """The full method with two seeds, the second much better; the ablation with the first alone."""
    better = {slide: score + 0.3 for slide, score in FULL.items()}
    settings = {"overrides": (("mask", "none"),), "ablation": "Table 4: w/o Mask", "kind": "ablation"}
    return [
        *complete("spahgc", FULL, variant="paper", table=TWO_PATIENTS),
        *complete("spahgc", better, variant="paper", table=TWO_PATIENTS, seed=1),
        *complete("spahgc", WITHOUT, variant="paper", table=TWO_PATIENTS, **settings),
    ]


def test_only_the_seeds_that_were_ablated_are_compared(records):
    (found,) = ablation_tables(records)
    (line,) = found.lines
    assert found.full.pcc == pytest.approx((0.4 + 0.6) / 2)
    assert line.tests["pcc"].difference == pytest.approx(-(0.1 + 0.3) / 2)


def test_two_patients_give_a_range(records):
    (found,) = ablation_tables(records)
    assert found.lines[0].tests["pcc"].interval is None
    assert found.lines[0].ranges["pcc"] == pytest.approx((-0.3, -0.1))
    (part,) = ablations_section([found])
    titles = [heading.title for heading in part.measured.headings]
    assert part.measured.lines[1].cells[titles.index("patient range")] == "-0.300 to -0.100"

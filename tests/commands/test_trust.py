"""What a trust card says of a gene, against means worked out by hand."""

from __future__ import annotations

import pytest
from scipy import stats

from stbench.commands import trust
from stbench.record import SlideScores


def scored(slide, patient, pcc, column="pcc"):
    genes = tuple("ABC"[: len(pcc)])
    return SlideScores(slide, patient, 50, 50, {"pcc": 0.1}, genes, {column: tuple(pcc)})


OWN = [
    scored("s1", "p", (0.2, 0.1, None)),
    scored("s2", "p", (0.4, 0.1, None)),
    scored("s3", "q", (0.5, -0.1, 0.3)),
    scored("s3", "q", (0.7, -0.1, 0.3)),  # a second seed
    scored("s4", "r", (0.0, -0.3, 0.3)),
]
FLOOR = [scored("s1", "p", (0.1, 0.0)), scored("s3", "q", (0.1, -0.9)), scored("s4", "r", (0.1, -0.9))]


def test_a_gene_s_mean_is_over_seeds_then_slides_then_patients():
    found = trust._genes(OWN, FLOOR, ("A", "B", "C", "D"))
    assert found["A"].pcc.mean == pytest.approx((0.3 + 0.6 + 0.0) / 3)
    assert found["B"].pcc.mean == pytest.approx((0.1 - 0.1 - 0.3) / 3)
    assert found["C"].pcc.mean == 0.3 and found["C"].pcc.low is None  # of two patients
    assert found["D"].pcc.mean is None and found["D"].above_floor is None  # in no fold's panel


def test_its_null_and_what_each_patient_gives():
    nulls = [
        scored("s1", "p", (0.1, 0.1, None), "pcc_null"),
        scored("s3", "q", (0.3, None, None), "pcc_null"),
    ]
    found = trust._genes([*OWN, *nulls], FLOOR, ("A", "B", "C"))
    assert (
        found["A"].pcc_null == pytest.approx(0.2)
        and found["B"].pcc_null == 0.1
        and found["C"].pcc_null is None
    )
    assert found["A"].by_patient == (0.3, 0.6, 0.0) and found["C"].by_patient == (None, 0.3, 0.3)  # p, q, r


def test_its_interval_is_of_fisher_s_z():
    import numpy as np

    z = np.arctanh([0.3, 0.6, 0.0])
    low, high = np.tanh(stats.t.interval(0.95, 2, z.mean(), z.std(ddof=1) / np.sqrt(3)))
    found = trust._genes(OWN, FLOOR, ("A",))["A"].pcc
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_above_the_floor_is_above_it_and_above_nothing():
    found = trust._genes(OWN, FLOOR, ("A", "B", "C"))
    assert found["A"].above_floor is True  # 0.3 against 0.1
    assert found["B"].above_floor is False  # better than the floor, and below 0
    assert found["C"].above_floor is None  # the floor has no score of it

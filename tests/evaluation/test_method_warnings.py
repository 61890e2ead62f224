"""What a method warns of while it predicts: into the row's notes once, under the slide's own name."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from evaluation.test_runner import run
from evaluation.tiny_methods import METHODS, Plane
from tiny_slides import GRID, make_slides

from stbench.errors import MethodWarning
from stbench.evaluation.method_warnings import by_name, hearing


class Warner(Plane):
    """Warns of every slide that it predicts, twice for good measure, and of something that is nobody's row."""

    def predict(self, slide):
        for _ in range(2):
            warnings.warn(f"Spots of slide {slide.id} were moved.", MethodWarning, stacklevel=2)
        warnings.warn("this will be slow", RuntimeWarning, stacklevel=2)
        return super().predict(slide)


@pytest.fixture
def slides(tmp_path, cache):
    return make_slides(tmp_path / "slides")


@pytest.mark.filterwarnings("ignore:Spots of slide")
def test_a_row_s_notes_hold_each_warning_once_under_the_slide_s_name(slides, monkeypatch):
    monkeypatch.setitem(METHODS, "warning", Warner)
    with pytest.warns(RuntimeWarning, match="this will be slow"):
        (record,) = run(slides, "warning", split="patient", inner="none")  # tests on S1 and S2 of patient A
    said = [note for note in record.notes if "moved" in note]
    assert said == ["Spots of slide S1 were moved.", "Spots of slide S2 were moved."]
    assert not any("slow" in note or "query" in note for note in record.notes)
    assert record.predictions["S1"].shape == (GRID**2, 12)
    (quiet,) = run(slides, "plane", split="patient", inner="none")
    assert [note for note in record.notes if note not in said] == list(quiet.notes)
    np.testing.assert_array_equal(record.predictions["S2"], quiet.predictions["S2"])


def test_words_are_heard_once_in_their_order_and_the_result_is_passed_on():
    def work() -> int:
        for words in ("b", "a", "b"):
            warnings.warn(words, MethodWarning, stacklevel=2)
        return 7

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing that is heard goes on
        assert hearing(work) == (7, ["b", "a"])
        assert hearing(lambda: 8) == (8, [])


def test_other_warnings_go_where_they_would_have_gone():
    def work() -> None:
        warnings.warn("slow", RuntimeWarning, stacklevel=1)

    with pytest.warns(RuntimeWarning, match="slow") as caught:
        assert hearing(work)[1] == []
    (warning,) = caught
    assert warning.filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(RuntimeWarning):
            hearing(work)


def test_a_warning_that_is_switched_off_is_heard_all_the_same():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert hearing(lambda: warnings.warn("moved", MethodWarning, stacklevel=2))[1] == ["moved"]


def test_a_slide_s_id_gives_way_to_its_name_as_a_whole_word():
    names = {f"query-{i}": name for i, name in enumerate(["A1", "B 2", *"CDEFGHIJK"])}
    assert by_name("Spots of slide query-1 (query-0) moved.", names) == "Spots of slide B 2 (A1) moved."
    assert by_name("query-10, query-1, xquery-1", names) == "K, B 2, xquery-1"
    assert by_name("nobody is named", names) == "nobody is named"

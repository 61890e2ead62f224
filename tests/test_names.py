"""Names made fit for terminals, figures and files: nothing steers, nothing collides, what is in order stays."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.cbook import is_math_text

from stbench.names import cleaned, figure_text, file_name, portable, printable, shown_name, unusable

ANY = st.text(st.characters(codec=None), max_size=120)
ORDINARY = st.text(st.sampled_from("ABCxyz019._-"), min_size=1, max_size=60).filter(lambda n: n[0] != ".")


@given(ANY)
def test_nothing_steers_and_no_letter_is_lost(text):
    shown = printable(text)
    assert len(shown) == len(text)
    kinds = {unicodedata.category(letter) for letter in shown if letter not in "\n\u200c\u200d"}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert not {"\u202e", "\u2066", "\u200f", "\u200b", "\ufeff"} & set(shown)
    kept = [a == b for a, b in zip(text, shown, strict=True) if unicodedata.category(a)[0] in "LNPSM"]
    assert all(kept)


@given(ANY, st.integers(20, 90))
def test_one_line_of_a_bounded_length(text, longest):
    for shown in (cleaned(text, longest), shown_name(text, longest)):
        assert len(shown) <= longest and "\n" not in shown


@given(ORDINARY)
def test_what_is_in_order_stays_as_it_is(name):
    assert shown_name(name) == figure_text(name).lstrip(" ") == name
    assert portable(name) == name
    assert file_name(name) == name or name.lower()[:3] in ("con", "prn", "aux", "nul", "com", "lpt")


@given(ANY, ANY)
def test_two_names_never_share_a_file(one, other):
    assert one == other or file_name(one) != file_name(other)


@given(ANY)
def test_a_file_lies_in_its_folder_and_fits_every_file_system(name):
    found = file_name(name)
    assert found and not found.startswith(".") and len(found) <= 89
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@pytest.mark.parametrize(
    ("one", "other"), [("a|b", "a<b"), ("x" * 400, "x" * 401), ("../a", ".../a"), ("\x1b[1mA", "\x07[1mA")]
)
def test_names_that_would_look_the_same_are_told_apart(one, other):
    assert file_name(one) != file_name(other)
    assert shown_name(one) != shown_name(other)
    assert figure_text(one) != figure_text(other)


@pytest.mark.parametrize("name", ["CON", "nul.txt", "Com1", "..", "", "a/b", "a\\b", "a\nb"])
def test_what_a_file_system_takes_otherwise_is_changed(name):
    assert file_name(name) != name and file_name(name)[-8:].isalnum()


@given(ANY)
def test_a_figure_reads_no_formula_and_hides_no_label(name):
    shown = figure_text(name)
    assert not is_math_text(shown) and not shown.startswith("_")


def test_what_to_do_stays_at_the_end_of_a_long_sentence():
    sentence = f"Slide {'x' * 5_000} is not there; name one of B1 and B2."
    assert cleaned(sentence).startswith("Slide xxx") and cleaned(sentence).endswith("name one of B1 and B2.")


@pytest.mark.parametrize(("name", "why"), [("a\0", "NUL"), ("\udcff", "no text"), ("ok", ""), ("a/b\n$", "")])
def test_what_cannot_be_stored_is_said(name, why):
    assert why in unusable(name) and bool(unusable(name)) == bool(why)

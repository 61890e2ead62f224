"""Hyperparameters out of their range are refused in one sentence, by each check and by every method."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from evaluation.tiny_methods import Epochs, Plane

from stbench import registry
from stbench.errors import UnknownName, UsageError
from stbench.nn.hyperparameters import (
    check_choice,
    check_multiple,
    check_not_negative,
    check_positive,
    check_share,
    check_whole,
)

INF, NAN = float("inf"), float("nan")
BELOW_ONE = partial(check_share, below_one=True)
MULTIPLE = partial(check_multiple, of=4, what="pixels")


def at_least_two(method: Plane, *names: str, **more: str) -> None:
    check_whole(method, 2, *names, **more)


def the_sentence(check: Callable[..., None], value: Any, **more: Any) -> str:
    """What `check` says of a method whose `shift` is `value`, "" where it is content."""
    try:
        check(Plane(shift=value), "shift", **more)
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("check", "wanted", "right", "wrong"),
    [
        (at_least_two, "a whole number of at least 2", [2, 3, 10**9], [1, 0, -2, 2.0, 2.5]),
        (check_positive, "positive", [1e-30, 0.5, 3], [0, 0.0, -0.0, -1e-30]),
        (check_not_negative, "at least 0", [0, 0.0, 1e-30, 7], [-1e-30, -1]),
        (check_share, "between 0 and 1", [0, 0.0, 0.5, 1, 1.0], [-0.01, 1.01, 2]),
        (BELOW_ONE, "at least 0 and below 1", [0, 0.5, 0.999], [-0.01, 1, 1.0, 2]),
        (MULTIPLE, "a multiple of 4 pixels", [4, 8, 112], [3, 6, 113, 4.5]),
        (partial(check_multiple, of=4), "a multiple of 4", [4], [3]),
    ],
    ids=["whole", "positive", "not negative", "share", "share below one", "multiple", "multiple of no name"],
)
def test_a_value_out_of_range_is_named_with_what_it_must_be(check, wanted, right, wrong):
    for value in right:
        assert the_sentence(check, value) == ""
    for value in (*wrong, True, False, NAN, INF, -INF, "4", None, [4]):
        assert the_sentence(check, value) == f"shift is {value}; it must be {wanted}."


@pytest.mark.parametrize(
    ("check", "wanted"),
    [
        (at_least_two, "a whole number of at least 2"),
        (check_positive, "positive"),
        (check_not_negative, "at least 0"),
    ],
)
def test_none_is_allowed_where_it_stands_for_something(check, wanted):
    assert the_sentence(check, None, none="the platform's") == ""
    assert the_sentence(check, 4, none="the platform's") == ""
    for value in (-1, True, NAN, "4"):
        sentence = the_sentence(check, value, none="the platform's")
        assert sentence == f"shift is {value}; it must be {wanted}, or None for the platform's."


def test_of_several_names_the_wrong_one_is_named():
    method = Epochs(epochs=3, best=0, loudness=-1.0)
    check_whole(method, 0, "epochs", "best")
    check_whole(method, 3, "epochs")
    with pytest.raises(UsageError, match=r"^best is 0"):
        check_whole(method, 1, "epochs", "best")
    with pytest.raises(UsageError, match=r"^loudness is -1\.0; it must be positive"):
        check_positive(method, "epochs", "loudness")


def test_a_choice_is_one_of_its_names():
    method: Any = Plane()
    method.shift = "left"
    check_choice(method, "shift", ("left", "right"))
    for value in ("lefd", None, True, 1):
        method.shift = value
        with pytest.raises(UnknownName, match=rf"shift.*{value}"):
            check_choice(method, "shift", ("left", "right"))
    method.shift = "lefd"
    with pytest.raises(UnknownName, match="Did you mean left"):
        check_choice(method, "shift", ("left", "right"))


@pytest.mark.parametrize(
    "name", [n for n in registry.plugins("method") if registry.method_card(n).family != "floor"]
)
def test_every_network_refuses_numbers_that_are_none(name):
    method = registry.load_method(name)
    numbers = [key for key, value in method.defaults().items() if type(value) in (int, float)]
    assert "epochs" in numbers
    for key in numbers:
        for value in (NAN, INF, "4", True, -1):
            with pytest.raises(UsageError, match=f"{key} is {value}"):
                method(**{key: value})

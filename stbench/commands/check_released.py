"""`stbench check` of a predictor that is not fitted: a model file, or a plugin with weights of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from stbench.commands.check import Verdict, checked_materials
from stbench.commands.choosing import choose_contestants, choose_device
from stbench.errors import MethodError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.released.conducting import predict_slides

_CLAIMS = (
    "it predicts finite numbers for each spot and gene of a slide that it was never fitted on",
    "the same slide gives the same prediction again, bit for bit",
    "what it predicts for a slide does not depend on which others it predicts",
)


def check_released(
    name: str, on_output: Callable[[str], None] = lambda words: None, device: str = "cpu"
) -> Iterator[Verdict]:
    """A verdict for each claim, on small slides; UsageError where the predictor cannot be used here."""
    contestant = choose_contestants([name], "paper", {})[0]
    try:
        first, second = _predicted(contestant, (0, 1), device, on_output)
    except MethodError as error:
        yield Verdict(_CLAIMS[0], str(error))
        return
    yield Verdict(_CLAIMS[0], None)
    again = _predicted(contestant, (0, 1), device, on_output)
    same = np.array_equal(first, again[0]) and np.array_equal(second, again[1])
    yield Verdict(_CLAIMS[1], None if same else "two predictions of one slide differ")
    alone = _predicted(contestant, (1,), device, on_output)[0]
    yield Verdict(
        _CLAIMS[2], None if np.array_equal(second, alone) else "alone, a slide is predicted otherwise"
    )


def _predicted(
    contestant: Contestant, places: tuple[int, ...], device: str, on_output: Callable[[str], None]
) -> list[np.ndarray]:
    materials = checked_materials(choose_device(device))
    slides = list(materials.sources)
    return list(
        predict_slides(contestant, materials, [slides[place] for place in places], on_output=on_output)
    )

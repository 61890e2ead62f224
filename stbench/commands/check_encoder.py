"""`stbench check --encoder`: the promises of an encoder, tried on drawn patches in this process.

An encoder is handed patches and nothing else, so that it cannot know a label; what remains to be seen is that it gives
of each patch what it should, whatever else is in the batch.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from stbench.commands.check import Verdict
from stbench.commands.choosing import choose_device
from stbench.errors import StbenchError
from stbench.preprocess.encoders import Encoder, encoder_label, find_encoder, have_weights
from stbench.preprocess.encoders.loading import fault_of, unwatched_encoder

Embed = Callable[[np.ndarray], np.ndarray]
_EDGE, _OTHER_EDGE = 224, 96
_PATCHES = 5
# Of the largest number that an encoder gives: sums are taken in another order in another batch.
ON_CPU, ON_GPU = 1e-4, 2e-2


class Patient(NamedTuple):
    """The encoder that is examined: its card, how it is loaded, and once it is, the function that it is."""

    encoder: Encoder
    load: Callable[[], Embed]
    embed: Embed
    device: str

    @property
    def tolerance(self) -> float:
        return ON_CPU if self.device == "cpu" else ON_GPU


def check_encoder(name: str, device: str = "cpu") -> Iterator[Verdict]:
    """Check every claim in turn; one whose check raises does not hold, and without a loaded encoder none is tried.

    UnknownName, and PluginError for a plugin whose card cannot be read.
    """
    encoder, device = find_encoder(name), choose_device(device)

    def load() -> Embed:
        have_weights(encoder.name)
        return unwatched_encoder(encoder, device)

    try:
        embed = load()
    except StbenchError as error:
        yield Verdict(LOADS, str(error))
        return
    yield Verdict(LOADS, None, note=encoder_label(encoder.name))
    patient = Patient(encoder, load, embed, device)
    for claim, problem_of in CLAIMS.items():
        yield _tried(claim.format(width=encoder.card.width), problem_of, patient)


def _tried(claim: str, problem_of: Callable[[Patient], str | None], patient: Patient) -> Verdict:
    try:
        problem = problem_of(patient)
    except (Exception, SystemExit) as error:
        return Verdict(claim, f"{type(error).__name__}: {error}", trace=traceback.format_exc())
    allowed = f"within {patient.tolerance:g} of the largest number" if problem_of in _WITHIN else ""
    return Verdict(claim, problem, note=allowed)


def drawn_patches(n: int = _PATCHES, edge: int = _EDGE) -> np.ndarray:
    """(n, edge, edge, 3) uint8 patches of several colours and grains; the same ones each time."""
    draw = np.random.default_rng(0)
    patches = draw.normal(0, 1, (n, edge, edge, 3)) * np.linspace(5, 60, n)[:, None, None, None]
    return (patches + draw.uniform(60, 200, (n, 1, 1, 3))).clip(0, 255).astype(np.uint8)


def _rows_are_right(patient: Patient) -> str | None:
    patches = drawn_patches()
    values = patient.embed(patches.copy())
    # What is not finite is another claim's.
    finite = np.nan_to_num(values) if isinstance(values, np.ndarray) else values
    return fault_of(finite, len(patches), patient.encoder.card.width)


def _all_finite(patient: Patient) -> str | None:
    extremes = np.stack([np.full((_EDGE, _EDGE, 3), level, dtype=np.uint8) for level in (0, 255)])
    for patches in (drawn_patches(), extremes):
        wrong = int((~np.isfinite(patient.embed(patches.copy()))).any(axis=1).sum())
        if wrong:
            return f"{wrong} of {len(patches)} patches have numbers that are not finite"
    return None


def _any_number(patient: Patient) -> str | None:
    for n in (1, 2, _PATCHES):
        if fault := fault_of(np.nan_to_num(patient.embed(drawn_patches(n))), n, patient.encoder.card.width):
            return fault
    return None


def _any_edge(patient: Patient) -> str | None:
    values = patient.embed(drawn_patches(2, _OTHER_EDGE))
    return fault_of(np.nan_to_num(values), 2, patient.encoder.card.width)


def _repeats(patient: Patient) -> str | None:
    patches = drawn_patches()
    first = patient.embed(patches.copy())
    patient.embed(drawn_patches()[::-1].copy())  # others in between
    again, anew = patient.embed(patches.copy()), patient.load()(patches.copy())
    if not np.array_equal(first, again, equal_nan=True):
        return f"the same patches again give others, by up to {_largest(first - again):.3g}"
    if not np.array_equal(first, anew, equal_nan=True):
        return f"loaded anew it gives others, by up to {_largest(first - anew):.3g}"
    return None


def _of_each_patch_alone(patient: Patient) -> str | None:
    patches = drawn_patches()
    together = patient.embed(patches.copy())
    alone = np.concatenate([patient.embed(patches[i : i + 1].copy()) for i in range(len(patches))])
    backwards = patient.embed(patches[::-1].copy())[::-1]
    allowed = patient.tolerance * max(_largest(together), 1e-12)
    for how, others in (("alone", alone), ("in another order", backwards)):
        apart = _largest(together - others)
        if apart > allowed:
            return f"a patch {how} differs by up to {apart:.3g}, and {allowed:.3g} is allowed"
    return None


def _tells_apart(patient: Patient) -> str | None:
    values = patient.embed(drawn_patches())
    same = np.array_equal(values[:1].repeat(len(values), axis=0), values, equal_nan=True)
    return "all patches get the same numbers" if same else None


def _leaves_its_input(patient: Patient) -> str | None:
    patches = drawn_patches()
    given = patches.copy()
    patient.embed(given)
    return None if np.array_equal(given, patches) else "the patches are others afterwards"


def _largest(values: np.ndarray) -> float:
    """Largest absolute number, of those that are finite."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


LOADS = "It loads with its weights"
CLAIMS: dict[str, Callable[[Patient], str | None]] = {
    "It gives one row of {width} float32 numbers per patch": _rows_are_right,
    "These are all finite, of black and white patches too": _all_finite,
    "It takes any number of patches, one included": _any_number,
    "It takes patches of any edge": _any_edge,
    "It repeats itself bit for bit, and so does a fresh one": _repeats,
    "What it gives of a patch does not depend on the others in the batch": _of_each_patch_alone,
    "It tells patches apart": _tells_apart,
    "It leaves the patches that it is handed as they are": _leaves_its_input,
}
_WITHIN = (_of_each_patch_alone,)

"""`stbench check`: the contract's claims, tried on one method in sealed children.

The claims are checked on a small synthetic dataset with few epochs: they say that a plugin keeps the contract, not
that it is any good. Its slides are cut to a few spots, so that a network that is slow for each spot is checked in a
minute or two as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from stbench import registry
from stbench.commands.choosing import choose_device, find_slides
from stbench.contract import MethodCard
from stbench.errors import PluginError
from stbench.evaluation.design import Design
from stbench.evaluation.fit_inputs import fit_inputs
from stbench.evaluation.folds import group_slides, leave_one_group_out
from stbench.evaluation.materials import Materials
from stbench.evaluation.trials import handouts
from stbench.evaluation.trials.examining import CLAIMS, EXAMINED_EPOCHS, examine, sentence_of
from stbench.evaluation.trials.handouts import Handout
from stbench.evaluation.trials.launcher import Errand, TrialFailed, frames_of_child
from stbench.evaluation.trials.plugins import PluginPlace
from stbench.slide import Slide

CHECKED_ON = "demo-tiny"
CHECKED_SPOTS = 16
# Two slides to train on and one to predict are enough for every claim.
_SLIDES = 3
_GENES = 20
_TASK = f"{examine.__module__}:{examine.__name__}"


class Verdict(NamedTuple):
    """One claim and, where it does not hold, why.

    trace  where an unexpected error came from, if any;  note  what was allowed for, where it holds by a tolerance
    """

    claim: str
    problem: str | None
    trace: str = ""
    note: str = ""


def check_method(
    name: str, on_output: Callable[[str], None] = lambda words: None, device: str = "cpu"
) -> Iterator[Verdict]:
    """Check every claim in turn; a claim whose check raises does not hold, nor one at which the process ends.

    device  where the method is fitted
    PluginError where nothing loads.
    """
    plugin = registry.find("method", name)
    card, place = registry.method_card(plugin.name), PluginPlace(*plugin)
    slides, arrays = handouts.packed(handed_slides(card))
    named = [dict(point) for point in (*card.grid, card.full_grid, *card.presets.values())]
    claims = list(CLAIMS)
    while claims:
        swept = _values_at_prediction(card)
        from_card = {"settings_named": named, "at_prediction": swept, "staged": card.staged}
        work = {"claims": claims, "slides": slides, "device": choose_device(device), **from_card}
        errand = Errand(_TASK, place, work, arrays, light=card.kind == "floor")
        try:
            for frame in frames_of_child(errand, on_output):
                if frame.kind == "verdict" and claims:
                    yield _verdict(claims.pop(0), frame.value)
        except TrialFailed as error:
            if error.kind == "plugin":
                raise PluginError(str(error)) from error
            yield Verdict(
                sentence_of(claims.pop(0)), str(error), error.trace
            )  # the others in another process


def _verdict(claim: str, told: Any) -> Verdict:
    """A child's verdict, which anybody in it may have sent."""
    told = told if isinstance(told, dict) and told.get("claim") == claim else {"problem": "no verdict"}
    problem = told.get("problem")
    texts = [str(told.get(name) or "") for name in ("trace", "note")]
    return Verdict(sentence_of(claim), None if problem is None else str(problem), *texts)


def handed_slides(card: MethodCard) -> list[Handout]:
    """The query, as it is and scrambled, another query, the slides that train beside the one and beside the other."""
    genuine, scrambled = checked_materials(), checked_materials()
    fold = leave_one_group_out(genuine.groups)[0]
    name = fold.test[0]
    scrambled.replace(name, _scrambled(scrambled.slide(name)))
    both = [materials.fold(fold) for materials in (genuine, scrambled)]
    queries = [one.query_handout(name, "query-0", card) for one in both]
    other = both[0].query_handout(fold.train[0], "query-1", card)
    return [*queries, other, *(slide for one in both for slide in fit_inputs(one, card, fold.train).train)]


def checked_materials(device: str = "cpu") -> Materials:
    """The slides that a plugin is checked on."""
    found, _ = find_slides(CHECKED_ON, None)
    sources = [source._replace(read=partial(_first_spots, source.read)) for source in found[:_SLIDES]]
    groups = group_slides({source.id: source.patient for source in sources}, "slide")
    design = Design(
        dataset=CHECKED_ON,
        genes="highest",
        n_genes=_GENES,
        epochs=EXAMINED_EPOCHS,
        min_counts=0,
        device=device,
    )
    return Materials(design, sources, groups)


def _first_spots(read: Callable[[], Slide]) -> Slide:
    """The slide that `read` gives, cut to its first spots."""
    slide = read()
    return replace(
        slide,
        spot_ids=slide.spot_ids[:CHECKED_SPOTS],
        pixel_xy=slide.pixel_xy[:CHECKED_SPOTS],
        array_row_column=slide.array_row_column[:CHECKED_SPOTS],
        counts=slide.counts[:CHECKED_SPOTS],
        annotation=None if slide.annotation is None else slide.annotation[:CHECKED_SPOTS],
    )


def _scrambled(slide: Slide) -> Slide:
    """The slide with its spots' counts dealt out anew, so that totals stay plausible and no spot keeps its own."""
    return replace(slide, counts=slide.counts[np.roll(np.arange(slide.n_spots), slide.n_spots // 2)][:, ::-1])


def _values_at_prediction(card: MethodCard) -> list[tuple[str, Any]]:
    """Each setting that a card lists as `at_prediction`, with each value that its grids name."""
    points = [*card.grid, *({name: value} for name, values in card.full_grid.items() for value in values)]
    named = [(name, point[name]) for name in card.at_prediction for point in points if name in point]
    return [pair for i, pair in enumerate(named) if pair not in named[:i]]

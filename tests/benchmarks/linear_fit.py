"""A linear floor's fit on drawn embeddings, with each slide's Gram matrix at hand and without.

python tests/benchmarks/linear_fit.py [--slides 30] [--spots 300] [--width 1280] [--genes 250]
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np

from stbench.evaluation.threads import limit_threads
from stbench.preprocess.gram import gram_of
from stbench.preprocess.ridge import ComponentRidge, DepthRidge
from stbench.slide import TrainingSlide

_REPEATS = 3


def drawn_slide(name: str, n_spots: int, width: int, n_genes: int, rng: np.random.Generator) -> TrainingSlide:
    """Embeddings that are non-negative as an encoder's are, and genes that follow none of them."""
    totals = rng.integers(200, 5000, n_spots)
    return TrainingSlide(
        id=name,
        group=name,
        platform="ST",
        microns_per_pixel=None,
        pixel_xy=rng.uniform(0, 1000, (n_spots, 2)),
        array_row_column=np.column_stack([np.arange(n_spots), np.zeros(n_spots)]),
        expression=rng.normal(size=(n_spots, n_genes)).astype(np.float32),
        panel_counts=rng.poisson(2.0, (n_spots, n_genes)),
        totals=totals,
        size_factors=totals / totals.mean(),
        embeddings=rng.gamma(1.0, 1.0, (n_spots, width)).astype(np.float32),
        patches={},
    )


def seconds(fit: Callable[[], object]) -> float:
    """The shortest of a few."""
    found = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        fit()
        found.append(time.perf_counter() - started)
    return min(found)


def with_grams(slides: Sequence[TrainingSlide]) -> list[TrainingSlide]:
    """The slides with their Gram matrices, as trials are handed them."""
    return [dataclasses.replace(slide, gram=gram_of(np.asarray(slide.embeddings))) for slide in slides]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, number in (("slides", 30), ("spots", 300), ("width", 1280), ("genes", 250)):
        parser.add_argument(f"--{name}", type=int, default=number)
    given = parser.parse_args()
    limit_threads(1)
    rng = np.random.default_rng(0)
    slides = [drawn_slide(f"S{i}", given.spots, given.width, given.genes, rng) for i in range(given.slides)]
    known, query = with_grams(slides), np.asarray(slides[0].embeddings)[:50]
    for model in (ComponentRidge, DepthRidge):
        without, at_hand = (seconds(lambda s=s, m=model: m(64).fit(s)) for s in (slides, known))
        predictions = [model(64).fit(s).predict(query, 100.0) for s in (slides, known)]
        apart = float(np.abs(predictions[0] - predictions[1]).max())
        print(
            f"{model.__name__}: {without:.3f} s, with Gram matrices {at_hand:.3f} s, predictions differ by {apart:.0e}"
        )


if __name__ == "__main__":
    main()

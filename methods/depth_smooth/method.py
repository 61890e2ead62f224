"""Predicted depth given to every gene, averaged over neighbouring spots."""

from __future__ import annotations

from stbench.preprocess.linear_method import LinearMethod
from stbench.preprocess.ridge import DepthRidge


class SmoothedDepth(LinearMethod):
    """The depth floor, averaged over the spot and its 8 nearest spots."""

    model = DepthRidge

    def __init__(self, components: int = 64, penalty: float = 100.0, neighbours: int = 8) -> None:
        super().__init__(components, penalty, neighbours)

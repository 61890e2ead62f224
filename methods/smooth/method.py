"""Ridge regression averaged over the spot and its nearest spots."""

from __future__ import annotations

from stbench.preprocess.linear_method import LinearMethod
from stbench.preprocess.ridge import ComponentRidge


class SmoothedRidge(LinearMethod):
    """The ridge floor, averaged over the spot and its 8 nearest spots."""

    model = ComponentRidge

    def __init__(self, components: int = 64, penalty: float = 100.0, neighbours: int = 8) -> None:
        super().__init__(components, penalty, neighbours)

"""Ridge regression on principal components of the spot's embedding."""

from __future__ import annotations

from stbench.preprocess.linear_method import LinearMethod
from stbench.preprocess.ridge import ComponentRidge


class RidgeRegression(LinearMethod):
    """A line from 64 principal components to each gene; spots know nothing of each other."""

    model = ComponentRidge

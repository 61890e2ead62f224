"""Predicted depth given to every gene."""

from __future__ import annotations

from stbench.preprocess.linear_method import LinearMethod
from stbench.preprocess.ridge import DepthRidge


class Depth(LinearMethod):
    """One number per spot, the predicted log total count, given to every gene on a line."""

    model = DepthRidge

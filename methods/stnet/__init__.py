"""ST-Net: a DenseNet-121 regresses the expression of a spot on the patch around it."""

from .method import STNet as plugin

__all__ = ["plugin"]

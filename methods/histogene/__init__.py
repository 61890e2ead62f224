"""HisToGene: a vision transformer whose tokens are the spots of one slide."""

from .method import HisToGene as plugin

__all__ = ["plugin"]

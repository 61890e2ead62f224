"""THItoGene: dynamic convolution, capsules, a transformer over a slide's spots and graph attention."""

from .method import THItoGene as plugin

__all__ = ["plugin"]

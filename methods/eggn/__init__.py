"""EGGN: one graph of a slide's windows and the training spots that look most like them."""

from .method import EGGN as plugin

__all__ = ["plugin"]

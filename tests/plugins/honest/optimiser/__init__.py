"""A fixture: trains a linear layer on spot positions with a plain optimiser and the shared loop."""

from .method import Optimiser as plugin

__all__ = ["plugin"]

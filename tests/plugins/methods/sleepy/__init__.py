"""A fixture: predicts the training mean after a short sleep."""

from .method import Sleepy as plugin

__all__ = ["plugin"]

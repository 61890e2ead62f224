"""A fixture: fails in one of several ways when it does not train on slide A1."""

from .method import Faulty as plugin

__all__ = ["plugin"]

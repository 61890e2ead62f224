"""A fixture: replaces the functions that score it by ones that find everything perfect."""

from .method import PatchedScorer as plugin

__all__ = ["plugin"]

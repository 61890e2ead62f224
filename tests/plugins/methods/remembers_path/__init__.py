"""A fixture: knows where the original files lie, whatever it is told."""

from .method import RemembersPath as plugin

__all__ = ["plugin"]

"""A fixture: its note and its setting run code where somebody unpickles them."""

from .method import ReducedNote as plugin

__all__ = ["plugin"]

"""A fixture: does to its process what its folder is called after."""

from .method import Unruly as plugin

__all__ = ["plugin"]

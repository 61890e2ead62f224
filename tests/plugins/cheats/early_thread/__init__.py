"""A fixture: a thread of its own, started while it is loaded, looks for slides in memory."""

from .method import EarlyThread as plugin

__all__ = ["plugin"]

"""A fixture: looks into the processes above it, at their files, their environment, their memory."""

from .method import ReadsParent as plugin

__all__ = ["plugin"]

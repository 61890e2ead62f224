"""A fixture: keeps notes for the next fit in attributes of files that it may read."""

from .method import NotesInAttributes as plugin

__all__ = ["plugin"]

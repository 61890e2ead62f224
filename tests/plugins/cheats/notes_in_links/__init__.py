"""A fixture: keeps notes for the next fit in what links for temporary files point to."""

from .method import NotesInLinks as plugin

__all__ = ["plugin"]

"""A fixture: keeps a log and a checkpoint in a temporary folder, and goes on from there."""

from .method import OwnLog as plugin

__all__ = ["plugin"]

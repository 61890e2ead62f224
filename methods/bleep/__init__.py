"""BLEEP: patches and profiles of a spot meet in one space, and a patch borrows the profiles that lie nearest."""

from .method import BLEEP as plugin

__all__ = ["plugin"]

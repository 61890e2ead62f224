"""A fixture: takes means with two processes of joblib."""

from .method import Parallel as plugin

__all__ = ["plugin"]

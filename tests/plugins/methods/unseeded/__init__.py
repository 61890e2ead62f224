"""A fixture: draws its predictions from a generator without a seed."""

from .method import Unseeded as plugin

__all__ = ["plugin"]

"""A fixture: sends back an object that becomes an array where somebody makes it one, and looks around there."""

from .method import ArrayObject as plugin

__all__ = ["plugin"]

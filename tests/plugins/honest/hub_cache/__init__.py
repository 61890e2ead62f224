"""A fixture: looks for weights in the Hugging Face hub's cache, and does without where there are none."""

from .method import HubCache as plugin

__all__ = ["plugin"]

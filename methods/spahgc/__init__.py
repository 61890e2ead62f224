"""SpaHGC: masked heterogeneous graphs of a slide's spots and the training spots that they resemble."""

from .method import SpaHGC as plugin

__all__ = ["plugin"]

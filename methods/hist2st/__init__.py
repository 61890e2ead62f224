"""Hist2ST: a ConvMixer for each patch, a transformer over the slide, graph layers over neighbouring spots."""

from .method import Hist2ST as plugin

__all__ = ["plugin"]

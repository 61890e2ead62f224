"""HGGEP: gradient-enhanced patches, features at several depths, and a hypergraph over the spots of a slide."""

from .method import HGGEP as plugin

__all__ = ["plugin"]

"""CMRCNet: patches and expression aligned in one space, helped by rebuilding masked image tokens from genes."""

from .method import CMRCNet as plugin

__all__ = ["plugin"]

from .method import SmoothedDepth as plugin

__all__ = ["plugin"]

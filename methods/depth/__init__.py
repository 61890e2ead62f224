from .method import Depth as plugin

__all__ = ["plugin"]

from .method import SmoothedRidge as plugin

__all__ = ["plugin"]

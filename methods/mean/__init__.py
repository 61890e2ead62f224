from .method import Mean as plugin

__all__ = ["plugin"]

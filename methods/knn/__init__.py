from .method import NearestSpots as plugin

__all__ = ["plugin"]

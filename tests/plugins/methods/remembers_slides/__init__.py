"""A fixture: remembers every training slide that it has ever seen in this process."""

from .method import RemembersSlides as plugin

__all__ = ["plugin"]

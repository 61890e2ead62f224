"""mclSTExp: patches aligned with spots that know their place and the other spots of their sequence."""

from .method import MclSTExp as plugin

__all__ = ["plugin"]

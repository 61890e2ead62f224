"""M2OST: three magnifications of a spot, encoded together, to one expression vector."""

from .method import M2OST as plugin

__all__ = ["plugin"]

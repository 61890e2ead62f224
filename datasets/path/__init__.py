"""Your own slides: a folder given with the name, path:DIR."""

from .dataset import OwnFolder as plugin

__all__ = ["plugin"]

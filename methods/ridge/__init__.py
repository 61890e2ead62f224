from .method import RidgeRegression as plugin

__all__ = ["plugin"]

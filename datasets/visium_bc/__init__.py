"""Breast cancer, Visium, three sections of two patients, published by 10x Genomics."""

from .dataset import VisiumBreastCancer as plugin

__all__ = ["plugin"]

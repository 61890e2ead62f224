"""What a prediction must be before any metric sees it.

Conventions
    prediction  (n_spots, n_genes) on the log scale, every spot of the slide, genes in the panel's order
Functions
    check_prediction  the one validation: shape and finite values
"""

from __future__ import annotations

import numpy as np

from stbench.errors import MethodError

# Finite, but too large to be squared: no such number is an expression.
_BEYOND = 1e100


def check_prediction(prediction: np.ndarray, n_spots: int, n_genes: int) -> np.ndarray:
    """The prediction as float64; MethodError where its shape is wrong or a value is not a finite number."""
    values = np.asarray(prediction)
    if values.shape != (n_spots, n_genes):
        raise MethodError(
            f"The prediction has shape {values.shape}; it must have one row per spot and one column per gene "
            f"of the panel, ({n_spots}, {n_genes})."
        )
    if values.dtype.kind not in "fiu":
        raise MethodError(f"The prediction holds values of type {values.dtype}; it must hold real numbers.")
    values = values.astype(np.float64)
    impossible = int((~(np.abs(values) < _BEYOND)).sum())
    if impossible:
        raise MethodError(
            f"The prediction holds {impossible} values that are NaN, infinite or beyond {_BEYOND:g}; "
            "every value must be a finite number."
        )
    return values

"""Rows and columns of an array told from where its spots lie in the image, for files that do not state them.

Spots are joined to their neighbours, so that each gets whole numbers of steps along two directions; a fit over all of
them then says where the lattice lies. Which corner the array was counted from, nobody can tell from it: rows are
counted downwards in the image, columns to the right.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.spatial import KDTree

_FEWEST_SPOTS = 7
# Neighbours are nearer than this many distances; the diagonal of a square is farther.
_NEAR = 1.25
# How far a spot may lie from its place, in distances of neighbours (0.44 occurs on real arrays), and the share of
# spots that must not be farther; of spots without order 0.4 would be as near.
_FARTHEST, _ENOUGH = 0.35, 0.98
_FOLDS = {"hexagonal": 6, "square": 4}


class LatticePlaces(NamedTuple):
    """The kind of lattice, and (n, 2) rows and columns: of a hexagonal one as Visium counts them, every second column
    of a row."""

    kind: Literal["hexagonal", "square"]
    row_column: np.ndarray


def lattice_rows_columns(xy: np.ndarray) -> LatticePlaces | None:
    """The places of (n, 2) pixels x, y on the lattice that they form; None where they form none."""
    if len(xy) < _FEWEST_SPOTS:
        return None
    pitch, pairs = _neighbours(xy)
    if not len(pairs):
        return None
    angles = np.arctan2(*(xy[pairs[:, 1]] - xy[pairs[:, 0]]).T[::-1])
    order = {kind: abs(np.exp(1j * fold * angles).mean()) for kind, fold in _FOLDS.items()}
    kind: Literal["hexagonal", "square"] = "hexagonal" if order["hexagonal"] > order["square"] else "square"
    steps = _steps(xy, pitch, pairs, _directions(kind, angles))
    if steps is None:
        return None
    return LatticePlaces(kind, _visium(steps) if kind == "hexagonal" else _from_zero(steps[:, ::-1]))


def _neighbours(xy: np.ndarray) -> tuple[float, np.ndarray]:
    """The distance of neighbours (pixels), and (m, 2) pairs of them."""
    tree = KDTree(xy)
    pitch = float(np.median(tree.query(xy, k=2)[0][:, 1]))
    return pitch, tree.query_pairs(_NEAR * pitch, output_type="ndarray") if pitch else np.empty((0, 2), int)


def _directions(kind: str, angles: np.ndarray) -> np.ndarray:
    """(2, 2) unit steps: along a row to the right, and to the next row down."""
    fold = _FOLDS[kind]
    turn = np.angle(np.exp(1j * fold * angles).mean()) / fold  # the direction nearest to the x axis
    along = np.array([turn, turn + 2 * np.pi / fold])
    return np.c_[np.cos(along), np.sin(along)]


def _steps(xy: np.ndarray, pitch: float, pairs: np.ndarray, directions: np.ndarray) -> np.ndarray | None:
    """(n, 2) whole numbers of steps along the two directions; None where the spots do not lie on them."""
    basis = directions * pitch
    per_pair = np.rint((xy[pairs[:, 1]] - xy[pairs[:, 0]]) @ np.linalg.inv(basis))
    counted, walked = _walked(len(xy), pairs, per_pair)
    design = np.c_[walked[counted], np.ones(counted.sum())]
    if np.linalg.matrix_rank(design) < 3:
        return None  # all on one line
    fit = np.linalg.lstsq(design, xy[counted], rcond=None)[0]
    basis = fit[:2]
    steps = np.rint((xy - fit[2]) @ np.linalg.inv(basis))
    off = np.linalg.norm(xy - fit[2] - steps @ basis, axis=1) / pitch
    is_lattice = (off <= _FARTHEST).mean() >= _ENOUGH and len(np.unique(steps, axis=0)) == len(xy)
    return steps.astype(int) if is_lattice else None


def _walked(n: int, pairs: np.ndarray, per_pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which spots hang together in the largest part, and (n, 2) steps to each of these from the first of them."""
    graph = sparse.csr_matrix((np.ones(len(pairs)), pairs.T), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    counted = part == np.bincount(part).argmax()
    step = {(int(a), int(b)): move for (a, b), move in zip(pairs, per_pair, strict=True)}
    order, before = breadth_first_order(graph, int(np.argmax(counted)), directed=False)
    walked = np.zeros((n, 2))
    for spot in order[1:]:
        last = before[spot]
        move = step.get((last, spot))
        walked[spot] = walked[last] + (move if move is not None else -step[spot, last])
    return counted, walked


def _visium(steps: np.ndarray) -> np.ndarray:
    """Rows and columns as Visium counts them: a step along a row is two columns, one down is half a step aside."""
    rows, columns = steps[:, 1], 2 * steps[:, 0] + steps[:, 1]
    placed = _from_zero(np.c_[rows, columns])
    return placed + np.array([0, placed[0].sum() % 2])  # rows and columns are even or odd together


def _from_zero(row_column: np.ndarray) -> np.ndarray:
    return row_column - row_column.min(axis=0)

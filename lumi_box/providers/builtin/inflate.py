"""Inflation of a silhouette: the membrane that a constant pressure would blow up over it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu


def poisson_inflation(
    mask: NDArray[np.bool_], vertical_stiffness: float = 1.0, *, bottom_hold: float = 1.0
) -> NDArray[np.float64]:
    """Solve -(u_xx + stiffness·u_yy) = 1 in `mask` with u = 0 outside; in squared pixels.

    On a disc of radius r this is (r² - ρ²) / 4, so that 2·√u is a hemisphere. With little vertical stiffness the
    rows let go of each other and u becomes the parabola of each row: a body turned about an upright axis.
    `bottom_hold` says how firmly the mask's lowest row is fastened: 1 like any rim, 0 not at all, as if the body
    went on below; 1/n lets it rise there about as it would n pixels inside.
    """
    height = np.zeros(mask.shape, dtype=np.float64)
    if not mask.any():
        return height
    laplacian = _laplacian(mask, vertical_stiffness, bottom_hold)
    # the matrix is symmetric and diagonally dominant: no pivoting, and a third less time
    factors = splu(laplacian, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    height[mask] = factors.solve(np.ones(laplacian.shape[0]))
    return height


def _laplacian(mask: NDArray[np.bool_], vertical_stiffness: float, bottom_hold: float) -> sparse.csc_matrix:
    """The five-point operator on the pixels of the mask in reading order; a neighbour outside counts as zero."""
    number = np.full(mask.shape, -1, dtype=np.int64)
    count = int(mask.sum())
    number[mask] = np.arange(count)
    diagonal = np.full(count, 2.0 + 2.0 * vertical_stiffness)
    lowest = number[np.flatnonzero(mask.any(axis=1))[-1]]
    diagonal[lowest[lowest >= 0]] -= vertical_stiffness * (1.0 - bottom_hold)
    own = np.arange(count)
    rows: list[NDArray[np.int64]] = [own]
    columns: list[NDArray[np.int64]] = [own]
    weights = [diagonal]
    pairs = ((number[:, :-1], number[:, 1:], 1.0), (number[:-1], number[1:], vertical_stiffness))
    for first, second, weight in pairs:
        both = (first >= 0) & (second >= 0)
        rows += [first[both], second[both]]
        columns += [second[both], first[both]]
        weights.append(np.full(2 * int(both.sum()), -weight))
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csc_matrix(entries, shape=(count, count))

"""Which triangle is seen in each pixel: an orthographic z-buffer in numpy, by spans of pixels along rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 200_000  # of faces; keeps memory small whatever the mesh

Array = NDArray[np.floating]
Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fragments:
    """The visible surface: one entry a covered pixel."""

    pixel: Index  # row · size + column
    face: Index
    weights: NDArray[np.float64]  # (N, 3), of the face's corners


@dataclass(frozen=True, slots=True)
class _Layers:
    """What has been drawn so far, a value each a pixel."""

    depth: Array
    owner: Index
    size: int


def rasterise(corners: Array, size: int) -> Fragments:
    """`corners` (F, 3, 3): x and y in pixels (y down), z towards the eye. Faces that look away are left out."""
    facing = np.flatnonzero(_twice_area(corners) < -1e-9)  # y down turns the winding round
    heights = corners[facing, :, 1]
    first = np.ceil(heights.min(axis=1) - 0.5).clip(0, size).astype(np.int64)
    last = np.floor(heights.max(axis=1) - 0.5).clip(-1, size - 1).astype(np.int64)
    rows = np.maximum(last - first + 1, 0)
    depth, owner = np.full(size * size, -np.inf), np.full(size * size, -1, dtype=np.int64)
    batch = np.cumsum(rows) // ROWS_AT_ONCE
    for number in range(int(batch[-1]) + 1 if len(batch) else 0):
        some = batch == number
        face, row = _expand(facing[some], first[some], rows[some])
        _draw_spans(corners, face, row, _Layers(depth, owner, size))
    pixel = np.flatnonzero(owner >= 0)
    face = owner[pixel]
    x, y = np.asarray(pixel % size + 0.5), np.asarray(pixel // size + 0.5)
    return Fragments(pixel, face, _weights(corners[face], x, y))


def _expand(items: Index, first: Index, counts: Index) -> tuple[Index, Index]:
    """Each item `counts` times, beside the running numbers from `first` on."""
    start = np.repeat(np.cumsum(counts) - counts - first, counts)
    return np.repeat(items, counts), np.arange(int(counts.sum())) - start


def _draw_spans(corners: Array, face: Index, row: Index, layers: _Layers) -> None:
    """Fill the pixels of each face in each of its rows, where nothing nearer has been drawn."""
    left, right = _span(corners[face], row + 0.5)
    size, depth, owner = layers.size, layers.depth, layers.owner
    first = np.ceil(left - 0.5).clip(0, size).astype(np.int64)
    counts = (np.floor(right - 0.5).clip(-1, size - 1).astype(np.int64) - first + 1).clip(0)
    which, column = _expand(np.arange(len(face)), first, counts)
    if len(which) == 0:
        return
    at_left, slope = _depth(corners[face], left, row + 0.5)
    z = at_left[which] + slope[which] * (column + 0.5 - left[which])
    pixel = row[which] * size + column
    order = np.argsort(z, kind="stable")  # the nearest is written last
    pixel, z, which = pixel[order], z[order], which[order]
    nearer = z > depth[pixel]
    depth[pixel[nearer]] = z[nearer]
    owner[pixel[nearer]] = face[which[nearer]]


def _span(corners: Array, y: Array) -> tuple[Array, Array]:
    """From where to where each triangle reaches along the line at y."""
    left, right = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        (x0, y0), (x1, y1) = corners[:, start, :2].T, corners[:, end, :2].T
        crosses = (np.minimum(y0, y1) <= y) & (y <= np.maximum(y0, y1)) & (y0 != y1)
        x = x0 + (x1 - x0) * (y - y0) / np.where(y0 == y1, 1.0, y1 - y0)
        left, right = np.where(crosses, np.minimum(left, x), left), np.where(crosses, np.maximum(right, x), right)
    empty = left > right
    return np.where(empty, 0.0, left), np.where(empty, -1.0, right)


def _depth(corners: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """The depth of each triangle's plane at (x, y), and its change a pixel to the right."""
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (corners[:, index].T for index in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    across = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) / area
    down = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) / area
    return az + across * (x - ax) + down * (y - ay), across


def _twice_area(corners: Array) -> Array:
    first, second = corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]


def _weights(corners: Array, x: Array, y: Array) -> NDArray[np.float64]:
    """Barycentric coordinates of (x, y) in each triangle."""
    (ax, ay), (bx, by), (cx, cy) = (corners[:, index, :2].T for index in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    second = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
    third = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
    return np.stack([1.0 - second - third, second, third], axis=1, dtype=np.float64)

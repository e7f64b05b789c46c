"""Growing, shrinking and labelling of masks; radii in pixels, round in every direction."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
EIGHT = np.ones((3, 3), dtype=bool)  # neighbours by edge and by corner


def depth_inside(mask: Mask) -> NDArray[np.float64]:
    """Each pixel's distance to the nearest one outside; beyond the frame counts as outside."""
    return ndi.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]


def grow(mask: Mask, radius: float) -> Mask:
    return ndi.distance_transform_edt(~mask) <= radius if mask.any() else mask


def shrink(mask: Mask, radius: float) -> Mask:
    return depth_inside(mask) > radius


def components(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Labels from 1 of the 8-connected parts, and the size of each (index 0: everything outside)."""
    labels, count = ndi.label(mask, EIGHT)
    return labels, np.bincount(labels.ravel(), minlength=count + 1)


def largest_component(mask: Mask) -> Mask:
    labels, sizes = components(mask)
    return mask if len(sizes) <= 2 else labels == 1 + int(np.argmax(sizes[1:]))


def nearest_inside(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each pixel the row and column of the nearest one inside (itself where it is inside)."""
    rows, columns = ndi.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    return rows, columns


def bounds(mask: Mask) -> tuple[int, int, int, int]:
    """Top, bottom, left, right; bottom and right are one past the last pixel."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1

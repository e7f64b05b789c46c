"""The same mesh as each kind of file wants it: how large, which way up, where the origin lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def for_viewing(vertices: Points) -> Points:
    """Centred on the origin, longest side 1, Y up."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return (vertices - (low + high) / 2) / max(float((high - low).max()), 1e-12)


def for_print(vertices: Points, height_mm: float) -> Points:
    """Millimetres, Z up, centred in x and y, from z = 0 to exactly the height."""
    upright = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=1)
    low, high = upright.min(axis=0), upright.max(axis=0)
    origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    scaled = (upright - origin) * (height_mm / max(float(high[2] - low[2]), 1e-12))
    scaled[:, 2] = np.clip(scaled[:, 2], 0.0, height_mm)  # rounding may not add a layer
    return scaled


def in_metres(vertices: Points, height_mm: float) -> Points:
    """Y up, standing on y = 0, in the metres that glTF prescribes."""
    printed = for_print(vertices, height_mm) / 1000.0
    return np.stack([printed[:, 0], printed[:, 2], -printed[:, 1]], axis=1)

"""The shape in which a finished model travels from its provider to the files we keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, slots=True, eq=False)
class TexturedMesh:
    """A welded triangle mesh with one texture atlas: Y up, front towards +Z, in any unit.

    `faces` index `vertices`; `uv_faces` index `uv` (origin lower left), so that a seam does not split the solid.
    """

    vertices: NDArray[np.float64]  # (V, 3)
    faces: NDArray[np.int64]  # (F, 3), counter-clockwise seen from outside
    uv: NDArray[np.float64]  # (T, 2), 0 to 1
    uv_faces: NDArray[np.int64]  # (F, 3)
    texture: Image.Image | None  # RGB
    faceted: bool = False  # shaded flat, as a low-poly figure is
    repaired: tuple[str, ...] = ()  # what had to be put right in what a vendor sent: see read_parts.py

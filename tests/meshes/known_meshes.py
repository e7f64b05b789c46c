"""Small meshes whose measures are known."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lumi_box.meshes.mesh import TexturedMesh

QUADS = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def box(width: float = 2.0, height: float = 4.0, depth: float = 1.0, **options) -> TexturedMesh:
    """A textured box, off the origin; its corners are shared, its six sides have texture places of their own."""
    corners = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
    faces = np.array([tri for a, b, c, d in QUADS for tri in ((a, b, c), (a, c, d))])
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float64)
    uv = np.concatenate([square * 0.3 + [0.33 * (side % 3), 0.5 * (side // 3)] for side in range(6)])
    uv_faces = np.array([tri for a in range(0, 24, 4) for tri in ((a, a + 1, a + 2), (a, a + 2, a + 3))])
    vertices = corners * [width, height, depth] + [5.0, 7.0, -3.0]
    texture = options.pop("texture", Image.new("RGB", (32, 16), "#c04030"))
    return TexturedMesh(vertices, faces, uv, uv_faces, texture, **options)

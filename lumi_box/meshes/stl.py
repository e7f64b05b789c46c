"""Binary STL for printing."""

from __future__ import annotations

import struct

import numpy as np

from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.meshes.normals import face_normals
from lumi_box.meshes.placed import for_print

HEADER_BYTES = 80
TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def write_stl(mesh: TexturedMesh, height_mm: float) -> bytes:
    """Millimetres, Z up, from z = 0 to the height. The header must not begin with "solid": that marks a text STL."""
    vertices = for_print(mesh.vertices, height_mm)
    triangles = np.zeros(len(mesh.faces), dtype=TRIANGLE)
    triangles["normal"] = face_normals(vertices, mesh.faces)
    triangles["corners"] = vertices[mesh.faces]
    header = b"lumi-box, millimetres, Z up".ljust(HEADER_BYTES)
    return header + struct.pack("<I", len(triangles)) + triangles.tobytes()

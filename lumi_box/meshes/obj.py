"""Wavefront OBJ with its material: positions stay shared across texture seams."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.meshes.normals import corner_normals
from lumi_box.meshes.placed import for_viewing

MATERIAL = "surface"


def write_obj(mesh: TexturedMesh, material_file: str) -> bytes:
    """Centred, longest side 1, Y up. Normals are written, since viewers make flat ones where they are missing."""
    vertices = for_viewing(mesh.vertices)
    normals, normal_faces = corner_normals(vertices, mesh.faces, faceted=mesh.faceted)
    corners = np.stack([mesh.faces, mesh.uv_faces, normal_faces], axis=-1) + 1
    parts = [
        f"mtllib {material_file}\no model\n",
        _lines("v %.6f %.6f %.6f\n", vertices),
        _lines("vt %.5f %.5f\n", mesh.uv),
        _lines("vn %.4f %.4f %.4f\n", normals),
        f"usemtl {MATERIAL}\ns {'off' if mesh.faceted else '1'}\n",
        _lines("f %d/%d/%d %d/%d/%d %d/%d/%d\n", corners.reshape(-1, 9)),
    ]
    return "".join(parts).encode("ascii")


def write_mtl(texture_file: str) -> bytes:
    text = f"newmtl {MATERIAL}\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nd 1\nillum 1\nmap_Kd {texture_file}\n"
    return text.encode("ascii")


def _lines(line: str, rows: NDArray) -> str:
    """One formatting of everything at once: ten times faster than a line at a time."""
    return (line * len(rows)) % tuple(rows.ravel().tolist())

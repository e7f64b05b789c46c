"""From the signed field to a closed, slim triangle mesh of one part."""

from __future__ import annotations

from dataclasses import dataclass

import manifold3d
import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from lumi_box.errors import Refused
from lumi_box.providers.builtin.volume import VOXEL_MM, Field

FINE_MM = 0.03  # a seventh of a print layer
FACETED_MM = 0.45


@dataclass(frozen=True, slots=True)
class Surface:
    """In mm: x as on the framed object, y up from the ground, z to the front; faces counter-clockwise from outside."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]


def extract_surface(field: Field, *, faceted: bool) -> Surface:
    """The zero surface by marching cubes; the largest part of it; simplified by hundredths of a millimetre."""
    corners, faces, _, _ = marching_cubes(field.values, 0.0, allow_degenerate=False)
    vertices = np.empty_like(corners)
    vertices[:, 0] = field.left + corners[:, 1] * VOXEL_MM
    vertices[:, 1] = field.floor - corners[:, 0] * VOXEL_MM
    vertices[:, 2] = field.rear + corners[:, 2] * VOXEL_MM
    standing = _manifold(vertices, faces).trim_by_plane((0.0, 1.0, 0.0), 0.0)
    solid = _largest_part(standing).simplify(FACETED_MM if faceted else FINE_MM)
    mesh = solid.to_mesh()
    return Surface(
        np.asarray(mesh.vert_properties, dtype=np.float64)[:, :3], np.asarray(mesh.tri_verts, dtype=np.int64)
    )


def _manifold(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> manifold3d.Manifold:
    for winding in (faces[:, ::-1], faces):
        triangles = np.ascontiguousarray(winding, dtype=np.uint32)
        solid = manifold3d.Manifold(manifold3d.Mesh(vert_properties=vertices, tri_verts=triangles))
        if solid.status() == manifold3d.Error.NoError and solid.volume() > 0:
            return solid
    raise Refused("No solid model can be made from this picture. Please pick another one.", code="no_solid")


def _largest_part(solid: manifold3d.Manifold) -> manifold3d.Manifold:
    parts = solid.decompose()
    return max(parts, key=lambda part: part.volume()) if len(parts) > 1 else solid

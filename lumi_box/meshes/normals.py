"""Which way a surface looks: a face, and each corner of a face where the surface is smooth but for its creases."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Faces = NDArray[np.int64]

CREASE_COSINE = math.cos(math.radians(50.0))


def face_normals(vertices: Points, faces: Faces) -> Points:
    """Of length 1; a face without area looks nowhere (zeros)."""
    return _unit(_areas(vertices, faces))


def corner_normals(vertices: Points, faces: Faces, *, faceted: bool = False) -> tuple[Points, Faces]:
    """The normals, and for each corner of each face which of them is its own.

    Faceted, each face has one normal. Else the faces around a vertex share the mean of theirs, weighted by area;
    those that turn away from the largest by more than a crease have a mean of their own, so that a flat bottom
    keeps its sharp edge.
    """
    if faceted:
        return face_normals(vertices, faces), np.repeat(np.arange(len(faces))[:, None], 3, axis=1)
    areas = _areas(vertices, faces)
    looks = _unit(areas)
    leader = _largest_face_around(faces, np.linalg.norm(areas, axis=1))
    away = np.einsum("fkd,fd->fk", looks[leader[faces]], looks) < CREASE_COSINE
    used, normal_faces = np.unique(faces * 2 + away, return_inverse=True)
    normal_faces = normal_faces.reshape(-1, 3)
    total = np.empty((len(used), 3))
    for axis in range(3):
        total[:, axis] = np.bincount(normal_faces.ravel(), weights=np.repeat(areas[:, axis], 3), minlength=len(used))
    return _unit(total), normal_faces


def _largest_face_around(faces: Faces, area: Points) -> Faces:
    """For each vertex the number of its largest face."""
    vertex, face = faces.ravel(), np.repeat(np.arange(len(faces)), 3)
    order = np.argsort(area[face], kind="stable")  # the largest is written last
    leader = np.zeros(int(faces.max()) + 1, dtype=np.int64)
    leader[vertex[order]] = face[order]
    return leader


def _areas(vertices: Points, faces: Faces) -> Points:
    """Twice the area of each face, along its normal."""
    first, second, third = (vertices[faces[:, corner]] for corner in range(3))
    return np.cross(second - first, third - first)


def _unit(vectors: Points) -> Points:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)

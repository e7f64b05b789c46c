"""What can be said of a mesh from its triangles alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Faces = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Of the print file: sizes in mm, Z up, at the height it was written for."""

    face_count: int
    vertex_count: int
    size_mm: tuple[float, float, float]
    volume_cm3: float


def is_watertight(faces: Faces) -> bool:
    """Every edge belongs to exactly two faces, which run along it in opposite directions."""
    if len(faces) == 0:
        return False
    starts, ends = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    size = int(faces.max()) + 1
    forward, backward = np.sort(starts * size + ends), np.sort(ends * size + starts)
    once = bool((forward[1:] != forward[:-1]).all())
    return once and bool((starts != ends).all()) and bool((forward == backward).all())


def volume(vertices: Points, faces: Faces) -> float:
    """Signed; positive when the faces turn counter-clockwise seen from outside."""
    return float(_six_volumes(vertices, faces).sum() / 6.0)


def centre_of_mass(vertices: Points, faces: Faces) -> Points:
    """Of the solid, evenly filled."""
    weights = _six_volumes(vertices, faces)
    corners = vertices[faces].sum(axis=1)  # with the origin the four corners of each tetrahedron
    return (corners * weights[:, None]).sum(axis=0) / (4.0 * weights.sum())


def support_margin(vertices: Points, faces: Faces, *, up: int = 1, contact: float = 0.02) -> float:
    """How far the centre of mass lies inside the hull of what touches the ground; negative: it tips over."""
    ground = vertices[vertices[:, up] <= vertices[:, up].min() + contact]
    level = [axis for axis in range(3) if axis != up]
    hull = convex_hull(ground[:, level])
    if len(hull) < 3:
        return -float("inf")
    along = np.roll(hull, -1, axis=0) - hull
    towards = centre_of_mass(vertices, faces)[level] - hull
    inward = along[:, 0] * towards[:, 1] - along[:, 1] * towards[:, 0]
    return float((inward / np.hypot(along[:, 0], along[:, 1])).min())


def convex_hull(points: Points) -> Points:
    """Counter-clockwise, by Andrew's monotone chain."""
    ordered = np.unique(points, axis=0)
    if len(ordered) < 3:
        return ordered
    chain = _half_hull(ordered.tolist()) + _half_hull(ordered[::-1].tolist())
    return np.array(chain)


def _half_hull(points: list[list[float]]) -> list[list[float]]:
    """The hull's right side from the first point to the last, which is left out."""
    chain: list[list[float]] = []
    for point in points:
        while len(chain) >= 2 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain[:-1]


def _turn(first: list[float], second: list[float], third: list[float]) -> float:
    return (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])


def _six_volumes(vertices: Points, faces: Faces) -> Points:
    """Of the tetrahedra between each face and the origin."""
    first, second, third = (vertices[faces[:, corner]] for corner in range(3))
    return np.einsum("ij,ij->i", first, np.cross(second, third))

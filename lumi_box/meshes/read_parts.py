"""What every reader of a mesh hands on: bare arrays and surfaces, to be welded, baked into one texture and checked."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lumi_box.meshes.measure import is_watertight, volume
from lumi_box.meshes.read_texture import bad_model

MAX_FACES = 2_000_000
MAX_VERTICES = 2_000_000  # less than 2^21: see _keys
MAX_UV = 2 * MAX_VERTICES
GREY = (0.7, 0.7, 0.7)
WELDED, DEGENERATE = "WELDED", "DEGENERATE_FACES_REMOVED"
DOUBLED, TURNED = "DOUBLED_FACES_REMOVED", "TURNED_OUTSIDE_OUT"

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Surface:
    """A plain sRGB colour from 0 to 1, or a texture; `tint` multiplies the texture in linear light."""

    colour: Colour
    texture: Hashable | None = None
    tint: Colour = (1.0, 1.0, 1.0)


@dataclass(slots=True)
class Parts:
    """`uv_faces` is -1 where a corner has no place in the texture; `face_surfaces` indexes `surfaces`."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    uv: NDArray[np.float64]
    uv_faces: NDArray[np.int64]
    face_surfaces: NDArray[np.int64]
    surfaces: list[Surface]
    open_texture: Callable[[Hashable], BinaryIO]
    repaired: list[str] = field(default_factory=list)


def check_counts(faces: int, vertices: int) -> None:
    if faces > MAX_FACES or vertices > MAX_VERTICES:
        raise bad_model(f"{faces} faces and {vertices} vertices or more")


def checked(parts: Parts) -> Parts:
    """Welds, drops what carries no shape, and refuses what is left if that is no solid thing."""
    if len(parts.faces) == 0:
        raise bad_model("no faces")
    _check_indices(parts.faces, len(parts.vertices), lowest=0)
    _check_indices(parts.uv_faces, len(parts.uv), lowest=-1)
    if not (np.isfinite(parts.vertices).all() and np.abs(parts.vertices).max() < 1e9):
        raise bad_model("a coordinate is not a sane number")
    parts.uv = np.nan_to_num(parts.uv, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    _weld(parts)
    _drop_doubles(parts)
    _turn(parts)
    _check_extent(parts)
    return parts


def _check_indices(faces: NDArray[np.int64], count: int, lowest: int) -> None:
    if faces.min() < lowest or faces.max() >= count:
        raise bad_model("a face points to a vertex that is not there")


def _weld(parts: Parts) -> None:
    """Vertices of the same place become one; those of no face and faces without an area's three corners go."""
    x, y, z = parts.vertices.T
    order = np.lexsort((z, y, x))
    placed = parts.vertices[order]
    is_first = np.ones(len(placed), bool)
    is_first[1:] = (placed[1:] != placed[:-1]).any(axis=1)
    number = np.empty(len(placed), np.int64)
    number[order] = np.cumsum(is_first) - 1
    if not is_first.all():
        parts.repaired.append(WELDED)
    _use_vertices(parts, placed[is_first], number[parts.faces])


def _use_vertices(parts: Parts, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> None:
    first, second, third = faces.T
    kept = (first != second) & (second != third) & (third != first)
    if not kept.all():
        parts.repaired.append(DEGENERATE)
        faces, parts.uv_faces, parts.face_surfaces = faces[kept], parts.uv_faces[kept], parts.face_surfaces[kept]
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    parts.vertices = vertices[used]
    parts.faces = (np.cumsum(used) - 1)[faces]


def _drop_doubles(parts: Parts) -> None:
    """Of faces with the same corners in the same turn the first stays: a second one only makes edges crowded."""
    keys = _keys(parts.faces)
    ordered = np.sort(keys)
    if (ordered[1:] == ordered[:-1]).any():
        kept = np.sort(np.unique(keys, return_index=True)[1])
        parts.repaired.append(DOUBLED)
        parts.faces, parts.uv_faces = parts.faces[kept], parts.uv_faces[kept]
        parts.face_surfaces = parts.face_surfaces[kept]


def _keys(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same number for the same corners in the same turn, whichever comes first: 21 bits for each."""
    first, second, third = faces.T
    least = faces.min(axis=1)
    after = np.where(first == least, second, np.where(second == least, third, first))
    last = first + second + third - least - after
    return (least << 42) | (after << 21) | last


def _turn(parts: Parts) -> None:
    """A closed surface whose faces all look inwards is turned; slicers take such a solid for a hole."""
    if volume(parts.vertices, parts.faces) < 0 and is_watertight(parts.faces):
        parts.repaired.append(TURNED)
        parts.faces, parts.uv_faces = parts.faces[:, ::-1], parts.uv_faces[:, ::-1]


def _check_extent(parts: Parts) -> None:
    if len(parts.faces) < 4:
        raise bad_model(f"only {len(parts.faces)} faces that have an area")
    sides = np.ptp(parts.vertices, axis=0)
    if sides.min() <= max(1e-6 * sides.max(), 1e-12):
        raise bad_model("flat")

"""Which primitives of a glTF are shown, and where its nodes put them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumi_box.meshes.read_texture import bad_model

MAX_NODES = 10_000
MAX_PRIMITIVES = 4096
TRIANGLES, STRIP, FAN = 4, 5, 6

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    primitive: dict[str, Any]
    matrix: Matrix

    @property
    def mode(self) -> int:
        mode: int = self.primitive.get("mode", TRIANGLES)
        return mode


def placed_primitives(document: dict[str, Any]) -> list[Placed]:
    """All that make up surfaces; points and lines are left out."""
    placed = [
        Placed(primitive, matrix)
        for mesh, matrix in _placed_meshes(document)
        for primitive in document["meshes"][mesh]["primitives"]
    ]
    if len(placed) > MAX_PRIMITIVES:
        raise bad_model(f"{len(placed)} primitives")
    return [each for each in placed if each.mode in (TRIANGLES, STRIP, FAN)]


def triangles(order: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """The corners of each face from the order in which the vertices come."""
    if mode == TRIANGLES:
        return order[: len(order) // 3 * 3].reshape(-1, 3)
    if len(order) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == FAN:
        return np.stack([np.broadcast_to(order[0], len(order) - 2), order[1:-1], order[2:]], axis=1)
    strip = np.stack([order[:-2], order[1:-1], order[2:]], axis=1)
    strip[1::2] = strip[1::2, [1, 0, 2]]  # every other triangle of a strip turns the other way
    return strip


def _placed_meshes(document: dict[str, Any]) -> list[tuple[int, Matrix]]:
    nodes = document.get("nodes", [])
    waiting = [(number, np.eye(4)) for number in _roots(document, nodes)]
    if not nodes:
        return [(number, np.eye(4)) for number in range(len(document.get("meshes", [])))]
    found: list[tuple[int, Matrix]] = []
    visited = 0
    while waiting:
        number, above = waiting.pop()
        visited += 1
        if visited + len(waiting) > MAX_NODES:
            raise bad_model("a scene of too many nodes, or one that contains itself")
        node = nodes[number]
        matrix = above @ _matrix(node)
        if "mesh" in node:  # a skinned mesh stands where its bones are, and takes no part in the node's movement
            found.append((node["mesh"], np.eye(4) if "skin" in node else matrix))
        waiting.extend((child, matrix) for child in reversed(node.get("children", [])))
    return found


def _roots(document: dict[str, Any], nodes: list[dict[str, Any]]) -> list[int]:
    scenes = document.get("scenes")
    if scenes:
        roots: list[int] = scenes[document.get("scene", 0)].get("nodes", [])
        return roots[::-1]
    children = {child for node in nodes for child in node.get("children", [])}
    return [number for number in reversed(range(len(nodes))) if number not in children]


def _matrix(node: dict[str, Any]) -> Matrix:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T  # column by column
    matrix = np.eye(4)
    matrix[:3, :3] = _rotation(node.get("rotation", [0.0, 0.0, 0.0, 1.0])) * np.array(
        node.get("scale", [1.0, 1.0, 1.0]), np.float64
    ).reshape(1, 3)
    matrix[:3, 3] = node.get("translation", [0.0, 0.0, 0.0])
    return matrix


def _rotation(quaternion: list[float]) -> Matrix:
    x, y, z, w = np.array(quaternion, np.float64) / max(float(np.linalg.norm(quaternion)), 1e-12)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )

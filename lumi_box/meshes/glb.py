"""Binary glTF 2.0 with the texture inside, in metres."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.meshes.normals import corner_normals
from lumi_box.meshes.placed import in_metres

FLOAT, UINT32 = 5126, 5125  # glTF component types
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
ROUGHNESS = 0.75


@dataclass
class _Buffer:
    """The binary chunk as it grows, and the views and accessors that point into it."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def add(self, raw: bytes, target: int | None = None) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)}
        self.views.append(view if target is None else {**view, "target": target})
        self.data += raw
        return len(self.views) - 1

    def add_vectors(self, rows: NDArray[np.float32], *, bounds: bool = False) -> int:
        accessor = {
            "bufferView": self.add(rows.tobytes(), ARRAY_BUFFER),
            "componentType": FLOAT,
            "count": len(rows),
            "type": f"VEC{rows.shape[1]}",
        }
        if bounds:
            accessor |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def add_indices(self, faces: NDArray[np.uint32]) -> int:
        view = self.add(faces.tobytes(), ELEMENT_ARRAY_BUFFER)
        self.accessors.append({"bufferView": view, "componentType": UINT32, "count": faces.size, "type": "SCALAR"})
        return len(self.accessors) - 1


def write_glb(mesh: TexturedMesh, name: str, height_mm: float, image: bytes, media_type: str) -> bytes:
    """`image` is the encoded texture; the mesh stands on y = 0."""
    positions, normals, uv, faces = _split_at_seams(mesh, in_metres(mesh.vertices, height_mm))
    buffer = _Buffer()
    attributes = {
        "POSITION": buffer.add_vectors(positions, bounds=True),
        "NORMAL": buffer.add_vectors(normals),
        "TEXCOORD_0": buffer.add_vectors(uv),
    }
    primitive = {"attributes": attributes, "indices": buffer.add_indices(faces), "material": 0}
    picture = {"bufferView": buffer.add(image), "mimeType": media_type}
    document = _document(name, primitive, picture, buffer)
    return _container(json.dumps(document, separators=(",", ":")).encode(), bytes(buffer.data))


def _split_at_seams(
    mesh: TexturedMesh, vertices: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.uint32]]:
    """glTF has one index for everything: a vertex doubles where its place in the texture or its normal differs."""
    normals, normal_faces = corner_normals(vertices, mesh.faces, faceted=mesh.faceted)
    normals[(normals == 0).all(axis=1)] = [0.0, 1.0, 0.0]  # a zero normal is no valid glTF
    pairs = mesh.uv_faces.ravel() * len(normals) + normal_faces.ravel()
    codes = mesh.faces.ravel() * (len(mesh.uv) * len(normals)) + pairs
    _, first, compact = np.unique(codes, return_index=True, return_inverse=True)
    where, place, look = (each.ravel()[first] for each in (mesh.faces, mesh.uv_faces, normal_faces))
    uv = mesh.uv[place] * [1.0, -1.0] + [0.0, 1.0]  # glTF counts v from the top
    floats = (each.astype("<f4") for each in (vertices[where], normals[look], uv))
    return (*floats, compact.reshape(-1, 3).astype("<u4"))  # type: ignore[return-value]


def _document(name: str, primitive: dict[str, Any], picture: dict[str, Any], buffer: _Buffer) -> dict[str, Any]:
    surface = {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": ROUGHNESS}
    return {
        "asset": {"version": "2.0", "generator": "lumi-box"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [{"name": name, "primitives": [primitive]}],
        "materials": [{"name": "surface", "pbrMetallicRoughness": surface}],
        "textures": [{"sampler": 0, "source": 0}],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],  # trilinear, clamped
        "images": [picture],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }


def _container(document: bytes, binary: bytes) -> bytes:
    document += b" " * (-len(document) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<II", len(document), JSON_CHUNK) + document
    chunks += struct.pack("<II", len(binary), BINARY_CHUNK) + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

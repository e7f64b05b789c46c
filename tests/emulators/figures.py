"""Turned figures with a texture, as the files a 3D vendor delivers: OBJ with MTL and PNG, GLB, STL."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image

from emulators.pictures import picture

SECTORS, RINGS = 48, 32


@dataclass(frozen=True, slots=True)
class Figure:
    """Y up, about one unit high; `texture` is a PNG."""

    vertices: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    texture: bytes


def figure(words: str, source: bytes | None = None) -> Figure:
    """A lathe body whose outline depends on the words, covered with the picture it was ordered with."""
    dice = hashlib.sha256(words.encode()).digest()
    heights = np.linspace(0.0, 1.0, RINGS + 1)
    waves = 0.06 * np.sin(heights * (4 + dice[0] % 9) + dice[1])
    radii = np.sqrt(np.clip(heights * (1 - heights), 0, None)) * (0.6 + dice[2] / 1000) * (1 + waves)
    turns = np.linspace(0.0, 1.0, SECTORS + 1)
    angles = turns * 2 * np.pi
    x, z = np.outer(radii, np.cos(angles)), np.outer(radii, np.sin(angles))
    y = np.repeat(heights[:, None], SECTORS + 1, axis=1)
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(np.float32)
    uv = np.stack(np.meshgrid(turns, heights), axis=-1).reshape(-1, 2).astype(np.float32)
    return Figure(vertices, uv, _faces(), _texture(words, source))


def obj_text(body: Figure, library: str) -> bytes:
    lines = ["# exported", f"mtllib {library}", "o figure"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in body.vertices]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in body.uv]
    lines += ["usemtl skin"]
    lines += [f"f {a}/{a} {b}/{b} {c}/{c}" for a, b, c in body.faces + 1]
    return "\n".join([*lines, ""]).encode()


def mtl_text(texture: str) -> bytes:
    return f"newmtl skin\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nmap_Kd {texture}\n".encode()


def glb(body: Figure) -> bytes:
    """Binary glTF 2.0 with the texture inside; glTF counts v from the top."""
    uv = np.column_stack([body.uv[:, 0], 1 - body.uv[:, 1]]).astype(np.float32)
    parts = [body.vertices.tobytes(), uv.tobytes(), body.faces.astype(np.uint32).tobytes(), body.texture]
    views, binary = [], b""
    for part in parts:
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(part)})
        binary += part + bytes(-len(part) % 4)
    count, corners = len(body.vertices), body.faces.size
    low, high = body.vertices.min(axis=0).tolist(), body.vertices.max(axis=0).tolist()
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 3, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": count, "type": "VEC3", "min": low, "max": high},
            {"bufferView": 1, "componentType": 5126, "count": count, "type": "VEC2"},
            {"bufferView": 2, "componentType": 5125, "count": corners, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def stl(body: Figure) -> bytes:
    """Binary, in millimetres, without colour."""
    rows = np.zeros(len(body.faces), dtype=[("normal", "<3f4"), ("corners", "<9f4"), ("spare", "<u2")])
    rows["corners"] = (body.vertices[body.faces] * 100).reshape(-1, 9)
    return bytes(80) + struct.pack("<I", len(rows)) + rows.tobytes()


def _faces() -> np.ndarray:
    """Two triangles a cell, one where the cell touches a pole."""
    ring, sector = (index.ravel() for index in np.meshgrid(np.arange(RINGS), np.arange(SECTORS), indexing="ij"))
    a = ring * (SECTORS + 1) + sector
    b, c, d = a + 1, a + SECTORS + 2, a + SECTORS + 1
    lower, upper = np.column_stack([a, c, b]), np.column_stack([a, d, c])
    return np.concatenate([lower[ring > 0], upper[ring < RINGS - 1]]).astype(np.int64)


def _texture(words: str, source: bytes | None) -> bytes:
    if source is None:
        return picture(words, 512, 512)
    target = io.BytesIO()
    with Image.open(io.BytesIO(source)) as image:
        image.convert("RGB").resize((512, 512)).save(target, "PNG", compress_level=1)
    return target.getvalue()

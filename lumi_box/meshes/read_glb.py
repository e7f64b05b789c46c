"""Binary glTF 2.0: counts are checked in its JSON before any buffer is read, and nothing outside it is opened."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Hashable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lumi_box.meshes.read_atlas import to_srgb
from lumi_box.meshes.read_gltf_buffers import Buffers, whole
from lumi_box.meshes.read_gltf_scene import Placed, placed_primitives, triangles
from lumi_box.meshes.read_parts import GREY, Colour, Parts, Surface, check_counts
from lumi_box.meshes.read_texture import bad_model

MAGIC = b"glTF"
MAX_JSON_BYTES = 4 << 20
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
CLAMP = 33071
# Without these we would read other numbers than were meant. Materials' extensions only refine the look.
UNDERSTOOD = ("KHR_mesh_quantization", "KHR_texture_transform", "EXT_texture_webp")
MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, struct.error)


def read_glb(path: Path) -> Parts:
    try:
        with path.open("rb") as file:
            document, start, length = _open_chunks(file)
        return _Reader(document, Buffers(document, path, start, length)).parts()
    except MALFORMED as error:
        raise bad_model(f"a broken glTF: {type(error).__name__}: {error}"[:300]) from error


def _open_chunks(file: BinaryIO) -> tuple[dict[str, Any], int, int]:
    """The JSON, and where the binary chunk lies."""
    size = file.seek(0, 2)
    file.seek(0)
    magic, version, total, json_length, json_kind = struct.unpack("<4sIIII", file.read(20))
    if magic != MAGIC or version != 2 or total > size or json_kind != JSON_CHUNK or json_length > MAX_JSON_BYTES:
        raise bad_model(f"a binary glTF {version} of {total} bytes in {size}")
    document = json.loads(file.read(json_length))
    header = file.read(8)
    length, kind = struct.unpack("<II", header) if len(header) == 8 else (0, BINARY_CHUNK)
    if kind != BINARY_CHUNK or file.tell() + length > size:
        raise bad_model("a binary glTF that was cut short")
    _check_extensions(document)
    return document, file.tell(), length


def _check_extensions(document: dict[str, Any]) -> None:
    for name in document.get("extensionsRequired", []):
        if name not in UNDERSTOOD and not name.startswith("KHR_materials_"):
            raise bad_model(f"a glTF that needs {name}"[:100])


class _Reader:
    def __init__(self, document: dict[str, Any], buffers: Buffers) -> None:
        self._document, self._buffers = document, buffers

    def parts(self) -> Parts:
        placed = placed_primitives(self._document)
        self._check_counts(placed)
        pieces = [self._piece(each) for each in placed]
        if not pieces:
            raise bad_model("a glTF without triangles")
        surfaces, numbers = self._surfaces(placed)
        lengths = [len(faces) for _, _, faces in pieces]
        bases = np.cumsum([0, *(len(points) for points, _, _ in pieces[:-1])])
        has_uv = np.repeat([uv is not None for _, uv, _ in pieces], lengths)
        faces = np.concatenate([faces + base for (_, _, faces), base in zip(pieces, bases, strict=True)])
        return Parts(
            vertices=np.concatenate([points for points, _, _ in pieces]),
            faces=faces,
            uv=np.concatenate([np.zeros((len(points), 2)) if uv is None else uv for points, uv, _ in pieces]),
            uv_faces=np.where(has_uv[:, None], faces, -1),
            face_surfaces=np.repeat(numbers, lengths),
            surfaces=surfaces,
            open_texture=self._open,
        )

    def _check_counts(self, placed: list[Placed]) -> None:
        faces = vertices = 0
        for each in placed:
            count = self._buffers.count(each.primitive["attributes"]["POSITION"])
            indices = each.primitive.get("indices")
            corners = count if indices is None else self._buffers.count(indices)
            vertices, faces = vertices + count, faces + (corners // 3 if each.mode == 4 else max(corners - 2, 0))
            check_counts(faces, vertices)

    def _piece(self, each: Placed) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.int64]]:
        attributes, indices = each.primitive["attributes"], each.primitive.get("indices")
        points = self._buffers.read(attributes["POSITION"], 3).astype(np.float64)
        order = np.arange(len(points)) if indices is None else self._buffers.read(indices, 1).ravel().astype(np.int64)
        faces = triangles(order, each.mode)
        if len(faces) and faces.max() >= len(points):
            raise bad_model("a face points to a vertex that is not there")
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
            points = points @ each.matrix[:3, :3].T + each.matrix[:3, 3]
            is_mirror = np.linalg.det(each.matrix[:3, :3]) < 0
        faces = faces[:, ::-1] if is_mirror else faces  # a mirror turns them inside out
        return points, self._uv(each), faces

    def _uv(self, each: Placed) -> NDArray[np.float64] | None:
        texture = self._colour_texture(each)
        place = each.primitive["attributes"].get(f"TEXCOORD_{_uv_set(texture)}") if texture else None
        if texture is None or place is None:
            return None
        uv = _transformed(self._buffers.read(place, 2).astype(np.float64), texture)
        sampler = self._document["textures"][texture["index"]].get("sampler")
        settings = self._document["samplers"][sampler] if sampler is not None else {}
        for axis, wrap in enumerate(("wrapS", "wrapT")):
            if settings.get(wrap) == CLAMP:
                uv[:, axis] = np.clip(uv[:, axis], 0.0, 1.0)
        return uv * [1.0, -1.0] + [0.0, 1.0]  # glTF counts v from the top

    def _surfaces(self, placed: list[Placed]) -> tuple[list[Surface], list[int]]:
        wanted = [self._surface(each) for each in placed]
        different = list(dict.fromkeys(wanted))
        return different, [different.index(surface) for surface in wanted]

    def _surface(self, each: Placed) -> Surface:
        material = self._material(each)
        if material is None:
            return Surface(GREY)
        factors = material.get("pbrMetallicRoughness", {}).get("baseColorFactor", [1.0, 1.0, 1.0, 1.0])
        red, green, blue = (min(max(float(value), 0.0), 1.0) for value in factors[:3])
        texture = self._colour_texture(each)
        image = None if texture is None else self._image(self._document["textures"][texture["index"]])
        colour: Colour = (to_srgb(red), to_srgb(green), to_srgb(blue))
        return Surface(colour, image, (red, green, blue))

    def _material(self, each: Placed) -> dict[str, Any] | None:
        number = each.primitive.get("material")
        material: dict[str, Any] | None = None if number is None else self._document["materials"][number]
        return material

    def _colour_texture(self, each: Placed) -> dict[str, Any] | None:
        material = self._material(each) or {}
        texture: dict[str, Any] | None = material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
        return texture

    def _image(self, texture: dict[str, Any]) -> int | None:
        webp = texture.get("extensions", {}).get("EXT_texture_webp", {})
        number = webp.get("source", texture.get("source"))
        return None if number is None else whole(number)

    def _open(self, image: Hashable) -> BinaryIO:
        assert isinstance(image, int)  # noqa: S101  the only kind that this reader gives out
        try:
            return io.BytesIO(self._buffers.image(image))
        except MALFORMED as error:
            raise bad_model(f"a texture that is not there: {error}"[:300]) from error


def _uv_set(texture: dict[str, Any]) -> int:
    """Which texture coordinates; the extension may name others than the texture does."""
    return whole(_transform(texture).get("texCoord", texture.get("texCoord", 0)))


def _transform(texture: dict[str, Any]) -> dict[str, Any]:
    extension: dict[str, Any] = texture.get("extensions", {}).get("KHR_texture_transform", {})
    return extension


def _transformed(uv: NDArray[np.float64], texture: dict[str, Any]) -> NDArray[np.float64]:
    """Scaled, turned and moved, in this order, as the extension has it."""
    transform = _transform(texture)
    if not transform:
        return uv
    angle = float(transform.get("rotation", 0.0))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    scale, offset = transform.get("scale", [1.0, 1.0]), transform.get("offset", [0.0, 0.0])
    moved: NDArray[np.float64] = (uv * np.array(scale, np.float64)) @ turn.T + np.array(offset, np.float64)
    return moved

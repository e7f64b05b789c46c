"""Numbers and bytes out of the buffers of a binary glTF, each read by itself and checked against where it lies."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumi_box.meshes.read_parts import MAX_FACES
from lumi_box.meshes.read_texture import bad_model

MAX_COUNT = 3 * MAX_FACES
MAX_IMAGE_BYTES = 64 << 20
KINDS = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
DATA_URI = "data:"


class Buffers:
    """Malformed JSON shows as KeyError, TypeError or the like, which the reader of the document turns into ours."""

    def __init__(self, document: dict[str, Any], path: Path, start: int, length: int) -> None:
        self._document, self._path, self._start, self._length = document, path, start, length

    def count(self, accessor: int) -> int:
        return whole(self._document["accessors"][accessor]["count"])

    def read(self, accessor: int, width: int) -> NDArray[Any]:
        """(count, width); normalised integers come as the floats they stand for."""
        entry = self._document["accessors"][accessor]
        count, kind = whole(entry["count"]), np.dtype(KINDS[entry["componentType"]]).newbyteorder("<")
        if WIDTHS[entry["type"]] != width or count > MAX_COUNT or "sparse" in entry:
            raise bad_model(f"an accessor of {count} {entry['type']}"[:100])
        if count == 0 or "bufferView" not in entry:
            return np.zeros((count, width), kind)
        view = self._document["bufferViews"][entry["bufferView"]]
        stride = whole(view.get("byteStride", kind.itemsize * width))
        offset = whole(entry.get("byteOffset", 0))
        size = stride * (count - 1) + kind.itemsize * width
        if not kind.itemsize * width <= stride <= 255 or offset + size > whole(view["byteLength"]):
            raise bad_model("an accessor that reaches past its buffer")
        data = self._bytes(view["buffer"], whole(view.get("byteOffset", 0)) + offset, size)
        values: NDArray[Any] = np.ndarray((count, width), kind, data, strides=(stride, kind.itemsize))
        return _unpacked(values) if entry.get("normalized") else values

    def image(self, number: int) -> bytes:
        entry = self._document["images"][number]
        if "bufferView" not in entry:
            return self._data_uri(entry["uri"])
        view = self._document["bufferViews"][entry["bufferView"]]
        length = whole(view["byteLength"])
        if length > MAX_IMAGE_BYTES:
            raise bad_model(f"a texture of {length} bytes")
        return self._bytes(view["buffer"], whole(view.get("byteOffset", 0)), length)

    def _bytes(self, buffer: int, offset: int, size: int) -> bytes:
        entry = self._document["buffers"][buffer]
        if "uri" in entry:
            data = self._data_uri(entry["uri"])[offset : offset + size]
        elif buffer != 0 or offset + size > self._length:
            raise bad_model("a view that reaches past its buffer")
        else:
            with self._path.open("rb") as file:
                file.seek(self._start + offset)
                data = file.read(size)
        if len(data) != size:
            raise bad_model("a view that reaches past its buffer")
        return data

    @staticmethod
    def _data_uri(uri: str) -> bytes:
        """Its size is bounded by that of the JSON that it stands in."""
        head, _, body = uri.partition(",")
        if not head.startswith(DATA_URI) or not head.endswith(";base64"):
            raise bad_model("a glTF that points to another file")
        return base64.b64decode(body, validate=True)


def whole(value: Any) -> int:
    """JSON may hold anything where a count belongs."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a whole number")
    return value


def _unpacked(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "f":
        return values
    highest = np.iinfo(values.dtype).max
    return np.maximum(values.astype(np.float64) / highest, -1.0)

"""Print files at another height, with the standard library alone: the web process does this while it sends them."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

HEADER_BYTES = 84  # text and count of triangles
TRIANGLE_BYTES = 50  # normal, three corners, attribute
TRIANGLES_A_CHUNK = 1024
MODEL_PART = "3D/3dmodel.model"
VERTEX = re.compile(rb'<vertex x="([^"]+)" y="([^"]+)" z="([^"]+)"/>')


def stl_scaled(source: Path, height_mm: float) -> Iterator[bytes]:
    """The binary STL, scaled so that it is `height_mm` tall and stands on z = 0, in chunks of about 50 kB."""
    with source.open("rb") as file:
        low, high = _height_range(file)
        factor = height_mm / (high - low)
        file.seek(0)
        yield file.read(HEADER_BYTES)
        while chunk := file.read(TRIANGLE_BYTES * TRIANGLES_A_CHUNK):
            yield _scale_triangles(chunk, factor, low)


def threemf_scaled(source: Path, height_mm: float) -> bytes:
    """The 3MF as we write it, its vertices scaled to `height_mm` above z = 0.

    Not by the build item's transform: slicers report, and some check, the size without it.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(source) as package, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as copy:
        for entry in package.infolist():
            data = package.read(entry)
            if entry.filename == MODEL_PART:
                data = _scale_vertices(data, height_mm)
            copy.writestr(entry, data, compress_type=entry.compress_type)
    return file.getvalue()


def _triangles(chunk: bytes) -> struct.Struct:
    return struct.Struct("<" + "12fH" * (len(chunk) // TRIANGLE_BYTES))


def _height_range(file: BinaryIO) -> tuple[float, float]:
    """Lowest and highest z of all corners."""
    file.seek(HEADER_BYTES)
    low, high = float("inf"), -float("inf")
    while chunk := file.read(TRIANGLE_BYTES * TRIANGLES_A_CHUNK):
        values = _triangles(chunk).unpack(chunk)
        for first in (5, 8, 11):
            heights = values[first::13]
            low, high = min(low, *heights), max(high, *heights)
    if not high > low:
        raise ValueError("the STL has no height")
    return low, high


def _scale_triangles(chunk: bytes, factor: float, low: float) -> bytes:
    layout = _triangles(chunk)
    values = list(layout.unpack(chunk))
    for place in range(3, 12):  # the normal before them stays as it is
        offset = low if place % 3 == 2 else 0.0
        values[place::13] = [(value - offset) * factor for value in values[place::13]]
    return layout.pack(*values)


def _scale_vertices(model: bytes, height_mm: float) -> bytes:
    heights = [float(match[3]) for match in VERTEX.finditer(model)]
    low, high = min(heights), max(heights)
    factor = height_mm / (high - low)

    def scaled(match: re.Match[bytes]) -> bytes:
        x, y, z = (float(match[axis]) for axis in (1, 2, 3))
        return b'<vertex x="%.5f" y="%.5f" z="%.5f"/>' % (x * factor, y * factor, (z - low) * factor)

    return VERTEX.sub(scaled, model)

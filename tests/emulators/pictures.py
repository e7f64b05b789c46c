"""Painted pictures: one shaded object on a plain background, the same for the same words and different for others."""

from __future__ import annotations

import colorsys
import functools
import hashlib
import io
import struct
import zlib

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]


def one_of(words: str, distinct: int | None) -> str:
    """The words, or one of so many stand-ins for them: pictures that are already painted cost no time."""
    return words if distinct is None else str(zlib.crc32(words.encode()) % distinct)


@functools.lru_cache(maxsize=64)
def picture(words: str, width: int = 512, height: int = 512) -> bytes:
    """A PNG of exactly this size."""
    dice = hashlib.sha256(words.encode()).digest()
    canvas = Image.new("RGB", (width, height), _colour(dice[0], 0.05, 0.97))
    side = min(width, height)
    draw = ImageDraw.Draw(canvas)
    body, light = _colour(dice[1], 0.75, 0.75), _colour(dice[1], 0.55, 0.9)
    left, top = (width - side) / 2, (height - side) / 2
    (_vase, _beast, _snowman)[dice[2] % 3](draw, left, top, side, dice, body, light)
    target = io.BytesIO()
    canvas.save(target, "PNG", compress_level=1)
    return target.getvalue()


def huge_picture(side: int = 20_000) -> bytes:
    """A PNG of a few dozen kilobytes that decodes to side x side pixels, one bit each."""
    row = bytes(1 + (side + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def noise_picture(side: int) -> bytes:
    """Does not compress: three bytes for every pixel."""
    import numpy as np

    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG", compress_level=0)
    return target.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _colour(hue: int, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue / 256, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _box(left: float, top: float, side: float, x: float, y: float, rx: float, ry: float) -> Box:
    """The ellipse round (x, y), all in parts of the picture's side."""
    return left + (x - rx) * side, top + (y - ry) * side, left + (x + rx) * side, top + (y + ry) * side


def _vase(
    draw: ImageDraw.ImageDraw, left: float, top: float, side: float, dice: bytes, body: Colour, light: Colour
) -> None:
    neck, belly = 0.07 + dice[3] / 4000, 0.2 + dice[4] / 2500
    half = [(0.2, neck * 1.5), (0.27, neck), (0.36, neck), (0.55, belly), (0.7, belly * 0.9), (0.82, belly * 0.5)]
    right = [(left + (0.5 + r) * side, top + y * side) for y, r in half]
    mirrored = [(left + (0.5 - r) * side, top + y * side) for y, r in reversed(half)]
    draw.polygon(right + mirrored, fill=body)
    draw.ellipse(_box(left, top, side, 0.45, 0.6, belly * 0.4, 0.1), fill=light)


def _beast(
    draw: ImageDraw.ImageDraw, left: float, top: float, side: float, dice: bytes, body: Colour, light: Colour
) -> None:
    length, head = 0.2 + dice[3] / 3000, 0.1 + dice[4] / 5000
    for x in (0.5 - length * 0.7, 0.5 - length * 0.35, 0.5 + length * 0.35, 0.5 + length * 0.7):
        draw.rectangle(_box(left, top, side, x, 0.7, 0.03, 0.12), fill=body)
    draw.ellipse(_box(left, top, side, 0.5, 0.58, length, 0.13), fill=body)
    draw.ellipse(_box(left, top, side, 0.5 + length, 0.42, head, head), fill=body)
    draw.ellipse(_box(left, top, side, 0.47, 0.54, length * 0.5, 0.05), fill=light)
    draw.ellipse(_box(left, top, side, 0.53 + length, 0.4, 0.02, 0.02), fill=(30, 30, 30))


def _snowman(
    draw: ImageDraw.ImageDraw, left: float, top: float, side: float, dice: bytes, body: Colour, light: Colour
) -> None:
    low, middle = 0.18 + dice[3] / 4000, 0.13 + dice[4] / 5000
    draw.ellipse(_box(left, top, side, 0.5, 0.7, low, 0.17), fill=body)
    draw.ellipse(_box(left, top, side, 0.5, 0.48, middle, 0.13), fill=body)
    draw.ellipse(_box(left, top, side, 0.5, 0.29, 0.1, 0.1), fill=body)
    draw.ellipse(_box(left, top, side, 0.46, 0.67, low * 0.5, 0.07), fill=light)

"""Lettering in the pack's faces. A character that no face has is left out: an empty box helps nobody."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from lumi_box.providers.builtin.asset_pack import FONTS

# The Chinese face has Latin letters too; these are better, so it comes last.
FACES = (
    *(f"nunito-{part}-800-normal.woff" for part in ("latin", "latin-ext", "cyrillic", "cyrillic-ext", "vietnamese")),
    "zcool-kuaile-chinese-simplified-400-normal.woff",
)


@lru_cache(maxsize=len(FACES))
def characters(face: str) -> frozenset[int]:
    """The code points that a face has a glyph for."""
    return frozenset(_read_cmap(FONTS / face))


def face_of(character: str) -> str | None:
    """The first face that has the character."""
    return next((face for face in FACES if ord(character) in characters(face)), None)


def drawable(text: str) -> str:
    """What of the text the faces can draw, with its spaces evened out."""
    return " ".join("".join(char for char in text if char.isspace() or face_of(char)).split())


@lru_cache(maxsize=64)
def _font(face: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / face, size, layout_engine=ImageFont.Layout.BASIC)


def line_width(text: str, size: int) -> float:
    """Of one drawable line, in pixels."""
    return sum(_font(face, size).getlength(run) for face, run in _runs(text))


def draw_line(image: Image.Image, text: str, size: int, centre: tuple[float, float], fill: tuple[int, ...]) -> None:
    """One drawable line about its centre, changing faces where it must."""
    draw = ImageDraw.Draw(image)
    x, y = centre[0] - line_width(text, size) / 2, centre[1] + 0.36 * size  # the baseline, for capitals and Han alike
    for face, run in _runs(text):
        draw.text((x, y), run, font=_font(face, size), fill=fill, anchor="ls")
        x += _font(face, size).getlength(run)


def _runs(text: str) -> list[tuple[str, str]]:
    """Face and text of each stretch that one face draws. A space goes with the first face."""
    named = ((face_of(char) or FACES[0], char) for char in text)
    return [(face, "".join(char for _, char in group)) for face, group in groupby(named, key=lambda pair: pair[0])]


def _read_cmap(path: Path) -> set[int]:
    """The code points of a WOFF font's character table (formats 4 and 12, which all fonts of today have)."""
    data = path.read_bytes()
    (tables,) = struct.unpack_from(">H", data, 12)
    for at in range(44, 44 + 20 * tables, 20):
        tag, offset, packed, length, _ = struct.unpack_from(">4sIIII", data, at)
        if tag == b"cmap":
            body = data[offset : offset + packed]
            return _code_points(zlib.decompress(body) if packed < length else body)
    raise ValueError(f"{path.name} has no character table")


def _code_points(cmap: bytes) -> set[int]:
    (count,) = struct.unpack_from(">H", cmap, 2)
    found: set[int] = set()
    for index in range(count):
        (offset,) = struct.unpack_from(">I", cmap, 8 + 8 * index)
        (layout,) = struct.unpack_from(">H", cmap, offset)
        if layout == 4:
            found |= _segments(cmap, offset)
        elif layout == 12:
            (groups,) = struct.unpack_from(">I", cmap, offset + 12)
            for at in range(offset + 16, offset + 16 + 12 * groups, 12):
                first, last, _ = struct.unpack_from(">III", cmap, at)
                found |= set(range(first, last + 1))
    return found


def _segments(cmap: bytes, offset: int) -> set[int]:
    """Format 4: parallel lists of the segments' ends, starts, deltas and glyph offsets."""
    (doubled,) = struct.unpack_from(">H", cmap, offset + 6)
    count, lists = doubled // 2, offset + 14
    ends = struct.unpack_from(f">{count}H", cmap, lists)
    starts = struct.unpack_from(f">{count}H", cmap, lists + doubled + 2)
    deltas = struct.unpack_from(f">{count}H", cmap, lists + 2 * doubled + 2)
    offsets_at = lists + 3 * doubled + 2
    found = set()
    for index, (start, end, delta) in enumerate(zip(starts, ends, deltas, strict=True)):
        (glyphs,) = struct.unpack_from(">H", cmap, offsets_at + 2 * index)
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code + delta
            if glyphs:
                (glyph,) = struct.unpack_from(">H", cmap, offsets_at + 2 * index + glyphs + 2 * (code - start))
            if glyph & 0xFFFF:
                found.add(code)
    return found

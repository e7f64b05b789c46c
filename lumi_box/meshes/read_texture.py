"""Pictures from outside, opened with care: three formats, and the size known before a pixel is decoded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image

from lumi_box.errors import Refused

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 40_000_000
MAX_SIDE = 8192

# What Pillow raises on broken or hostile files, over all three decoders.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,  # an exception where warnings are errors
)


@contextmanager
def opened(file: BinaryIO, refused: Callable[[str], Refused], *, min_side: int = 1) -> Iterator[Image.Image]:
    """The picture, not decoded yet; whatever is wrong with it, now or when it is decoded, is raised as `refused`."""
    try:
        with Image.open(file, formats=FORMATS) as picture:
            width, height = picture.size
            fits = min(picture.size) >= min_side and max(picture.size) <= MAX_SIDE and width * height <= MAX_PIXELS
            if not fits:
                raise refused(f"a picture of {width} x {height} pixels")
            yield picture
    except BROKEN as error:
        raise refused(f"{type(error).__name__}: {error}"[:300]) from error


def read_texture(file: BinaryIO, max_side: int) -> Image.Image:
    """As RGB, made smaller where a side is longer than `max_side`."""
    with opened(file, bad_model) as picture:
        picture.draft("RGB", (max_side, max_side))  # lets a large JPEG be decoded at half or a quarter
        plain = picture.convert("RGB")
    plain.thumbnail((max_side, max_side), Image.Resampling.BOX)
    return plain


def bad_model(reason: str) -> Refused:
    """A mesh that cannot be worked with; the reason is for the operator."""
    return Refused("The 3D model that came back cannot be used.", code="bad_model", vendor_text=reason)

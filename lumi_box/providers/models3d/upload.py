"""A picture as Tencent takes it: JPEG, PNG or WebP, 128 to 5000 pixels a side, below 6 MB. For the worker only."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image

from lumi_box.errors import Refused
from lumi_box.meshes.read_texture import opened
from lumi_box.providers.models3d.tencent_errors import ERRORS
from lumi_box.providers.vendor_errors import Meaning

SMALLEST_SIDE, LARGEST_SIDE = 128, 5000
MAX_BYTES = 6_000_000
_QUALITIES = (92, 80)  # of JPEG
_HALVINGS = 4


def fitted(data: bytes) -> bytes:
    """The same bytes where they are within the limits, else the picture made to fit."""
    with opened(io.BytesIO(data), _unusable) as picture:
        sides_fit = min(picture.size) >= SMALLEST_SIDE and max(picture.size) <= LARGEST_SIDE
        if sides_fit and len(data) <= MAX_BYTES:
            return data
        return _smallest_loss(_on_canvas(_on_white(picture)))


def _unusable(reason: str) -> Refused:
    return Refused(ERRORS.text(Meaning.PICTURE_UNUSABLE), code="bad_picture", vendor_text=reason)


def _smallest_loss(picture: Image.Image) -> bytes:
    for encoded in _encodings(picture):
        if len(encoded) <= MAX_BYTES:
            return encoded
    raise Refused(ERRORS.text(Meaning.PICTURE_TOO_LARGE), code="picture_too_large")


def _encodings(picture: Image.Image) -> Iterator[bytes]:
    """From the best to the smallest."""
    yield _encoded(picture, "PNG")
    for _ in range(_HALVINGS):
        for quality in _QUALITIES:
            yield _encoded(picture, "JPEG", quality=quality)
        picture = _on_canvas(picture.reduce(2))


def _encoded(picture: Image.Image, kind: str, **options: int) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    """Without transparency, which JPEG does not have."""
    layer = picture.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def _on_canvas(picture: Image.Image) -> Image.Image:
    """Scaled so that both sides are within the limits; what is too narrow for that gets white margins."""
    width, height = picture.size
    scale = min(max(1.0, SMALLEST_SIDE / min(width, height)), LARGEST_SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    scaled = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)
    if min(size) >= SMALLEST_SIDE:
        return scaled
    canvas = Image.new("RGB", (max(size[0], SMALLEST_SIDE), max(size[1], SMALLEST_SIDE)), "white")
    canvas.paste(scaled, ((canvas.width - size[0]) // 2, (canvas.height - size[1]) // 2))
    return canvas

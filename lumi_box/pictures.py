"""Pictures checked, made plain and made smaller. For the worker only: it loads Pillow."""

import io
from pathlib import Path

from PIL import Image, ImageOps

from lumi_box.errors import Refused
from lumi_box.meshes.read_texture import BROKEN, FORMATS, opened

__all__ = ["BROKEN", "FORMATS", "opened", "reencode", "thumbnail"]

THUMBNAIL_PIXELS = 512
MIN_SIDE = 64


def thumbnail(data: bytes) -> bytes:
    """The picture as WebP, its longer side at most 512 pixels."""
    with Image.open(io.BytesIO(data)) as picture:
        small = picture.convert("RGB")
        small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        target = io.BytesIO()
        small.save(target, "WEBP", quality=82)
    return target.getvalue()


def reencode(source: Path) -> bytes:
    """A PNG of nothing but the pixels, upright; Refused for what is no whole PNG, JPEG or WebP of a sane size."""
    with source.open("rb") as file, opened(file, _bad, min_side=MIN_SIDE) as picture:
        return _plain_png(picture)


def _plain_png(picture: Image.Image) -> bytes:
    """Copies the pixels no more often than it must: 40 megapixels take 160 MB each time."""
    picture.load()  # raises on a file that ends too soon
    ImageOps.exif_transpose(picture, in_place=True)
    plain = picture
    if picture.mode.startswith("I"):  # 16 bits a pixel; convert() would clip them, not scale them
        plain = picture.point(lambda value: value * (1 / 256)).convert("L")
    mode = "RGBA" if "A" in picture.getbands() or "transparency" in picture.info else "RGB"
    plain = plain if plain.mode == mode else plain.convert(mode)
    plain.info.clear()  # what a decoder keeps there, the encoder would write out
    target = io.BytesIO()
    plain.save(target, "PNG", compress_level=4)
    return target.getvalue()


def _bad(reason: str) -> Refused:
    return Refused("The picture that came back cannot be used.", code="bad_picture", vendor_text=reason)

"""From the bytes of a picture to pixels to work on, or a refusal that says what is wrong with them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

from lumi_box.errors import Refused

SMALLEST_SIDE = 64  # px; below this an outline is a staircase
LARGEST_SIDE = 4096
WORKING_SIDE = 1024
EMPTIEST = 0.002  # opaque share of a picture
FORMATS = ("PNG", "JPEG", "WEBP")


def decode_picture(data: bytes) -> Image.Image:
    """The picture upright in RGBA, its longer side at most 1024 px."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_size(picture.size)
            picture.draft("RGB", (WORKING_SIDE, WORKING_SIDE))  # JPEG decodes at a half or a quarter for less
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((4 * WORKING_SIDE, 4 * WORKING_SIDE))  # forces the decoding, so that its errors show here
            return _check_content(_shrink(_to_rgba(upright)))
    except Refused:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as exc:
        text = (
            "This picture cannot be read: it is damaged, or not a PNG, JPEG or WebP. Please paint or upload it again."
        )
        raise Refused(text, code="picture_unreadable", vendor_text=str(exc)) from exc


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if min(size) < SMALLEST_SIDE:
        text = f"This picture is too small ({width} × {height} px); a model needs at least {SMALLEST_SIDE} px a side."
        raise Refused(text, code="picture_too_small")
    if max(size) > LARGEST_SIDE:
        text = (
            f"This picture is too large ({width} × {height} px); at most {LARGEST_SIDE} px a side can be worked with."
        )
        raise Refused(text, code="picture_too_large")


def _check_content(picture: Image.Image) -> Image.Image:
    if float((np.asarray(picture.getchannel("A")) >= 128).mean()) < EMPTIEST:
        text = "This picture is all but transparent: there is nothing to build. Please pick another one."
        raise Refused(text, code="picture_empty")
    return picture


def _to_rgba(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # 16-bit grey: Pillow would clip it at 255 instead of scaling
        grey = np.clip(np.asarray(picture).astype(np.float64) / 257.0, 0, 255).astype(np.uint8)
        picture = Image.fromarray(grey)
    if picture.mode not in ("L", "LA", "P", "PA", "RGB", "RGBA", "1"):
        picture = picture.convert("RGB")
    return picture.convert("RGBA")


def _shrink(picture: Image.Image) -> Image.Image:
    scale = WORKING_SIDE / max(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)

"""Pictures of known shapes to build from."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIDE = 512


def png(picture: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def cut_out(colour: str = "#c04030", side: int = SIDE) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A transparent picture, and what draws on it."""
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    return picture, ImageDraw.Draw(picture)


def disc(radius: int = 200) -> Image.Image:
    picture, draw = cut_out()
    draw.ellipse((SIDE / 2 - radius, SIDE / 2 - radius, SIDE / 2 + radius, SIDE / 2 + radius), fill="#c04030")
    return picture


def block() -> Image.Image:
    """Wide and flat at the bottom: it needs no plate."""
    picture, draw = cut_out()
    draw.rounded_rectangle((100, 80, 420, 440), radius=30, fill="#3070c0")
    return picture


def tilted() -> Image.Image:
    """All its weight far beside its one foot."""
    picture, draw = cut_out()
    draw.line((80, 450, 400, 130), fill="#308040", width=50)
    draw.ellipse((330, 60, 490, 220), fill="#308040")
    return picture


def noise(side: int = 256) -> Image.Image:
    pixels = np.random.default_rng(7).integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((side, side))


def gradient(top: tuple[int, int, int], bottom: tuple[int, int, int], side: int = SIDE) -> Image.Image:
    share = np.linspace(0, 1, side)[:, None, None]
    rows = np.array(top) * (1 - share) + np.array(bottom) * share
    return Image.fromarray(np.broadcast_to(rows, (side, side, 3)).astype(np.uint8))


def with_soft_shadow(background: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """A blurred dark patch below where an object will stand."""
    shade = Image.new("L", background.size, 0)
    ImageDraw.Draw(shade).ellipse(box, fill=90)
    shade = shade.filter(ImageFilter.GaussianBlur(18))
    return Image.composite(Image.new("RGB", background.size, "#181410"), background, shade)


def round_mask(side: int, radius: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return np.hypot(x, y) < radius

"""A medal: the thing embossed on a disc with a rim."""

from __future__ import annotations

import colorsys
import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from lumi_box.providers.builtin.canvas import SIZE, Rgba, fit, over, solid

Colour = tuple[int, int, int, int]

RADIUS = 0.445  # of the canvas
FIELD = 0.875  # of the radius, inside the rim
EMBLEM = 0.54  # of the canvas
METAL_SHARE = 0.5
CLEAR = 50.0  # of 255: how much darker or lighter than its field an emblem must be
METALS: tuple[tuple[Colour, Colour], ...] = (  # rim and field of gold, silver, bronze
    ((190, 138, 32, 255), (240, 206, 112, 255)),
    ((128, 136, 148, 255), (222, 226, 232, 255)),
    ((120, 70, 40, 255), (98, 58, 36, 255)),
)
_FINE = 2  # drawn twice as large: polygons have no smooth edges of their own


def medal(emblem: Rgba, dice: random.Random) -> Rgba:
    """The outline is drawn by lot, and so is the choice of a metal or of the emblem's complementary colour."""
    outline = dice.choice(OUTLINES)
    tone = float(np.median(emblem[..., :3][solid(emblem)].mean(axis=1)))
    metals = [metal for metal in METALS if abs(sum(metal[1][:3]) / 3 - tone) > CLEAR]
    rim, field = dice.choice(metals) if metals and dice.random() < METAL_SHARE else _colours(emblem, dice)
    return over(badge(outline, rim, field), fit(emblem, EMBLEM))


def badge(outline: Callable[[float], float], rim: Colour, field: Colour) -> Rgba:
    """A plate of this outline: radius, 0 to 1, by angle."""
    image = Image.new("RGBA", (SIZE * _FINE, SIZE * _FINE))
    draw = ImageDraw.Draw(image)
    for share, colour in ((1.0, rim), (FIELD, field)):
        draw.polygon(_points(outline, share * RADIUS * SIZE * _FINE), fill=colour)
    return np.array(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def _points(outline: Callable[[float], float], radius: float) -> list[tuple[float, float]]:
    centre, angles = SIZE * _FINE / 2, [math.tau * step / 720 for step in range(720)]
    return [
        (centre + radius * outline(angle) * math.sin(angle), centre - radius * outline(angle) * math.cos(angle))
        for angle in angles
    ]


def circle(_angle: float) -> float:
    return 1.0


def scalloped(angle: float) -> float:
    return 0.975 + 0.025 * math.cos(16 * angle)


def octagon(angle: float) -> float:
    return polygon(angle, 8)


def hexagon(angle: float) -> float:
    return polygon(angle, 6)


def polygon(angle: float, sides: int) -> float:
    """Flat side down."""
    sector = math.tau / sides
    return math.cos(sector / 2) / math.cos((angle % sector) - sector / 2)


OUTLINES = (circle, circle, scalloped, octagon)


def _colours(emblem: Rgba, dice: random.Random) -> tuple[Colour, Colour]:
    """Rim and field: pale under a dark emblem and dark under a pale one."""
    inner = emblem[..., :3][solid(emblem)]
    red, green, blue = (float(value) / 255 for value in np.median(inner, axis=0))
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    hue = (hue + 0.5 + dice.uniform(-0.09, 0.09)) % 1
    pale = value < 0.8
    field = colorsys.hsv_to_rgb(hue, 0.18 if saturation > 0.15 else 0.10, 0.95 if pale else 0.55)
    rim = colorsys.hsv_to_rgb(hue, 0.32, 0.74 if pale else 0.38)
    return opaque(rim), opaque(field)


def opaque(rgb: tuple[float, float, float]) -> Colour:
    """Of channels from 0 to 1."""
    red, green, blue = (int(channel * 255) for channel in rgb)
    return red, green, blue, 255

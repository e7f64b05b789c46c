"""A turned vase drawn by lot: something handsome and printable for a prompt that names nothing."""

from __future__ import annotations

import colorsys
import random

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import PchipInterpolator

from lumi_box.providers.builtin.canvas import SIZE, Rgba, fit
from lumi_box.providers.builtin.styles.medal import Colour, opaque

# Radius from foot to lip, as shares of the height: the families that potters know.
FAMILIES = {
    "amphora": (0.17, 0.14, 0.24, 0.36, 0.38, 0.26, 0.12, 0.11, 0.18),
    "bottle": (0.22, 0.27, 0.30, 0.29, 0.22, 0.12, 0.09, 0.09, 0.13),
    "gourd": (0.19, 0.28, 0.31, 0.24, 0.16, 0.21, 0.22, 0.14, 0.12),
    "baluster": (0.20, 0.16, 0.17, 0.22, 0.29, 0.32, 0.27, 0.17, 0.21),
    "beaker": (0.24, 0.22, 0.21, 0.21, 0.22, 0.24, 0.27, 0.30, 0.34),
    "ginger jar": (0.21, 0.25, 0.30, 0.34, 0.36, 0.35, 0.29, 0.19, 0.19),
}
_FINE = 2
_STEPS = 240


def vase(dice: random.Random, families: tuple[str, ...] = tuple(FAMILIES)) -> Rgba:
    """One of the families, bent a little, in bands of glaze."""
    profile = np.array(FAMILIES[dice.choice(families)]) * [dice.uniform(0.9, 1.1) for _ in range(9)]
    heights = np.linspace(0, 1, _STEPS + 1)
    radii = np.clip(PchipInterpolator(np.linspace(0, 1, len(profile)), profile)(heights), 0.07, 0.42)
    bands = sorted(dice.uniform(0.08, 0.92) for _ in range(dice.randint(2, 5)))
    glazes = _glazes(dice)
    size = SIZE * _FINE
    image = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(image)
    for low, high, bottom, top in zip(heights, heights[1:], radii, radii[1:], strict=False):
        colour = glazes[sum(low >= band for band in bands) % len(glazes)]
        y_low, y_high = size * (0.95 - 0.9 * low) + 1, size * (0.95 - 0.9 * high) - 1
        left, right = (size * (0.5 - side * 0.9) for side in (bottom, -bottom))
        upper_left, upper_right = (size * (0.5 - side * 0.9) for side in (top, -top))
        draw.polygon([(left, y_low), (right, y_low), (upper_right, y_high), (upper_left, y_high)], fill=colour)
    return fit(np.array(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)))


def _glazes(dice: random.Random) -> list[Colour]:
    """A strong, a pale and an accent colour that go together."""
    hue = dice.random()
    accent = (hue + dice.choice((0.08, 0.45, 0.55))) % 1
    tones = ((hue, 0.62, 0.62), (hue, 0.16, 0.95), (accent, 0.6, 0.78))
    return [opaque(colorsys.hsv_to_rgb(*tone)) for tone in tones]

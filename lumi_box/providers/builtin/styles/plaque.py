"""A plaque with the prompt's own words, for a prompt that names nothing we can draw."""

from __future__ import annotations

import colorsys
import math
import random

import numpy as np
from PIL import Image, ImageDraw

from lumi_box.providers.builtin.canvas import SIZE, Rgba
from lumi_box.providers.builtin.styles.medal import Colour, badge, circle, hexagon, opaque, scalloped
from lumi_box.providers.builtin.typeface import draw_line, drawable, line_width

LONGEST_TEXT = 24  # characters: more would be too small to print
MOST_LINES = 3
LARGEST, SMALLEST = 300, 40  # pixels
LINE_HEIGHT = 1.15
CREAM: Colour = (250, 250, 246, 255)
_FINE = 2
_UNSPACED_LINE = 4  # characters of a script without spaces that make a handsome line


def sign(text: str, dice: random.Random) -> Rgba:
    """A rounded board as high as its lines need."""
    rim, field = _colours(dice)
    lines = lettering(text)
    size = _fitting_size(lines, 760, 560)
    half = max(size * LINE_HEIGHT * len(lines) / 2, 110) + 90
    top, bottom = SIZE / 2 - half, SIZE / 2 + half
    corner = dice.choice((40, 90, 150))
    image = Image.new("RGBA", (SIZE * _FINE, SIZE * _FINE))
    draw = ImageDraw.Draw(image)
    for inset, colour in ((0, rim), (42, field)):
        box = [(60 + inset) * _FINE, (top + inset) * _FINE, (SIZE - 60 - inset) * _FINE, (bottom - inset) * _FINE]
        draw.rounded_rectangle(box, max(8, corner - inset // 2) * _FINE, fill=colour)
    return _inscribed(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS), lines, size, dice)


def roundel(text: str, dice: random.Random) -> Rgba:
    """A round or six-sided plate."""
    rim, field = _colours(dice)
    lines = lettering(text)
    plate = Image.fromarray(badge(dice.choice((circle, scalloped, hexagon)), rim, field))
    return _inscribed(plate, lines, _fitting_size(lines, 590, 470), dice)


def lettering(text: str) -> list[str]:
    """Up to three lines of what the faces can draw; none if that is nothing."""
    shown = drawable(text)
    if not any(char.isalnum() for char in shown):
        shown = shown.replace(" ", "")
    shown = shown[:LONGEST_TEXT].strip()
    lines: list[str] = []
    for word in shown.split() if " " in shown else _pieces(shown):
        if lines and " " in shown and len(lines[-1]) + len(word) < 9:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines[:MOST_LINES]


def _pieces(text: str) -> list[str]:
    """A text without spaces in lines of like length."""
    if not text:
        return []
    longest = _UNSPACED_LINE if max(map(ord, text)) > 0x2E80 else 2 * _UNSPACED_LINE
    count = min(MOST_LINES, math.ceil(len(text) / longest))
    length = math.ceil(len(text) / count)
    return [text[at : at + length] for at in range(0, len(text), length)]


def _fitting_size(lines: list[str], width: float, height: float) -> int:
    """The largest size at which all lines fit."""
    sizes = range(LARGEST, SMALLEST, -8)
    return next(
        (
            size
            for size in sizes
            if size * LINE_HEIGHT * len(lines) <= height and all(line_width(line, size) <= width for line in lines)
        ),
        SMALLEST,
    )


def _inscribed(plate: Image.Image, lines: list[str], size: int, dice: random.Random) -> Rgba:
    """The lines in the middle, or a rosette where there are none."""
    if not lines:
        _rosette(plate, dice)
    top = SIZE / 2 - size * LINE_HEIGHT * len(lines) / 2
    for number, line in enumerate(lines):
        draw_line(plate, line, size, (SIZE / 2, top + size * LINE_HEIGHT * (number + 0.5)), CREAM)
    return np.array(plate)


def _rosette(plate: Image.Image, dice: random.Random) -> None:
    """A flower of five to nine petals."""
    petals, radius, centre = dice.randint(5, 9), 150.0, SIZE / 2
    depth, turn = dice.uniform(0.16, 0.3), dice.uniform(0, math.tau)
    points = []
    for step in range(360):
        angle = math.tau * step / 360
        reach = radius * (1 + depth * math.cos(petals * angle + turn))
        points.append((centre + reach * math.cos(angle), centre + reach * math.sin(angle)))
    ImageDraw.Draw(plate).polygon(points, fill=CREAM)


def _colours(dice: random.Random) -> tuple[Colour, Colour]:
    """Rim and field of one hue, dark enough for cream letters."""
    hue = dice.random()
    return opaque(colorsys.hsv_to_rgb(hue, 0.6, 0.45)), opaque(colorsys.hsv_to_rgb(hue, 0.5, 0.7))

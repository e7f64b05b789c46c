"""Recolouring: to a colour that the prompt names, or a little aside for one more look.

All of it works on the pixels of the thing alone, which are less than half of the canvas.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lumi_box.providers.builtin.canvas import Mask, Rgba
from lumi_box.providers.builtin.colour import FloatImage, lab_to_srgb, srgb_to_lab

COLOURFUL = 14.0  # chroma from which a pixel has a hue of its own
HUE_REACH = 0.45  # radians around the dominant hue that are recoloured fully
Rgb = tuple[int, int, int]


def tint(picture: Rgba, rgb: Rgb) -> Rgba:
    """Give the dominant hue of the thing another colour, with its light and shade kept; the rest stays."""
    inside, lab, target = *_pixels(picture), _lab_of(rgb)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    weight = _dominant(lab, chroma)
    chosen = weight > 0.5
    if not chosen.any():
        return picture
    lightness, usual = np.median(lab[chosen, 0]), max(30.0, float(np.median(chroma[chosen])))
    vivid = np.clip(chroma / usual, 0.75, 1.15)
    shifted = np.clip(lab[:, 0] - lightness + target[0] * 0.85 + lightness * 0.15, 4, 99)
    wanted = np.stack([shifted, target[1] * vivid, target[2] * vivid], axis=-1)
    return _with_colours(picture, inside, lab + (wanted - lab) * weight[:, None])


def _dominant(lab: FloatImage, chroma: FloatImage) -> FloatImage:
    """How much each pixel belongs to the main hue; of a grey thing, to all but its dark lines."""
    colourful = chroma > COLOURFUL
    if colourful.mean() < 0.15:
        return np.clip((lab[:, 0] - np.float32(25)) / np.float32(20), 0, 1)
    hue = np.arctan2(lab[:, 2], lab[:, 1])
    counts, edges = np.histogram(hue[colourful], 36, (-np.pi, np.pi), weights=chroma[colourful])
    smooth = np.convolve(np.r_[counts[-2:], counts, counts[:2]], [1, 2, 3, 2, 1], "valid")
    peak = float(edges[int(np.argmax(smooth))]) + np.pi / 36
    away = np.abs((hue - peak + np.pi) % (2 * np.pi) - np.pi)
    weight = np.clip(1.6 - away / HUE_REACH, 0, 1) * np.clip(chroma / COLOURFUL - 0.3, 0, 1)
    return np.asarray(weight, np.float32)


def turn_hue(picture: Rgba, degrees: float, chroma: float = 1.0, lighter: float = 0.0) -> Rgba:
    """All colours a step round the colour wheel."""
    inside, lab = _pixels(picture)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32) * np.float32(chroma)
    lightness = np.clip(lab[:, :1] + np.float32(lighter), 0, 100)
    return _with_colours(picture, inside, np.concatenate([lightness, lab[:, 1:] @ turn], axis=1))


def one_material(picture: Rgba, rgb: Rgb, contrast: float = 0.6) -> Rgba:
    """As if carved from one block: the colour everywhere, the drawing left only as light and dark."""
    inside, lab, target = *_pixels(picture), _lab_of(rgb)
    carved = np.repeat(target[None], len(lab), axis=0)
    carved[:, 0] = np.clip(target[0] + (lab[:, 0] - np.median(lab[:, 0])) * contrast, 8, 97)
    return _with_colours(picture, inside, carved)


def _lab_of(rgb: Rgb) -> FloatImage:
    return srgb_to_lab(np.array(rgb, np.uint8))


def _pixels(picture: Rgba) -> tuple[Mask, FloatImage]:
    """Where the thing is, soft edge included, and the Lab colours there."""
    inside = picture[..., 3] > 0
    return inside, srgb_to_lab(picture[inside, :3])


def _with_colours(picture: Rgba, inside: Mask, lab: NDArray[np.floating]) -> Rgba:
    painted = picture.copy()
    painted[inside, :3] = lab_to_srgb(lab.astype(np.float32))
    return painted

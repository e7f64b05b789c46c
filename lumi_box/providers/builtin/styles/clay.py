"""Clay: a drawing blown up to a body and lit anew, so that the picture shows the solid it will become."""

from __future__ import annotations

import math

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray
from PIL import Image

from lumi_box.providers.builtin.canvas import Mask, Rgba
from lumi_box.providers.builtin.inflate import poisson_inflation
from lumi_box.providers.builtin.regions import colour_regions, region_relief

GRID = 224  # pixels of the height field: fine enough for the relief, quick to solve
LONGEST_MM = 60.0  # the size that prints have by default
RAISE_MM, GROOVE_MM = 1.1, 0.6
BEVEL_MM = 2.2  # the rounded edge of flat things
PLUMPNESS = 0.5
SLOPE = 0.8  # flattens the normals a little, or the rims go black
LAMP, HIGHLIGHT = (-0.45, -0.62, 0.64), (-0.28, -0.40, 1.00)  # directions: right, down, toward the eye
Field = NDArray[np.float32]


def clay(picture: Rgba, *, flat: bool = False, strength: float = 1.0) -> Rgba:
    """Light the thing as a rounded body, or as a plate with a bevelled edge when `flat`."""
    small = Image.fromarray(picture).resize((GRID, GRID), Image.Resampling.BOX)
    mask = np.array(small)[..., 3] > 127
    if not mask.any():
        return picture
    rows, columns = np.nonzero(mask)
    mm_per_pixel = LONGEST_MM / (max(np.ptp(rows), np.ptp(columns)) + 1)
    height = _height(np.array(small)[..., :3], mask, mm_per_pixel, flat)
    scale = picture.shape[0] / GRID
    return _lit(picture, ndi.zoom(height, scale, order=3), mm_per_pixel / scale, strength)


def _height(rgb: NDArray[np.uint8], mask: Mask, mm_per_pixel: float, flat: bool) -> Field:
    """The surface in millimetres: the body, and the colour regions raised on it."""
    if flat:
        edge = np.clip(ndi.distance_transform_edt(mask) * mm_per_pixel / BEVEL_MM, 0, 1)
        body = BEVEL_MM * np.sqrt(1 - (1 - edge) ** 2)
    else:
        body = np.sqrt(np.maximum(4 * poisson_inflation(mask), 0)) * mm_per_pixel * PLUMPNESS
    labels = colour_regions(rgb, mask, mm_per_pixel)
    relief = ndi.gaussian_filter(region_relief(labels, mask, mm_per_pixel, RAISE_MM, GROOVE_MM), 0.3 / mm_per_pixel)
    return ndi.gaussian_filter(body + relief, 0.8).astype(np.float32)


def _lit(picture: Rgba, height: Field, mm_per_pixel: float, strength: float) -> Rgba:
    """One lamp from the upper left, a soft highlight, and darker hollows."""
    inside = picture[..., 3] > 0
    down, right = SLOPE * np.asarray(np.gradient(height, mm_per_pixel), np.float32)[:, inside]
    upright = 1 / np.sqrt(1 + right**2 + down**2)

    def facing(direction: tuple[float, float, float]) -> Field:
        x, y, z = (part / math.hypot(*direction) for part in direction)
        return np.clip((z - x * right - y * down) * upright, 0, 1)

    around = ndi.gaussian_filter(height, 1.2 / mm_per_pixel)
    hollow = np.clip((around - height)[inside] * 0.22, -0.06, 0.25)
    shade = (0.60 + 0.52 * facing(LAMP) - hollow) * strength + (1 - strength)
    light = (picture[inside, :3] / np.float32(255)) ** 2.2
    light = light * shade[:, None] ** 1.25 + 0.055 * strength * facing(HIGHLIGHT)[:, None] ** 28
    lit = picture.copy()
    lit[inside, :3] = np.clip(light, 0, 1) ** (1 / 2.2) * 255
    return lit

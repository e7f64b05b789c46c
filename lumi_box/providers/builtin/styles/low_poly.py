"""Facets: the picture as a net of flat triangles, small where the drawing has edges."""

from __future__ import annotations

import random

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.spatial import Delaunay
from skimage.measure import approximate_polygon, find_contours

from lumi_box.providers.builtin.canvas import Mask, Rgba, solid
from lumi_box.providers.builtin.colour import srgb_to_lab

CORNERS = 260
NEAREST = 38.0  # pixels between corners
OUTLINE_TOLERANCE = 9.0  # pixels that the outline may be off, for the sake of long edges
_COARSE = 4
Points = NDArray[np.float64]


def low_poly(picture: Rgba, dice: random.Random) -> Rgba:
    """Each triangle in the mean colour of what it covers."""
    mask = solid(picture)
    corners = np.concatenate([_inner_corners(picture, mask, dice), _outline(mask)])
    size = picture.shape[0]
    image = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(image)
    for triangle in corners[Delaunay(corners).simplices]:
        samples = _samples(triangle, size)
        if mask[samples[0, 0], samples[0, 1]]:
            colour = picture[samples[:, 0], samples[:, 1], :3].mean(axis=0) * dice.uniform(0.93, 1.07)
            red, green, blue = (int(min(255, value)) for value in colour)
            draw.polygon([(float(x), float(y)) for y, x in triangle], fill=(red, green, blue, 255))
    return np.array(image)


def _samples(triangle: Points, size: int) -> NDArray[np.int64]:
    """The centre first, and six points toward the corners."""
    centre = triangle.mean(axis=0)
    points = np.concatenate([centre[None], *(triangle * share + centre * (1 - share) for share in (0.3, 0.6))])
    return np.clip(points.astype(np.int64), 0, size - 1)


def _inner_corners(picture: Rgba, mask: Mask, dice: random.Random) -> Points:
    """Corners drawn by lot, likelier on edges of the drawing, and never too close to each other."""
    lab = srgb_to_lab(picture[::_COARSE, ::_COARSE, :3])
    edges = sum(ndi.gaussian_gradient_magnitude(lab[..., channel], 1.5) for channel in (0, 1, 2))
    weight = ((edges + 0.6) * mask[::_COARSE, ::_COARSE]).ravel()
    lot = np.random.default_rng(dice.getrandbits(32))
    drawn = lot.choice(weight.size, min(CORNERS * 4, int((weight > 0).sum())), replace=False, p=weight / weight.sum())
    kept: list[NDArray[np.int64]] = []
    for point in np.stack(np.unravel_index(drawn, lab.shape[:2]), axis=1) * _COARSE:
        if not kept or np.min(np.sum((np.array(kept) - point) ** 2, axis=1)) > NEAREST**2:
            kept.append(point)
    return np.array(kept, dtype=np.float64).reshape(-1, 2)


def _outline(mask: Mask) -> Points:
    """The corners of the silhouette."""
    outlines = find_contours(np.pad(mask, 1).astype(np.float64), 0.5)
    return np.concatenate([approximate_polygon(outline - 1, OUTLINE_TOLERANCE)[:-1] for outline in outlines])

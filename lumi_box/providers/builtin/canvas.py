"""A cut-out picture: a square of RGBA bytes whose alpha is the silhouette of the thing."""

from __future__ import annotations

import io

import numpy as np
import resvg_py
import scipy.ndimage as ndi
from numpy.typing import NDArray
from PIL import Image

Rgba = NDArray[np.uint8]
Mask = NDArray[np.bool_]

SIZE = 1024
FILL = 0.84  # of the canvas that the longer side of the thing takes
GLOW, BODY = 0.30, 0.80  # alpha below is a glow or steam and goes; above is the thing
SMALLEST_ISLAND = 0.02  # of the thing's area: stars, sparkles and drops would print as crumbs
_COARSE = 4


def render(svg: str, size: int = SIZE) -> Rgba:
    """Draw an SVG and cut it out clean: no glow, no crumbs. It fills the canvas."""
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True))
    picture = np.array(Image.open(io.BytesIO(png)).convert("RGBA"))
    ramp = np.clip((picture[..., 3] / np.float32(255) - GLOW) / (BODY - GLOW), 0, 1)
    alpha = ramp * ramp * (3 - 2 * ramp)
    alpha[_crumbs(alpha > 0.5)] = 0
    picture[..., 3] = (alpha * 255).astype(np.uint8)
    return fit(picture)


def _crumbs(mask: Mask) -> Mask:
    """The small islands, with a margin that takes their soft edge along. Found on a coarse grid, which is enough."""
    coarse = mask[::_COARSE, ::_COARSE]
    labels, count = ndi.label(coarse, np.ones((3, 3)))
    if count < 2:
        return np.zeros_like(mask)
    area = np.bincount(labels.ravel())
    area[0] = 0
    small = (labels > 0) & (area < SMALLEST_ISLAND * area.sum())[labels]
    grown = ndi.binary_dilation(small, iterations=2)
    return np.kron(grown, np.ones((_COARSE, _COARSE), bool))[: mask.shape[0], : mask.shape[1]]


def solid(picture: Rgba) -> Mask:
    """Where the thing is."""
    return picture[..., 3] > 128


def fit(picture: Rgba, fill: float = FILL, size: int = SIZE) -> Rgba:
    """Centre the thing and scale its longer side to `fill` of the canvas."""
    image = Image.fromarray(picture)
    box = Image.fromarray((solid(picture) * 255).astype(np.uint8)).getbbox()
    if box is None:
        return picture
    # Resample with premultiplied alpha, or the colour of what is transparent bleeds into the edge.
    image = image.crop(box).convert("RGBa")
    scale = fill * size / max(image.size)
    width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image = image.resize((width, height), Image.Resampling.LANCZOS).convert("RGBA")
    canvas = Image.new("RGBA", (size, size))
    canvas.paste(image, ((size - width) // 2, (size - height) // 2))
    return np.array(canvas)


def mirrored(picture: Rgba) -> Rgba:
    return np.ascontiguousarray(picture[:, ::-1])


def over(lower: Rgba, upper: Rgba) -> Rgba:
    """Both, `upper` in front."""
    return np.array(Image.alpha_composite(Image.fromarray(lower), Image.fromarray(upper)))

"""One texture for the whole model: front and back side by side, a strip in the plate's colour below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lumi_box.providers.builtin.surface import Surface

Pixels = NDArray[np.uint8]

STRIP_PX = 16
FRONT, BACK, PLATE = 0, 1, 2
INSET = 0.002  # of a panel: no filter may reach into its neighbour
PLATE_TINT = 0.35  # how much of the object's colour goes into the plate's
PLATE_GROUND = np.array([236.0, 232.0, 224.0])


@dataclass(frozen=True, slots=True)
class Atlas:
    texture: Image.Image
    uv: NDArray[np.float64]  # (T, 2), origin lower left
    uv_faces: NDArray[np.int64]


def paint_texture(front: Pixels, back: Pixels, plate_colour: Pixels) -> Image.Image:
    """`back` as it would show through the front; it may be coarser."""
    height, width = front.shape[:2]
    texture = Image.new("RGB", (2 * width, height + STRIP_PX), tuple(int(each) for each in plate_colour))
    texture.paste(Image.fromarray(front), (0, 0))
    texture.paste(Image.fromarray(back).resize((width, height), Image.Resampling.BICUBIC), (width, 0))
    return texture


def plate_colour(rgb: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """Pale, with a touch of the object's own colour."""
    typical = np.median(rgb[mask], axis=0)
    return (typical * PLATE_TINT + PLATE_GROUND * (1 - PLATE_TINT)).astype(np.uint8)


def unwrap(
    surface: Surface,
    texture: Image.Image,
    *,
    size_mm: tuple[float, float],
    drop: float,
    plate_height: float,
    seam: float,
) -> Atlas:
    """Project the faces onto their panels along z.

    `drop` is how far the framed object's top lies above the ground; faces below `plate_height` are the plate's, and
    those whose middle lies behind z = `seam` the back's.
    """
    panel = _panels(surface, plate_height, seam)
    corner = surface.faces + (panel * len(surface.vertices))[:, None]  # a vertex on a seam has a place in each panel
    used, compact = np.unique(corner, return_inverse=True)
    where, which = used % len(surface.vertices), used // len(surface.vertices)
    across = np.clip(surface.vertices[where, 0] / size_mm[0], INSET, 1 - INSET)
    down = np.clip((drop - surface.vertices[where, 1]) / size_mm[1], INSET, 1 - INSET)
    picture_share = (texture.height - STRIP_PX) / texture.height
    u, v = (across + which) / 2, 1.0 - down * picture_share
    strip = which == PLATE
    u[strip], v[strip] = 0.5, STRIP_PX / 2 / texture.height
    return Atlas(texture, np.stack([u, v], axis=1), compact.reshape(-1, 3).astype(np.int64))


def _panels(surface: Surface, plate_height: float, seam: float) -> NDArray[np.int64]:
    middle = surface.vertices[surface.faces].mean(axis=1)
    side = np.where(middle[:, 2] >= seam, FRONT, BACK)
    return np.where(middle[:, 1] < plate_height, PLATE, side)

"""The plain backdrop: one colour that the rim of the thing stands out against."""

from __future__ import annotations

import random

import numpy as np
import scipy.ndimage as ndi
from PIL import Image

from lumi_box.providers.builtin.canvas import Rgba, solid
from lumi_box.providers.builtin.colour import srgb_to_lab

BACKDROPS = np.array(
    [
        *([238, 241, 244], [201, 214, 226], [143, 163, 181], [76, 90, 104], [243, 227, 207], [222, 214, 235]),
        *([205, 226, 212], [241, 210, 206], [92, 78, 98], [70, 96, 92], [168, 150, 130], [250, 238, 196]),
        *([44, 62, 92], [98, 54, 66], [120, 132, 96], [214, 168, 82], [222, 134, 112], [120, 168, 206]),
        *([52, 58, 64], [178, 160, 204], [150, 190, 176], [232, 232, 222]),
    ],
    np.uint8,
)
RIM = 14  # pixels
CLEAR = 22.0  # ΔE between backdrop and nearly all of the rim
AS_GOOD = 0.45  # of the best contrast


def on_backdrop(picture: Rgba, dice: random.Random) -> Image.Image:
    """Opaque RGB; which of the backdrops that serve is drawn by lot."""
    contrast = rim_contrast(picture)
    good_enough = max(min(CLEAR, float(contrast.max())), AS_GOOD * float(contrast.max()))
    colour = BACKDROPS[dice.choice(np.flatnonzero(contrast >= good_enough).tolist())]
    image = Image.new("RGB", picture.shape[1::-1], tuple(colour.tolist()))
    cut_out = Image.fromarray(picture)
    image.paste(cut_out, (0, 0), cut_out)
    return image


def rim_contrast(picture: Rgba) -> np.ndarray:
    """Per backdrop how far its colour is from that of the rim, but for the nearest 4 %."""
    mask = solid(picture)
    rim = mask & ~ndi.binary_erosion(mask[::2, ::2], iterations=RIM // 2).repeat(2, 0).repeat(2, 1)
    colours = srgb_to_lab(picture[..., :3][rim][:: max(1, int(rim.sum()) // 20_000)])
    backdrops = srgb_to_lab(BACKDROPS)
    distances = np.linalg.norm(colours[None] - backdrops[:, None], axis=-1)
    return np.percentile(distances, 4, axis=1)

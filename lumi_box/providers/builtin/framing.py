"""The object cut out, centred and scaled to the grid that the model is built on: 60 mm along its longer side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray
from PIL import Image

from lumi_box.providers.builtin import morphology
from lumi_box.providers.builtin.morphology import Mask

Pixels = NDArray[np.uint8]

PIXEL_MM = 0.2
SPAN_PX = 300  # 60 mm
MARGIN_PX = 18
RIM_BLUR_PX = 2.5
FINEST_TEXTURE = 3  # texture pixels to one of the grid, a side


@dataclass(frozen=True, slots=True)
class FramedObject:
    """Everything covers the same rectangle; the colours of the object's rim go on beyond its outline."""

    mask: Mask  # (H, W) at 0.2 mm
    rgb: Pixels  # (H, W, 3)
    texture: Pixels  # (k·H, k·W, 3)

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height."""
        return self.mask.shape[1] * PIXEL_MM, self.mask.shape[0] * PIXEL_MM


def frame_object(rgb: Pixels, mask: Mask) -> FramedObject:
    """Cut the object out of its picture with a margin around."""
    top, bottom, left, right = morphology.bounds(mask)
    scale = max(bottom - top, right - left) / SPAN_PX  # picture pixels to one of the grid
    height = 2 * int(np.ceil((bottom - top) / scale / 2)) + 2 * MARGIN_PX
    width = 2 * int(np.ceil((right - left) / scale / 2)) + 2 * MARGIN_PX
    corner = (left + right - width * scale) / 2, (top + bottom - height * scale) / 2
    box = (*corner, corner[0] + width * scale, corner[1] + height * scale)
    detail = int(np.clip(round(scale), 1, FINEST_TEXTURE))
    size = (width * detail, height * detail)
    fine_mask = _resample(mask.astype(np.uint8) * 255, box, size) > 127
    texture = _bleed(_resample(rgb, box, size), fine_mask, detail)
    small = np.asarray(Image.fromarray(texture).reduce(detail))
    return FramedObject(_share(fine_mask, detail) > 0.5, small, texture)


def _resample(pixels: Pixels, box: tuple[float, float, float, float], size: tuple[int, int]) -> Pixels:
    """The part of the picture in `box`, which may reach beyond its edges, at a new size."""
    height, width = pixels.shape[:2]
    reach = max(-box[0], -box[1], box[2] - width, box[3] - height, 0.0)
    pad = int(np.ceil(reach)) + 2
    beyond = ((pad, pad), (pad, pad), (0, 0))[: pixels.ndim]
    padded = np.pad(pixels, beyond, mode="edge") if pixels.ndim == 3 else np.pad(pixels, beyond)
    moved = (box[0] + pad, box[1] + pad, box[2] + pad, box[3] + pad)
    return np.asarray(Image.fromarray(padded).resize(size, Image.Resampling.BICUBIC, box=moved))


def _bleed(texture: Pixels, mask: Mask, detail: int) -> Pixels:
    """Let the object's colours go on outside, so that no background shows on the model's sides."""
    depth = morphology.depth_inside(mask)
    core = depth > detail
    rows, columns = morphology.nearest_inside(core if core.any() else mask)
    bled = texture[rows, columns]
    # the model's sides show a few pixels of the rim drawn out long: even them out, or they are streaks
    soft = ndi.gaussian_filter(bled, (RIM_BLUR_PX * detail, RIM_BLUR_PX * detail, 0))
    sharp = np.clip(depth / (RIM_BLUR_PX * 2 * detail), 0, 1).astype(np.float32)[..., None]
    return (bled * sharp + soft * (1 - sharp)).astype(np.uint8)


def _share(mask: Mask, factor: int) -> NDArray[np.float64]:
    """How much of each pixel of the grid the mask covers."""
    height, width = mask.shape[0] // factor, mask.shape[1] // factor
    return mask.reshape(height, factor, width, factor).mean(axis=(1, 3))

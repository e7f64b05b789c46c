"""What in a picture is the object: by its alpha channel, else by what differs from a smooth background.

Every answer carries a confidence. A photograph with a busy background gets a low one, and then a relief of the
whole picture is the better model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray
from PIL import Image

from lumi_box.providers.builtin import morphology
from lumi_box.providers.builtin.background import fit_background, frame_band
from lumi_box.providers.builtin.colour import srgb_to_lab
from lumi_box.providers.builtin.morphology import Mask

Plane = NDArray[np.float32]

WORKING_SIDE = 640  # px; the model's outline has 300 along its longer side
TRANSPARENT_SHARE = 0.02  # of the picture, from which on alpha is taken for a cut-out
BUSY_DELTA_E = 14.0  # of the calmer 60% of the frame against the fitted background
SHADOW_DEPTH = 38.0  # L that a soft shadow may take from the background
SHADOW_CHROMA = 5.0  # colour that it may add
SHADOW_SLOPE = 1.6  # L a pixel: an object's edge is steeper than a shadow's


@dataclass(frozen=True, slots=True)
class Segmentation:
    rgb: NDArray[np.uint8]
    mask: Mask
    method: str  # "alpha" or "background"
    confidence: float  # 0 to 1


@dataclass(frozen=True, slots=True)
class _Difference:
    """How each pixel differs from the fitted background."""

    delta_e: Plane
    darker: Plane  # L below the background's
    tint: Plane  # chroma beyond what the same light, dimmed, would show
    threshold: float


def segment(picture: Image.Image) -> Segmentation:
    """Separate the object of an RGBA picture from its background."""
    rgba = np.asarray(picture)
    opaque = rgba[..., 3] >= 128
    if TRANSPARENT_SHARE < 1.0 - opaque.mean() < 1.0 and opaque.mean() < 0.9:
        return Segmentation(rgba[..., :3].copy(), opaque, "alpha", 1.0)
    flat = Image.new("RGBA", picture.size, "white")
    flat.alpha_composite(picture)
    rgb = np.asarray(flat.convert("RGB"))
    small = _at_working_size(flat.convert("RGB"))
    mask, confidence = _by_background(np.asarray(small))
    if mask.shape != rgb.shape[:2]:
        grown = Image.fromarray(mask.astype(np.uint8) * 255).resize(picture.size, Image.Resampling.BILINEAR)
        mask = np.asarray(grown) > 127
    return Segmentation(rgb, mask, "background", confidence)


def _at_working_size(picture: Image.Image) -> Image.Image:
    scale = WORKING_SIDE / max(picture.size)
    size = (max(8, round(picture.width * scale)), max(8, round(picture.height * scale)))
    return picture if scale >= 1 else picture.resize(size, Image.Resampling.BOX)


def _by_background(rgb: NDArray[np.uint8]) -> tuple[Mask, float]:
    lab = ndi.gaussian_filter(srgb_to_lab(rgb), (0.8, 0.8, 0))
    difference = _difference(lab, fit_background(lab))
    frame = frame_band(lab.shape[:2], share=1 / 64)
    busyness = float(np.percentile(difference.delta_e[frame], 60))
    if busyness > BUSY_DELTA_E:
        return np.zeros(lab.shape[:2], dtype=bool), 0.0
    mask = ~_connected_background(_background_like(lab, difference), difference)
    mask = ndi.binary_opening(mask, iterations=2)
    if not mask.any():
        return mask, 0.0
    mask = _sharpen_rim(mask, lab, difference)
    return mask, _confidence(mask, difference, busyness)


def _difference(lab: Plane, background: Plane) -> _Difference:
    delta = lab - background
    delta_e = np.linalg.norm(delta, axis=-1)
    dimmed = (lab[..., :1] + 16.0) / (background[..., :1] + 16.0)  # a shadow scales chroma with lightness
    tint = np.linalg.norm(lab[..., 1:] - background[..., 1:] * dimmed, axis=-1)
    frame = frame_band(delta_e.shape, share=1 / 64)
    threshold = float(np.clip(np.percentile(delta_e[frame], 90) * 2.0, 5.0, 14.0))
    return _Difference(delta_e, -delta[..., 0], tint, threshold)


def _background_like(lab: Plane, difference: _Difference) -> Mask:
    lightness = lab[..., 0]
    slope = np.hypot(ndi.sobel(lightness, 0), ndi.sobel(lightness, 1)) / 8.0
    dim = (difference.darker > 0) & (difference.darker < SHADOW_DEPTH) & (difference.tint < SHADOW_CHROMA)
    return (difference.delta_e < difference.threshold) | (dim & (slope < SHADOW_SLOPE))


def _connected_background(like: Mask, difference: _Difference) -> Mask:
    """Flood from the frame; enclosed areas count too when they match the background closely and are no speck."""
    labels, count = ndi.label(like)
    outer = np.zeros(count + 1, dtype=bool)
    outer[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = True
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    mean = np.bincount(labels.ravel(), weights=difference.delta_e.ravel(), minlength=count + 1) / np.maximum(sizes, 1)
    hole = (sizes >= 0.0015 * like.size) & (mean < 0.5 * difference.threshold)
    outer |= hole
    outer[0] = False
    return outer[labels]


def _sharpen_rim(mask: Mask, lab: Plane, difference: _Difference) -> Mask:
    """Keep a pixel of the blurred rim only where it is nearer to the object's colour than to the background's."""
    core = morphology.shrink(mask, 5)
    if not core.any():
        return mask
    rows, columns = morphology.nearest_inside(core)
    to_object = np.linalg.norm(lab - lab[rows, columns], axis=-1)
    band = mask & ~core
    near = morphology.grow(core, 7)
    kept = core | (band & near & (difference.delta_e > to_object))
    kept |= band & ~near & (difference.delta_e > 2.0 * difference.threshold)  # thin strokes have no core
    return ndi.binary_opening(kept, iterations=1)


def _confidence(mask: Mask, difference: _Difference, busyness: float) -> float:
    """The weakest of: a calm frame, a clear rim, an object off the frame, in one piece, and of sensible size."""
    share = float(mask.mean())
    if not 0.004 < share < 0.92:
        return 0.0
    rim = mask & ~morphology.shrink(mask, 3)
    clear_rim = float(np.mean(difference.delta_e[rim] > 1.6 * difference.threshold))
    frame = frame_band(mask.shape, share=1 / 128)
    on_frame = float(mask[frame].mean())
    _, sizes = morphology.components(mask)
    one_piece = float(sizes[1:].max() / sizes[1:].sum())
    calm = (BUSY_DELTA_E - busyness) / 8.0
    terms = (calm, clear_rim / 0.7, (0.55 - on_frame) / 0.3, (one_piece - 0.25) / 0.4)
    return float(np.clip(min(terms), 0.0, 1.0))

"""The smooth background of a studio picture, fitted where the frame shows it."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from lumi_box.providers.builtin.morphology import Mask

Lab = NDArray[np.float32]

FRAME_SHARE = 1 / 24  # of the shorter side: the band that is taken for background at first
ROUNDS = 4
SAMPLES_A_SIDE = 256


def frame_band(shape: tuple[int, ...], share: float) -> Mask:
    """The outermost band of a picture, at least two pixels wide."""
    width = max(2, round(min(shape[:2]) * share))
    band = np.ones(shape[:2], dtype=bool)
    band[width:-width, width:-width] = False
    return band


def fit_background(lab: Lab) -> Lab:
    """A quadratic field of Lab colours: follows gradients and vignettes, ignores an object that touches the frame.

    Two rounds look at the frame alone and drop what does not fit; two more take in all connected area that fits.
    """
    terms = _quadratic_terms(lab.shape[0], lab.shape[1])
    frame = frame_band(lab.shape, FRAME_SHARE)
    chosen, field = frame, np.zeros_like(lab)
    step = max(1, max(lab.shape[:2]) // SAMPLES_A_SIDE)
    for round_number in range(ROUNDS):
        sample = chosen[::step, ::step]
        if int(sample.sum()) < 50:
            break
        weights = np.linalg.lstsq(terms[::step, ::step][sample], lab[::step, ::step][sample], rcond=None)[0]
        field = terms @ weights
        residual = np.linalg.norm(lab - field, axis=-1)
        fits = residual < max(3.0, float(np.percentile(residual[frame], 75)) * 1.5)
        chosen = frame & fits if round_number < 2 else _connected_to(frame, fits)
    return field.astype(np.float32)


def _quadratic_terms(height: int, width: int) -> Lab:
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1).astype(np.float32)


def _connected_to(frame: Mask, fits: Mask) -> Mask:
    labels, count = ndi.label(fits)
    touching = np.zeros(count + 1, dtype=bool)
    touching[labels[frame]] = True
    touching[0] = False
    return touching[labels]

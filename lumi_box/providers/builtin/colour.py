"""Colours as eyes see them: sRGB bytes to CIE Lab (D65) and back. Arrays of any shape that ends in three channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
ByteImage = NDArray[np.uint8]

_WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    np.float32,
)
_TO_RGB = np.linalg.inv(_TO_XYZ).astype(np.float32)
_EPSILON = 216 / 24389  # CIE's exact limits of the linear part near black
_KAPPA = 24389 / 27


def _linear_steps() -> NDArray[np.float32]:
    """The linear light of each of the 256 sRGB values: a table is many times faster than a power."""
    value = np.arange(256, dtype=np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _linear_steps()


def srgb_to_lab(rgb: ByteImage) -> FloatImage:
    """Lab of 8-bit sRGB: L in 0..100, a and b about -110..110."""
    xyz = _LINEAR[rgb] @ _TO_XYZ.T / _WHITE
    curve = np.where(xyz > _EPSILON, np.cbrt(xyz), (_KAPPA * xyz + 16) / 116)
    x, y, z = curve[..., 0], curve[..., 1], curve[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def lab_to_srgb(lab: FloatImage) -> ByteImage:
    """8-bit sRGB of Lab; what no screen can show is clipped to the nearest channel limit."""
    y = (lab[..., 0] + 16) / 116
    curve = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    cubed = curve**3
    xyz = np.where(cubed > _EPSILON, cubed, (116 * curve - 16) / _KAPPA) * _WHITE
    light = np.clip(xyz @ _TO_RGB.T, 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (encoded * 255 + 0.5).astype(np.uint8)

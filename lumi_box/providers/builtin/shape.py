"""Which kind of solid a silhouette becomes: what its painter said, else what it looks like."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import numpy as np

from lumi_box.providers.builtin import morphology
from lumi_box.providers.builtin.colour import srgb_to_lab
from lumi_box.providers.builtin.framing import FramedObject
from lumi_box.providers.builtin.morphology import Mask


class Shape(StrEnum):
    FIGURE = "figure"  # inflated, somewhat flatter than round
    LATHE = "lathe"  # turned about an upright axis
    BALL = "ball"
    SLAB = "slab"  # an even plate in the outline's shape: a medal, a plaque
    RELIEF = "relief"  # the whole picture as a plate


def choose_shape(hints: Mapping[str, Any], framed: FramedObject, silhouette: Mask) -> Shape:
    hinted = hints.get("shape", "auto")
    if hinted in (Shape.LATHE, Shape.BALL, Shape.SLAB):
        return Shape(hinted)
    return Shape.LATHE if looks_turned(framed, silhouette) else Shape.FIGURE


def looks_turned(framed: FramedObject, silhouette: Mask) -> bool:
    """Clearly taller than wide, and the same on the left as on the right in outline and in colour."""
    top, bottom, left, right = morphology.bounds(silhouette)
    if bottom - top < 1.25 * (right - left):
        return False
    if mirror_symmetry(silhouette) <= 0.93:
        return False
    lab = srgb_to_lab(framed.rgb[:, left:right])
    both = silhouette[:, left:right] & silhouette[:, left:right][:, ::-1]
    return float(np.abs(lab - lab[:, ::-1])[both].mean(axis=0)[1:].mean()) < 7.0


def mirror_symmetry(silhouette: Mask) -> float:
    """Overlap of the outline with its mirror image, 0 to 1."""
    _, _, left, right = morphology.bounds(silhouette)
    part = silhouette[:, left:right]
    flipped = part[:, ::-1]
    return float((part & flipped).sum() / (part | flipped).sum())

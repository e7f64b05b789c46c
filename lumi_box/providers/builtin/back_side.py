"""What the back of a figure looks like, which no picture shows."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from lumi_box.providers.builtin import morphology
from lumi_box.providers.builtin.morphology import Mask
from lumi_box.providers.builtin.regions import Labels, region_tree

Pixels = NDArray[np.uint8]


def plain_back(rgb: Pixels, labels: Labels, mask: Mask) -> Pixels:
    """The picture without what lies on its large regions (a face, buttons): their colours grow over it."""
    ground = _ground_regions(labels, mask)
    core = morphology.shrink(ground, 2)
    rows, columns = morphology.nearest_inside(core if core.any() else ground)
    filled = rgb[rows, columns].astype(np.float32)
    blurred = ndi.gaussian_filter(filled, (7, 7, 0))
    hidden = ndi.gaussian_filter((~core).astype(np.float32), 4)[..., None]
    return np.clip(filled * (1 - hidden) + blurred * hidden, 0, 255).astype(np.uint8)


def even_back(rgb: Pixels, mask: Mask) -> Pixels:
    """One colour, that of the rim: the back of a medal."""
    rim = mask & ~morphology.shrink(mask, 10)
    colour = np.median(rgb[rim if rim.any() else mask], axis=0).astype(np.uint8)
    return np.broadcast_to(colour, rgb.shape).copy()


def _ground_regions(labels: Labels, mask: Mask) -> Mask:
    """The regions that lie on nothing and take part in the outline."""
    level = region_tree(labels).level
    rim = mask & morphology.grow(~mask, 3)
    share = np.bincount(labels[rim], minlength=int(labels.max()) + 1)
    chosen = [region for region, depth in level.items() if depth == 0 and share[region] > 6]
    ground = mask & np.isin(labels, chosen)
    return ground if ground.any() else mask

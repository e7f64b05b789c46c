"""Colour regions of a figure, which lies on which, and the relief they give its surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray
from skimage.segmentation import watershed

from lumi_box.providers.builtin import morphology
from lumi_box.providers.builtin.colour import srgb_to_lab

Labels = NDArray[np.int64]

MERGE_CONTRAST = 9.0  # ΔE over a shared border below which two regions are one surface with a gradient
SMALLEST_CALM_MM2 = 0.4  # of a region, inside its edges
EDGE_SLOPE = 2.0  # ΔE a pixel: shading is gentler, a printed edge steeper
LIGHTNESS_WEIGHT = 0.7
DEEPEST_LEVEL = 2
STEP_WIDTH_MM = 0.45  # over which a raised region falls to its surroundings: about one extrusion width
GROOVE_WIDTH_MM = 0.5


@dataclass(frozen=True, slots=True)
class RegionTree:
    """Which region lies on which: level 0 carries itself, `parent` names the carrier of the others."""

    parent: dict[int, int]
    level: dict[int, int]

    def branch(self, region: int) -> list[int]:
        """The region and what lies directly on it."""
        return [other for other in self.level if other == region or self.parent.get(other) == region]


def colour_regions(rgb: NDArray[np.uint8], mask: NDArray[np.bool_], mm_per_pixel: float) -> Labels:
    """Label the areas of one colour from 1 up, and 0 outside the mask. A gradient does not split an area."""
    if not mask.any():
        return np.zeros(mask.shape, dtype=np.int64)
    # the object's colours go on outside: a rim against another colour would come out as regions of slivers
    lab = ndi.median_filter(srgb_to_lab(rgb)[morphology.nearest_inside(mask)], (3, 3, 1))
    slope = _colour_slope(lab)
    seeds = _calm_areas(slope, mask, mm_per_pixel)
    if not seeds.any():
        return mask.astype(np.int64)
    labels = watershed(slope, seeds, mask=mask).astype(np.int64)
    return _merge_low_contrast(labels, _clear_colours(lab, labels, seeds))


def region_tree(labels: Labels) -> RegionTree:
    """A region that others mostly enclose, and that is clearly smaller than its main neighbour, lies on it."""
    count = int(labels.max())
    area = np.bincount(labels.ravel(), minlength=count + 1)
    border = _shared_borders(labels)
    tree = RegionTree({}, {})
    waiting = sorted(range(1, count + 1), key=lambda each: -area[each])
    while waiting:
        # from the outline inwards, large before small: what lies in a ring comes after the ring
        reached = (each for each in waiting if border[each, 0] or any(border[each, other] for other in tree.level))
        region = next(reached, waiting[0])
        waiting.remove(region)
        _place(tree, region, area, border[region])
    return tree


def region_relief(
    labels: Labels, mask: NDArray[np.bool_], mm_per_pixel: float, raise_mm: float = 0.9, groove_mm: float = 0.55
) -> NDArray[np.float64]:
    """Height in mm over the plain surface: what lies on a region is raised, regions side by side part in a groove."""
    tree = region_tree(labels)
    relief = np.zeros(labels.shape)
    for region in [each for each, level in tree.level.items() if level > 0]:
        raised = np.isin(labels, tree.branch(region)).astype(np.float32)
        relief += raise_mm * np.clip(ndi.gaussian_filter(raised, STEP_WIDTH_MM / mm_per_pixel) * 1.25 - 0.25, 0, 1)
    relief -= groove_mm * _groove_profile(labels, mm_per_pixel)
    return np.where(mask, relief, 0.0)


def _colour_slope(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """ΔE a pixel; lightness counts less, since shading changes it without a change of colour."""
    total = np.zeros(lab.shape[:2], dtype=np.float32)
    for channel, weight in enumerate((LIGHTNESS_WEIGHT, 1.0, 1.0)):
        total += (weight * ndi.gaussian_gradient_magnitude(lab[..., channel], 0.8)) ** 2
    return np.sqrt(total)


def _calm_areas(slope: NDArray[np.float32], mask: NDArray[np.bool_], mm_per_pixel: float) -> NDArray[np.int32]:
    """Labels of the areas within colour edges.

    They are taken a pixel away from the edges, lest they leak into each other through a gap; where nothing is left
    then (a thin letter) as they are.
    """
    calm = (slope < EDGE_SLOPE) & mask
    apart = ndi.binary_erosion(calm)
    whole, count = ndi.label(calm)
    has_core = np.zeros(count + 1, dtype=bool)
    has_core[whole[apart]] = True
    labels, count = ndi.label(apart | (calm & ~has_core[whole]))
    large = np.bincount(labels.ravel(), minlength=count + 1) * mm_per_pixel**2 >= SMALLEST_CALM_MM2
    large[0] = False
    return np.where(large, np.cumsum(large), 0)[labels].astype(np.int32)


def _clear_colours(lab: NDArray[np.float32], labels: Labels, seeds: NDArray[np.int32]) -> NDArray[np.float32]:
    """For each pixel the colour at the nearest one of its region's seed: beyond any blur or drawn outline."""
    clear = lab.copy()
    for number, box in enumerate(ndi.find_objects(labels), start=1):
        region = labels[box] == number
        rows, columns = morphology.nearest_inside(seeds[box] == number)
        clear[box][region] = lab[box][rows[region], columns[region]]
    return clear


def _merge_low_contrast(labels: Labels, clear: NDArray[np.float32]) -> Labels:
    """Join the two regions of least contrast, again and again, until all that meet differ clearly.

    `clear` are colours without the blur of borders.
    The contrast of a joined region is the mean along its whole border: a blurred sliver that looks like both its
    neighbours goes to one of them and does not join them.
    """
    total, length = _border_contrasts(labels, clear)
    root = np.arange(len(total))
    while True:
        mean = np.divide(total, length, out=np.full_like(total, np.inf), where=length > 0)
        kept, joined = (int(each) for each in np.unravel_index(np.argmin(mean), mean.shape))
        if mean[kept, joined] >= MERGE_CONTRAST:
            break
        root[root == joined] = kept
        for matrix in (total, length):
            matrix[kept] += matrix[joined]
            matrix[:, kept] += matrix[:, joined]
            matrix[joined] = matrix[:, joined] = 0
            matrix[kept, kept] = 0
    _, compact = np.unique(root[labels], return_inverse=True)
    compact = compact.reshape(labels.shape)
    return compact if (labels == 0).any() else compact + 1


def _border_contrasts(labels: Labels, clear: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two symmetric matrices: the sum of ΔE along the border of two regions, and the border's length in pixels."""
    size = int(labels.max()) + 1
    total, length = np.zeros((size, size)), np.zeros((size, size))
    for axis in (0, 1):
        here, there = _neighbours(labels, axis)
        before, after = _neighbours(clear, axis)
        inner = (here != there) & (here > 0) & (there > 0)
        np.add.at(total, (here[inner], there[inner]), np.linalg.norm(before[inner] - after[inner], axis=-1))
        np.add.at(length, (here[inner], there[inner]), 1.0)
    return total + total.T, length + length.T


def _neighbours(grid: NDArray, axis: int) -> tuple[NDArray, NDArray]:
    """Two views of the grid: every pixel that has a next one along the axis, and that next one."""
    return (grid[:-1], grid[1:]) if axis == 0 else (grid[:, :-1], grid[:, 1:])


def _shared_borders(labels: Labels) -> NDArray[np.int64]:
    """The matrix of border lengths in pixels between any two labels, the outside (0) included."""
    size = int(labels.max()) + 1
    lengths = np.zeros((size, size), dtype=np.int64)
    for axis in (0, 1):
        here, there = _neighbours(labels, axis)
        differ = here != there
        np.add.at(lengths, (here[differ], there[differ]), 1)
    return lengths + lengths.T


def _place(tree: RegionTree, region: int, area: NDArray[np.int64], border: NDArray[np.int64]) -> None:
    exposed = border[0] / max(int(border.sum()), 1)
    known = [other for other in tree.level if border[other] > 0]
    if known and exposed < 0.45:
        main = max(known, key=lambda other: (border[other], other))
        if area[region] < 0.7 * area[main]:
            tree.parent[region] = main
            tree.level[region] = min(DEEPEST_LEVEL, tree.level[main] + 1)
            return
        if exposed < 0.05 and tree.level[main] > 0:
            tree.parent[region] = tree.parent[main]
            tree.level[region] = tree.level[main]
            return
    tree.level[region] = 0


def _groove_profile(labels: Labels, mm_per_pixel: float) -> NDArray[np.float64]:
    """1 on the borders between regions, falling off like a bell to either side."""
    border = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        here, there = _neighbours(labels, axis)
        _neighbours(border, axis)[0][(here != there) & (here > 0) & (there > 0)] = True
    if not border.any():
        return np.zeros(labels.shape)
    distance = ndi.distance_transform_edt(~border) * mm_per_pixel
    return np.exp(-((distance / GROOVE_WIDTH_MM) ** 2))

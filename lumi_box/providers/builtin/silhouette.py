"""A silhouette that can be printed: one part, no pinholes, no stroke thinner than a nozzle can lay."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as ndi

from lumi_box.providers.builtin import morphology
from lumi_box.providers.builtin.morphology import Mask

SPECK_SHARE = 0.004  # of all area: smaller islands are dropped
FAR_ISLAND_SHARE = 0.06  # smaller ones than this are dropped when they lie farther off than LONGEST_BRIDGE_MM
LONGEST_BRIDGE_MM = 6.0
BRIDGE_WIDTH_MM = 3.0
SMALLEST_HOLE_MM2 = 3.0
THINNEST_STROKE_MM = 1.8
STAIRS_PX = 1.5  # the steps of a slanting outline are no strokes
SMOOTHING_MM = 0.45


def clean_silhouette(mask: Mask, mm_per_pixel: float) -> Mask:
    """One connected, printable area that follows `mask` as closely as that allows."""
    joined = join_islands(mask, mm_per_pixel)
    thick = thicken_strokes(fill_pinholes(joined, mm_per_pixel), mm_per_pixel)
    smooth = ndi.gaussian_filter(thick.astype(np.float32), SMOOTHING_MM / mm_per_pixel) > 0.5
    return fill_pinholes(morphology.largest_component(smooth), mm_per_pixel)


def drop_specks(mask: Mask) -> Mask:
    """Without the islands that are too small to mean anything."""
    labels, sizes = morphology.components(mask)
    keep = sizes >= SPECK_SHARE * sizes[1:].sum()
    keep[0] = False
    return keep[labels]


def join_islands(mask: Mask, mm_per_pixel: float) -> Mask:
    """Bridge the islands to the main part, from large to small; leave out specks and small ones far away."""
    labels, sizes = morphology.components(mask)
    if len(sizes) <= 2:
        return mask
    order = 1 + np.argsort(-sizes[1:], kind="stable")
    total = int(sizes[1:].sum())
    joined = labels == order[0]
    for number in order[1:]:
        if sizes[number] < SPECK_SHARE * total:
            break
        joined = _join(joined, labels == number, mm_per_pixel, small=bool(sizes[number] < FAR_ISLAND_SHARE * total))
    return joined


def fill_pinholes(mask: Mask, mm_per_pixel: float) -> Mask:
    labels, count = ndi.label(~mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    tiny = sizes * mm_per_pixel**2 < SMALLEST_HOLE_MM2
    tiny[0] = False
    return mask | tiny[labels]


def thicken_strokes(mask: Mask, mm_per_pixel: float) -> Mask:
    """Widen what is thinner than a printable stroke, along its middle line."""
    radius = THINNEST_STROKE_MM / 2 / mm_per_pixel
    depth = morphology.depth_inside(mask)
    thin = mask & ~morphology.grow(depth > radius, radius + STAIRS_PX)
    if not thin.any():
        return mask
    middle = thin & (depth >= ndi.maximum_filter(depth, 3) - 0.5)
    return mask | morphology.grow(middle, radius)


def _join(main: Mask, island: Mask, mm_per_pixel: float, *, small: bool) -> Mask:
    distance, nearest = ndi.distance_transform_edt(~main, return_indices=True)
    start = np.unravel_index(np.argmin(np.where(island, distance, np.inf)), main.shape)
    gap = float(distance[start])
    if small and gap * mm_per_pixel > LONGEST_BRIDGE_MM:
        return main
    end = nearest[0][start], nearest[1][start]
    steps = int(gap) + 2
    line = np.zeros_like(main)
    line[tuple(np.linspace(start[axis], end[axis], steps).round().astype(int) for axis in (0, 1))] = True
    return main | island | morphology.grow(line, BRIDGE_WIDTH_MM / 2 / mm_per_pixel)

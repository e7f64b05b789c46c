"""The solid as a signed field on a grid of 0.4 mm: positive inside, zero on the surface, near it about the distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from lumi_box.providers.builtin import morphology
from lumi_box.providers.builtin.base_plate import BasePlate
from lumi_box.providers.builtin.body import RELIEF_HALF_MM, SLAB_HALF_MM, Body, depth_above_ground
from lumi_box.providers.builtin.framing import PIXEL_MM
from lumi_box.providers.builtin.shape import Shape

Grid = NDArray[np.float32]

VOXEL_MM = 0.4
PIXELS_A_VOXEL = 2
RELIEF_FADE_MM = 1.6
RIM_SMOOTHING_MM = 0.5
BLEND_MM = 0.8  # fillet between figure and plate
FAR = 3.0  # the field is cut off here: only its sign counts farther out


@dataclass(frozen=True, slots=True)
class Field:
    """`values[row, column, slice]`; rows run down, columns right, slices to the front."""

    values: Grid
    left: float  # mm, of the centres of the first column and slice
    rear: float
    floor: float  # mm from the centre of the first row down to the ground


def signed_field(body: Body, plate: BasePlate | None) -> Field:
    """Body and plate melted together; they go on a little below the ground, where the surface is cut off."""
    thickness = plate.thickness if plate else 0.0
    rows = body.ground + round((thickness + 4 * VOXEL_MM) / PIXEL_MM)
    left_pad = right_pad = 0
    if plate:
        margin = 2.0
        left_pad = _voxels(margin - (plate.centre_x - plate.radius_x))
        right_pad = _voxels(plate.centre_x + plate.radius_x + margin - body.mask.shape[1] * PIXEL_MM)
    planes = [_to_voxels(each, rows, left_pad, right_pad) for each in _planes(body)]
    squared = planes[0]
    left, z = (0.5 - left_pad) * VOXEL_MM, _slices(body, plate)
    values = _body_field(body, squared, planes[1], planes[2], z)
    floor = (body.ground * PIXEL_MM) + thickness - VOXEL_MM / 2
    y = np.arange(squared.shape[0], dtype=np.float32)[:, None, None] * VOXEL_MM
    if plate:
        x = (left + np.arange(squared.shape[1], dtype=np.float32) * VOXEL_MM)[None, :, None]
        plate_top = floor - thickness
        start = max(0, int((plate_top - 2.0) / VOXEL_MM))  # nothing of the plate above this row
        solid = plate.distance(x, y[start:] - plate_top, z[None, None, :]).astype(np.float32)
        values[start:] = _smooth_maximum(values[start:], np.maximum(solid, -FAR), BLEND_MM)
    padded = np.pad(values, 1, constant_values=-FAR)
    return Field(padded, left - VOXEL_MM, float(z[0]) - VOXEL_MM, floor + VOXEL_MM)


def _planes(body: Body) -> tuple[Grid, Grid, Grid]:
    """Signed square of the half thickness, and the two reliefs, the row above the ground repeated below it."""
    depth = depth_above_ground(body.mask) * PIXEL_MM
    fade = np.clip(depth / RELIEF_FADE_MM, 0.0, 1.0)  # the outline stays where it is
    planes = [_signed_square(body, depth), body.front * fade, body.back * fade]
    for plane in planes:
        plane[body.ground :] = plane[body.ground - 1]
    planes[0] = ndi.gaussian_filter(planes[0], RIM_SMOOTHING_MM / PIXEL_MM)
    return planes[0].astype(np.float32), planes[1].astype(np.float32), planes[2].astype(np.float32)


def _signed_square(body: Body, depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """The square of the half thickness, as steep below zero outside: smoothing then leaves the rim in place."""
    to_rim = depth - PIXEL_MM / 2  # which runs between the pixels
    band = body.mask & (to_rim > 0.2) & (to_rim < 0.6)
    near_rim = morphology.nearest_inside(band if band.any() else body.mask)
    slope = (body.half**2 / np.maximum(to_rim, PIXEL_MM / 2))[near_rim]
    outside = ndi.distance_transform_edt(~body.mask) * PIXEL_MM - PIXEL_MM / 2
    return np.where(body.mask, body.half**2, -slope * np.minimum(outside, 4.0))


def _to_voxels(plane: Grid, rows: int, left: int, right: int) -> Grid:
    """Halve the resolution, and lengthen or cut the plane to `rows` pixels."""
    rows += rows % 2
    longer = np.pad(plane, ((0, max(0, rows - plane.shape[0])), (0, 0)), mode="edge")[:rows]
    height, width = rows // PIXELS_A_VOXEL, plane.shape[1] // PIXELS_A_VOXEL
    coarse = longer.reshape(height, PIXELS_A_VOXEL, width, PIXELS_A_VOXEL).mean(axis=(1, 3))
    return np.pad(coarse, ((0, 0), (left, right)), mode="edge")


def _voxels(length: float) -> int:
    return max(0, int(np.ceil(length / VOXEL_MM)))


def _slices(body: Body, plate: BasePlate | None) -> Grid:
    reach = float((body.half + np.maximum(np.maximum(body.front, body.back), 0.0)).max()) + 1.0
    if plate:
        reach = max(reach, plate.radius_z + abs(plate.centre_z) + 1.0)
    count = _voxels(reach)
    return (np.arange(2 * count, dtype=np.float32) - count + 0.5) * VOXEL_MM


def _body_field(body: Body, squared: Grid, front: Grid, back: Grid, z: Grid) -> Grid:
    """(H + relief)² - z², scaled by its slope to about a distance, slice by slice to keep memory small."""
    inside = squared > 0
    half = np.sqrt(np.maximum(squared, 0.0))
    scale = 1.0 / (2.0 * np.maximum(ndi.gaussian_filter(half, 2.0), 2.0))
    # a relief may not cut through a thin place
    sides = [np.where(inside, (half + np.maximum(each, -0.6 * half)) ** 2, squared) for each in (back, front)]
    rear = {Shape.SLAB: SLAB_HALF_MM - 0.6, Shape.RELIEF: RELIEF_HALF_MM - 0.6}.get(body.shape)
    values = np.empty((*squared.shape, len(z)), dtype=np.float32)
    for index, depth in enumerate(z):
        layer = (sides[int(depth > 0)] - depth * depth) * scale
        if rear is not None:
            layer = np.minimum(layer, depth + rear)
        values[..., index] = np.clip(layer, -FAR, FAR)
    return values


def _smooth_maximum(first: Grid, second: Grid, width: float) -> Grid:
    """The union of two fields with a fillet about `width` across."""
    share = np.clip(0.5 + 0.5 * (first - second) / width, 0.0, 1.0)
    return second * (1.0 - share) + first * share + width * share * (1.0 - share)

"""The solid as heights over its silhouette: how far it reaches to the front and to the back of the picture's plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumi_box.providers.builtin import morphology
from lumi_box.providers.builtin.framing import PIXEL_MM
from lumi_box.providers.builtin.inflate import poisson_inflation
from lumi_box.providers.builtin.morphology import Mask
from lumi_box.providers.builtin.shape import Shape

Plane = NDArray[np.float64]

GROUND_CUT_MM = 1.4  # taken off the lowest point, so that round feet become flat ones
LATHE_STIFFNESS = 0.06  # enough to round a neck into a shoulder
DEPTH_SHARE = 0.26  # half depth of a figure, of the smaller of its width and height
FLATTEST, ROUNDEST = 0.5, 0.92  # of round
BOTTOM_REACH_MM = 8.0  # a wide bottom draws in as if it ended this far below the ground; legs hardly do
RIM_MM = 1.1  # a figure is at least this thick, and its rim a quarter circle
SLAB_HALF_MM, SLAB_EDGE_MM = 3.2, 1.6
RELIEF_HALF_MM, RELIEF_EDGE_MM = 2.2, 0.8


@dataclass(frozen=True, slots=True)
class Body:
    """All planes cover the framed object at 0.2 mm; `ground` is the first row below the cut the body stands on."""

    shape: Shape
    mask: Mask
    half: Plane  # mm to either side of the plane
    front: Plane  # relief on top of it, mm
    back: Plane
    ground: int

    @property
    def flat_back(self) -> bool:
        return self.shape in (Shape.SLAB, Shape.RELIEF)

    @property
    def centre_of_mass(self) -> tuple[float, float]:
        """x from the frame's left and z towards the front, in mm."""
        front, back = self.half + self.front, self.half + self.back
        mass = np.where(self.mask, front + back, 0.0)
        x = (np.arange(mass.shape[1]) + 0.5) * PIXEL_MM
        moment_z = np.where(self.mask, (front**2 - back**2) / 2, 0.0)
        return float((mass.sum(axis=0) * x).sum() / mass.sum()), float(moment_z.sum() / mass.sum())


def raise_body(shape: Shape, silhouette: Mask) -> Body:
    """Give the silhouette its thickness, without relief yet."""
    top, bottom, _, _ = morphology.bounds(silhouette)
    mask = silhouette.copy()
    mask[bottom - min(round(GROUND_CUT_MM / PIXEL_MM), (bottom - top) // 6) :] = False
    mask = morphology.largest_component(mask)
    ground = morphology.bounds(mask)[1]  # higher, should the cut have parted the lowest piece from the rest
    half = half_thickness(shape, mask, silhouette)
    none = np.zeros_like(half)
    return Body(shape, mask, half, none, none, ground)


def half_thickness(shape: Shape, mask: Mask, silhouette: Mask) -> Plane:
    """Half the thickness in mm; `silhouette` goes on below the cut at the ground where `mask` ends."""
    match shape:
        case Shape.BALL:
            u = poisson_inflation(silhouette) * PIXEL_MM**2
            return np.where(mask, np.sqrt(4.0 * u), 0.0)
        case Shape.LATHE:
            u = poisson_inflation(mask, LATHE_STIFFNESS, bottom_hold=0.0) * PIXEL_MM**2
            return _with_rim(np.sqrt((2.0 + LATHE_STIFFNESS) * u), mask)
        case Shape.FIGURE:
            u = poisson_inflation(mask, bottom_hold=PIXEL_MM / BOTTOM_REACH_MM) * PIXEL_MM**2
            return _with_rim(_figure_depth(np.sqrt(4.0 * u), mask), mask)
        case Shape.SLAB:
            return _plate(mask, SLAB_HALF_MM, SLAB_EDGE_MM)
        case Shape.RELIEF:
            return _plate(mask, RELIEF_HALF_MM, RELIEF_EDGE_MM)


def _figure_depth(round_half: Plane, mask: Mask) -> Plane:
    """Scale the round body to a depth that suits its outline: limbs stay proportionate to the trunk."""
    top, bottom, left, right = morphology.bounds(mask)
    wanted = DEPTH_SHARE * min(bottom - top, right - left) * PIXEL_MM
    return round_half * np.clip(wanted / round_half.max(), FLATTEST, ROUNDEST)


def _with_rim(half: Plane, mask: Mask) -> Plane:
    return np.maximum(half, _quarter_circle(depth_above_ground(mask) * PIXEL_MM, RIM_MM))


def _plate(mask: Mask, half: float, edge: float) -> Plane:
    """Even, with rounded edges."""
    rounded = half - edge + _quarter_circle(depth_above_ground(mask) * PIXEL_MM, edge)
    return np.where(mask, rounded, 0.0)


def _quarter_circle(distance: Plane, radius: float) -> Plane:
    inward = np.clip(distance, 0.0, radius)
    return np.sqrt(radius**2 - (radius - inward) ** 2)


def depth_above_ground(mask: Mask) -> Plane:
    """Distance in pixels to the outline; the cut at the ground is no outline."""
    height = mask.shape[0]
    lowest = morphology.bounds(mask)[1] - 1
    extended = mask.copy()
    extended[lowest + 1 :] = mask[lowest]
    below = np.repeat(mask[lowest][None], 80, axis=0)
    return morphology.depth_inside(np.concatenate([extended, below]))[:height] * mask

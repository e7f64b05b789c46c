"""The disc under a figure that would not stand safely on what it has of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lumi_box.providers.builtin import morphology
from lumi_box.providers.builtin.body import Body
from lumi_box.providers.builtin.framing import PIXEL_MM
from lumi_box.providers.builtin.shape import Shape

THICKNESS_MM = 4.0
TOP_EDGE_MM = 1.0  # rounded
SAFE_MARGIN_MM = 5.0  # of the centre of mass inside the support; what is promised is 3 at 60 mm
WIDEST_TO_TALLEST = 3.25  # 60 mm tall is then about 210 mm wide at most, plate included, and fits a common print bed


@dataclass(frozen=True, slots=True)
class BasePlate:
    """A rounded rectangle, as round as `corner` says, in mm; x as on the framed object, z from the picture's plane."""

    centre_x: float
    centre_z: float
    radius_x: float
    radius_z: float
    corner: float
    thickness: float = THICKNESS_MM

    def enlarged(self) -> BasePlate:
        """A third larger each way."""
        return replace(self, radius_x=self.radius_x * 4 / 3, radius_z=self.radius_z * 4 / 3, corner=self.corner * 4 / 3)

    def distance(self, x: NDArray, depth: NDArray, z: NDArray) -> NDArray:
        """Signed distance inside, `depth` in mm below the plate's top; its sides go down without end."""
        beside_x = np.abs(x - self.centre_x) - (self.radius_x - self.corner)
        beside_z = np.abs(z - self.centre_z) - (self.radius_z - self.corner)
        outside = np.hypot(np.maximum(beside_x, 0), np.maximum(beside_z, 0))
        side = self.corner - outside - np.minimum(np.maximum(beside_x, beside_z), 0)
        short_of = np.hypot(np.minimum(side - TOP_EDGE_MM, 0), np.minimum(depth - TOP_EDGE_MM, 0))
        return np.minimum(np.minimum(side, depth), TOP_EDGE_MM - short_of)


def plan_base(body: Body) -> BasePlate | None:
    """No plate where the body stands safely by itself."""
    return None if stands_alone(body) else fitting_plate(body)


def stands_alone(body: Body) -> bool:
    """Wide and deep contact, with the centre of mass well inside."""
    if body.shape not in (Shape.FIGURE, Shape.LATHE):
        return False
    top, bottom, left, right = morphology.bounds(body.mask)
    if right - left > WIDEST_TO_TALLEST * (bottom - top):
        return False
    contact = np.flatnonzero(body.mask[body.ground - 1])
    width, foot = right - left, int(contact[-1] - contact[0]) + 1
    if len(contact) < 0.34 * width or foot < 0.45 * width:
        return False
    x, z = body.centre_of_mass
    beside = min(x - contact[0] * PIXEL_MM, contact[-1] * PIXEL_MM - x)
    deep = float(np.median(body.half[body.ground - 1, contact])) - abs(z)
    return beside >= SAFE_MARGIN_MM and deep >= SAFE_MARGIN_MM


def fitting_plate(body: Body) -> BasePlate:
    """Covers the feet and the centre of mass, and is thick enough to lift a very flat figure to a sensible height."""
    top, _, left, right = morphology.bounds(body.mask)
    contact = np.flatnonzero(body.mask[body.ground - 1]) * PIXEL_MM
    width, height = (right - left) * PIXEL_MM, (body.ground - top) * PIXEL_MM
    x, z = body.centre_of_mass
    first, last = min(contact[0], x - SAFE_MARGIN_MM), max(contact[-1] + PIXEL_MM, x + SAFE_MARGIN_MM)
    centre = (first + last) / 2
    radius_x = max(0.3 * width + 2.0, (last - first) / 2 + 3.0)
    radius_z = float(np.clip(0.9 * body.half.max() + 2.5, 9.0, 17.0))
    square = body.flat_back and (last - first) > 0.6 * width  # a plaque has a foot, a medal a disc
    corner = 2.5 if square else min(radius_x, radius_z)
    thickness = max(THICKNESS_MM, (2 * radius_x if radius_x > width / 2 else width) / WIDEST_TO_TALLEST - height)
    return BasePlate(centre, z, radius_x, radius_z, corner, thickness)

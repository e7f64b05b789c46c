"""A picture of the model for a gallery card: three-quarter view from slightly above, on nothing."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.meshes.normals import corner_normals
from lumi_box.meshes.placed import for_viewing
from lumi_box.meshes.rasterise import Fragments, rasterise

Array = NDArray[np.float64]

TURN_DEGREES, LIFT_DEGREES = 32.0, 16.0
FILL = 0.88  # of the picture's side
KEY_LIGHT, FILL_LIGHT = (-0.45, 0.75, 0.65), (0.8, 0.15, 0.35)  # right, up, towards the eye
PLAIN = (0.82, 0.82, 0.84)
FINEST_TEXTURE = 1024  # px; finer would glitter


def render_preview(
    mesh: TexturedMesh, size: int = 512, *, turn: float = TURN_DEGREES, lift: float = LIFT_DEGREES
) -> Image.Image:
    """RGBA with a transparent background and a soft shadow on the ground."""
    fine = 2 * size  # shrunk at the end: smooth edges
    view = _camera(turn, lift)
    points = for_viewing(mesh.vertices) @ view.T
    on_screen = _to_pixels(points, fine)
    fragments = rasterise(on_screen[mesh.faces], fine)
    colour = _albedo(mesh, fragments) * _light(mesh, points, fragments)[:, None]
    rgba = np.zeros((fine * fine, 4), dtype=np.uint8)
    rgba[fragments.pixel, :3] = np.clip(colour, 0, 1) ** (1 / 2.2) * 255 + 0.5
    rgba[fragments.pixel, 3] = 255
    figure = Image.fromarray(rgba.reshape(fine, fine, 4))
    ground = _shadow(mesh, on_screen, fine, lift)
    return Image.alpha_composite(ground, figure).resize((size, size), Image.Resampling.LANCZOS)


def _camera(turn: float, lift: float) -> Array:
    """Rows: right, up, towards the eye."""
    around, above = math.radians(turn), math.radians(lift)
    eye = (math.sin(around) * math.cos(above), math.sin(above), math.cos(around) * math.cos(above))
    right = (math.cos(around), 0.0, -math.sin(around))
    return np.array([right, np.cross(eye, right), eye])


def _to_pixels(points: Array, size: int) -> Array:
    """Fill the picture, whatever the model's proportions; the eye looks down -z."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = FILL * size / max(float((high - low)[:2].max()), 1e-9)
    moved = (points - (low + high) / 2) * scale
    return moved * [1, -1, 1] + [size / 2, size / 2, 0]


def _albedo(mesh: TexturedMesh, fragments: Fragments) -> Array:
    """Linear colour of the texture, sampled between its pixels."""
    if mesh.texture is None:
        return np.broadcast_to(np.array(PLAIN) ** 2.2, (len(fragments.face), 3))
    picture = mesh.texture.convert("RGB")
    picture.thumbnail((2 * FINEST_TEXTURE, FINEST_TEXTURE), Image.Resampling.BOX)
    texels = (np.arange(256, dtype=np.float32) / 255)[np.asarray(picture)] ** 2.2
    height, width = texels.shape[:2]
    uv = np.einsum("nk,nkd->nd", fragments.weights, mesh.uv[mesh.uv_faces[fragments.face]])
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1)
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, height - 1)
    column, row = x.astype(np.int64), y.astype(np.int64)
    right, down = (x - column)[:, None], (y - row)[:, None]
    next_column, next_row = np.minimum(column + 1, width - 1), np.minimum(row + 1, height - 1)
    upper = texels[row, column] * (1 - right) + texels[row, next_column] * right
    lower = texels[next_row, column] * (1 - right) + texels[next_row, next_column] * right
    return upper * (1 - down) + lower * down


def _light(mesh: TexturedMesh, points: Array, fragments: Fragments) -> Array:
    """A key light, a weak one from the other side, and a sky brighter than the ground."""
    looks, corners = corner_normals(points, mesh.faces, faceted=mesh.faceted)
    normals = np.einsum("nk,nkd->nd", fragments.weights, looks[corners[fragments.face]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    key, fill = (np.array(each) / np.linalg.norm(each) for each in (KEY_LIGHT, FILL_LIGHT))
    sky = 0.5 + 0.5 * normals[:, 1]
    return 0.30 + 0.22 * sky + 0.62 * np.clip(normals @ key, 0, 1) + 0.16 * np.clip(normals @ fill, 0, 1)


def _shadow(mesh: TexturedMesh, on_screen: Array, size: int, lift: float) -> Image.Image:
    """A dark, blurred patch where the model touches the ground, as seen from the eye's height."""
    heights = mesh.vertices[:, 1]
    low = on_screen[heights <= heights.min() + 0.02 * float(np.ptp(heights))]
    left, right = float(low[:, 0].min()), float(low[:, 0].max())
    top, bottom = float(low[:, 1].min()), float(low[:, 1].max())
    y, x = np.mgrid[:size, :size].astype(np.float32)
    radius_x = max((right - left) / 2, 1.0)
    radius_y = max((bottom - top) / 2, radius_x * math.sin(math.radians(lift)) * 0.5, 1.0)
    reach = np.hypot((x - (left + right) / 2) / radius_x, (y - (top + bottom) / 2 - 0.1 * radius_y) / radius_y)
    alpha = (np.clip(1.25 - reach, 0, 0.4) / 0.4 * 70).astype(np.uint8)
    shade = Image.new("RGBA", (size, size), (20, 24, 32, 0))
    shade.putalpha(Image.fromarray(alpha).filter(ImageFilter.GaussianBlur(size / 60)))
    return shade

"""Many surfaces become one: textures side by side, plain colours as small squares below them."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.meshes.read_parts import GREY, Colour, Parts, Surface
from lumi_box.meshes.read_texture import bad_model, read_texture

ATLAS_SIDE = 4096
MAX_CELLS = 1024
MAX_TEXTURES = 64
MARGIN = 4  # pixels of its own edge around each texture, so that blurring finds no neighbour
PLAIN_SIDE = 8
MAX_REPEATS = 4
SLACK = 1e-4  # how far over the edge a rounded coordinate may lie

Key = tuple[Hashable, Colour] | Colour  # a tinted texture, or a plain colour


@dataclass(slots=True)
class _Cell:
    """Where a surface lies: `repeats` copies of it each way fill x, y, width and height, in pixels from the top."""

    key: Key
    repeats: int = 1
    x: int = 0
    y: int = 0
    width: int = PLAIN_SIDE
    height: int = PLAIN_SIDE

    @property
    def is_texture(self) -> bool:
        return len(self.key) == 2


def baked(parts: Parts) -> TexturedMesh:
    """The mesh with a single texture; the parts are used up."""
    cells, face_cells = _cells(parts)
    shifts = _shifts(parts)
    textured = [cell for cell in cells if cell.is_texture]
    if len(textured) > MAX_TEXTURES or len(cells) > MAX_CELLS:
        raise bad_model(f"{len(textured)} textures and {len(cells)} surfaces")
    for number, cell in enumerate(cells):
        cell.repeats = _repeats(parts, shifts, face_cells == number) if cell.is_texture else 1
    texture = _paint(parts, cells, textured)
    uv, uv_faces = _mapped(parts, cells, face_cells, shifts, texture.size)
    return TexturedMesh(parts.vertices, parts.faces, uv, uv_faces, texture, repaired=tuple(parts.repaired))


def _cells(parts: Parts) -> tuple[list[_Cell], NDArray[np.int64]]:
    """One cell for each different look in use, and the cell of each face."""
    has_uv = (parts.uv_faces >= 0).all(axis=1)
    looks = parts.face_surfaces * 2 + has_uv
    used, face_looks = np.unique(looks, return_inverse=True)
    keys = [_key(parts.surfaces[look // 2], textured=bool(look % 2)) for look in used.tolist()]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [_Cell(key) for key in numbers], np.array([numbers[key] for key in keys])[face_looks]


def _key(surface: Surface, *, textured: bool) -> Key:
    if surface.texture is None:
        return surface.colour
    return (surface.texture, surface.tint) if textured else GREY


def _shifts(parts: Parts) -> NDArray[np.int64]:
    """Textures repeat: how many whole repeats each face lies away from the first one, each way."""
    corners = parts.uv[parts.uv_faces] if len(parts.uv) else np.zeros((len(parts.faces), 3, 2))
    low, high = corners.min(axis=1), corners.max(axis=1)
    is_inside = (low >= -SLACK) & (high <= 1 + SLACK)  # a face along the far edge stays there
    return np.where(is_inside, 0, np.clip(np.floor(low + SLACK), -500, 500)).astype(np.int64)


def _repeats(parts: Parts, shifts: NDArray[np.int64], chosen: NDArray[np.bool_]) -> int:
    corners = parts.uv[parts.uv_faces[chosen]] - shifts[chosen, None]
    return int(np.clip(math.ceil(float(corners.max()) - SLACK), 1, MAX_REPEATS))


def _paint(parts: Parts, cells: list[_Cell], textured: list[_Cell]) -> Image.Image:
    if len(cells) == 1 and textured and cells[0].repeats == 1:
        picture = _read(parts, cells[0], ATLAS_SIDE)
        cells[0].width, cells[0].height = picture.size
        return picture
    columns = math.ceil(math.sqrt(len(textured)))
    pictures = [_read(parts, cell, ATLAS_SIDE // columns - 2 * MARGIN) for cell in textured]
    plain = [cell for cell in cells if not cell.is_texture]
    width, height = _lay_out(textured, plain, pictures, columns)
    atlas = Image.new("RGB", (width, height))
    for cell, picture in zip(textured, pictures, strict=True):
        _paste(atlas, cell, picture)
    for cell in plain:
        atlas.paste(_bytes(cell.key), (cell.x, cell.y, cell.x + PLAIN_SIDE, cell.y + PLAIN_SIDE))
    return atlas


def _read(parts: Parts, cell: _Cell, side: int) -> Image.Image:
    texture, tint = cell.key  # type: ignore[misc]
    with parts.open_texture(texture) as file:
        picture = read_texture(file, max(side // cell.repeats, 1))
    return picture if min(tint) >= 1.0 else picture.point(_tint_table(tint))


def _tint_table(tint: Colour) -> list[int]:
    values = np.arange(256) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return [round(255 * to_srgb(float(value) * channel)) for channel in tint for value in linear]


def to_srgb(linear: float) -> float:
    value = min(max(linear, 0.0), 1.0)
    return value * 12.92 if value <= 0.0031308 else float(1.055 * value ** (1 / 2.4) - 0.055)


def _lay_out(textured: list[_Cell], plain: list[_Cell], pictures: list[Image.Image], columns: int) -> tuple[int, int]:
    """A grid for the textures, then rows of plain squares; answers the size of the whole."""
    for cell, picture in zip(textured, pictures, strict=True):
        cell.width, cell.height = picture.width * cell.repeats, picture.height * cell.repeats
    step_x = max((cell.width + 2 * MARGIN for cell in textured), default=0)
    step_y = max((cell.height + 2 * MARGIN for cell in textured), default=0)
    for number, cell in enumerate(textured):
        cell.x, cell.y = number % columns * step_x + MARGIN, number // columns * step_y + MARGIN
    top = math.ceil(len(textured) / columns) * step_y if textured else 0
    across = max(columns * step_x // PLAIN_SIDE, math.ceil(math.sqrt(len(plain))), 1)
    for number, cell in enumerate(plain):
        cell.x, cell.y = number % across * PLAIN_SIDE, top + number // across * PLAIN_SIDE
    return max(columns * step_x, across * PLAIN_SIDE), top + math.ceil(len(plain) / across) * PLAIN_SIDE


def _paste(atlas: Image.Image, cell: _Cell, picture: Image.Image) -> None:
    """All repeats, then the outermost pixels once more on each side."""
    for row in range(cell.repeats):
        for column in range(cell.repeats):
            atlas.paste(picture, (cell.x + column * picture.width, cell.y + row * picture.height))
    right, bottom = cell.x + cell.width, cell.y + cell.height
    for offset in range(1, MARGIN + 1):
        atlas.paste(atlas.crop((cell.x, cell.y, cell.x + 1, bottom)), (cell.x - offset, cell.y))
        atlas.paste(atlas.crop((right - 1, cell.y, right, bottom)), (right + offset - 1, cell.y))
    left, right = cell.x - MARGIN, right + MARGIN
    for offset in range(1, MARGIN + 1):
        atlas.paste(atlas.crop((left, cell.y, right, cell.y + 1)), (left, cell.y - offset))
        atlas.paste(atlas.crop((left, bottom - 1, right, bottom)), (left, bottom + offset - 1))


def _bytes(colour: Key) -> tuple[int, ...]:
    return tuple(round(255 * min(max(float(channel), 0.0), 1.0)) for channel in colour)  # type: ignore[arg-type]


def _mapped(
    parts: Parts, cells: list[_Cell], face_cells: NDArray[np.int64], shifts: NDArray[np.int64], size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Each corner's place in the atlas; corners that share one still share it afterwards."""
    if len(cells) == 1 and not cells[0].is_texture:
        return _in_atlas(np.zeros((1, 2)), cells, np.zeros(1, np.int64), size), np.zeros_like(parts.faces)
    if len(cells) == 1 and not shifts.any():  # as most are: no need to sort anything
        return _in_atlas(parts.uv, cells, np.zeros(len(parts.uv), np.int64), size), parts.uv_faces
    plain = np.array([not cell.is_texture for cell in cells])[face_cells]
    places = np.where(plain[:, None], 0, parts.uv_faces)
    moves = np.where(plain[:, None], 0, shifts) + 500
    codes = ((places * len(cells) + face_cells[:, None]) * 1001 + moves[:, :1]) * 1001 + moves[:, 1:]
    found, uv_faces = np.unique(codes, return_inverse=True)
    rest, move_v = np.divmod(found, 1001)
    rest, move_u = np.divmod(rest, 1001)
    place, cell = np.divmod(rest, len(cells))
    table = parts.uv if len(parts.uv) else np.zeros((1, 2))
    source = table[place] - np.stack([move_u, move_v], axis=1) + 500
    return _in_atlas(source, cells, cell, size), uv_faces.reshape(-1, 3)


def _in_atlas(
    source: NDArray[np.float64], cells: list[_Cell], cell: NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.float64]:
    boxes = np.array([(each.x, each.y, each.width, each.height, each.repeats) for each in cells], float)[cell]
    plain = np.array([not each.is_texture for each in cells])[cell]
    u, v = np.where(plain[:, None], 0.5, np.clip(source / boxes[:, 4:], 0.0, 1.0)).T
    x = (boxes[:, 0] + u * boxes[:, 2]) / size[0]
    y = (boxes[:, 1] + (1.0 - v) * boxes[:, 3]) / size[1]
    return np.stack([x, 1.0 - y], axis=1)

"""Small files to read, and what to look at in the mesh that comes out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.meshes.read import read_mesh

CORNERS = "v 0 0 0\nv 2 0 0\nv 0 3 0\nv 0 0 1\n"
FACES = "f 1 3 2\nf 1 2 4\nf 2 3 4\nf 3 1 4\n"
TETRAHEDRON = CORNERS + FACES


def read_text(folder: Path, text: str | bytes, **files: bytes | str) -> TexturedMesh:
    """The OBJ of this text; a name's double underscore is a dot."""
    siblings = {}
    for number, (name, content) in enumerate(files.items()):
        path = folder / f"sibling-{number}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        siblings[name.replace("__", ".")] = path
    path = folder / "model"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_mesh(path, folder, siblings)


def picture(*rows: str, kind: str = "PNG", scale: int = 16) -> bytes:
    """Squares of these colours, row by row from the top."""
    names = [row.split() for row in rows]
    image = Image.new("RGB", (len(names[0]), len(names)))
    for y, row in enumerate(names):
        for x, name in enumerate(row):
            image.paste(name, (x, y, x + 1, y + 1))
    file = io.BytesIO()
    image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(file, kind)
    return file.getvalue()


def colours(mesh: TexturedMesh) -> list[tuple[int, ...]]:
    """What each face shows in its middle."""
    return [colour_at(mesh, mesh.uv[corners].mean(axis=0)) for corners in mesh.uv_faces]


def colour_at(mesh: TexturedMesh, place: np.ndarray) -> tuple[int, ...]:
    width, height = mesh.texture.size
    x, y = min(int(place[0] * width), width - 1), min(int((1 - place[1]) * height), height - 1)
    return mesh.texture.getpixel((x, y))

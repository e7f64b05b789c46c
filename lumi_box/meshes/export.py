"""All files of a finished model: one to look at, one for each way to print or share it, and a preview."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lumi_box.meshes.glb import write_glb
from lumi_box.meshes.measure import ModelFacts, volume
from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.meshes.obj import write_mtl, write_obj
from lumi_box.meshes.placed import for_print
from lumi_box.meshes.preview import PLAIN, render_preview
from lumi_box.meshes.printability import PrintFacts, examine
from lumi_box.meshes.stl import write_stl
from lumi_box.meshes.threemf import write_threemf

PRINT_HEIGHT_MM = 60.0
PREVIEW_PX = 512


@dataclass(frozen=True, slots=True)
class ModelFiles:
    obj: Path
    mtl: Path
    texture: Path
    glb: Path
    stl: Path
    threemf: Path
    preview: Path
    facts: ModelFacts
    print_facts: PrintFacts


def export_all(mesh: TexturedMesh, directory: Path, *, name: str, height_mm: float = PRINT_HEIGHT_MM) -> ModelFiles:
    """Write every file of the model into the directory; `name` is its title inside GLB and 3MF."""
    texture = (mesh.texture or _plain_texture()).convert("RGB")
    with ThreadPoolExecutor(1) as beside:  # Pillow's encoders hold no lock: a large texture is packed meanwhile
        packing = beside.submit(_encode, texture, "PNG", compress_level=4)
        jpeg = _encode(texture, "JPEG", quality=90, subsampling=0)
        preview = _encode(render_preview(mesh, PREVIEW_PX), "WEBP", quality=86, method=2)
        png = packing.result()

    def keep(file_name: str, data: bytes) -> Path:
        path = directory / file_name
        path.write_bytes(data)
        return path

    print_facts = examine(for_print(mesh.vertices, height_mm), mesh.faces, mesh.repaired)
    return ModelFiles(
        obj=keep("model.obj", write_obj(mesh, "model.mtl")),
        mtl=keep("model.mtl", write_mtl("texture.png")),
        texture=keep("texture.png", png),
        glb=keep("model.glb", write_glb(mesh, name, height_mm, jpeg, "image/jpeg")),
        stl=keep("model.stl", write_stl(mesh, height_mm)),
        threemf=keep("model.3mf", write_threemf(mesh, name, height_mm, png)),
        preview=keep("preview.webp", preview),
        facts=model_facts(mesh, height_mm),
        print_facts=print_facts,
    )


def model_facts(mesh: TexturedMesh, height_mm: float = PRINT_HEIGHT_MM) -> ModelFacts:
    """What the print file of that height measures."""
    vertices = for_print(mesh.vertices, height_mm)
    x, y, z = (float(side) for side in np.ptp(vertices, axis=0))
    return ModelFacts(
        face_count=len(mesh.faces),
        vertex_count=len(mesh.vertices),
        size_mm=(x, y, z),
        volume_cm3=volume(vertices, mesh.faces) / 1000.0,
    )


def _plain_texture() -> Image.Image:
    """For a mesh that came without one: every model has the same files."""
    return Image.new("RGB", (8, 8), tuple(round(255 * channel) for channel in PLAIN))


def _encode(picture: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()

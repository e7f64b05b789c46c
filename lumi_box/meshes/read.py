"""The mesh that a vendor sent, whatever it is packed in: decided by its first bytes, never by its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.meshes.read_atlas import baked
from lumi_box.meshes.read_glb import MAGIC as GLTF
from lumi_box.meshes.read_glb import read_glb
from lumi_box.meshes.read_obj import read_obj
from lumi_box.meshes.read_parts import checked
from lumi_box.meshes.read_zip import unpack

ZIP = b"PK\x03\x04"
NO_FILES: Mapping[str, Path] = MappingProxyType({})


def read_mesh(path: Path, workdir: Path, siblings: Mapping[str, Path] = NO_FILES) -> TexturedMesh:
    """A ZIP with an OBJ, a bare OBJ with the files that came with it by name, or a binary glTF.

    Y up as it came, welded, with at most one texture. It may be open or cross itself; what is empty, flat, broken or
    too large is Refused as "bad_model". The workdir is the caller's to remove.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == GLTF:
        return baked(checked(read_glb(path)))
    if magic == ZIP:
        unpacked = unpack(path, workdir)
        return baked(checked(read_obj(unpacked.obj, unpacked.siblings)))
    return baked(checked(read_obj(path, siblings)))

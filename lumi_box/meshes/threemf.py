"""3MF for printing, with the texture by the materials and properties extension."""

from __future__ import annotations

import io
import re
import zipfile
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.meshes.placed import for_print

MODEL_PART = "3D/3dmodel.model"
TEXTURE_PART = "3D/Textures/texture.png"
CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
MATERIAL = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
MODEL_TYPE = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
TEXTURE_TYPE = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dtexture"
RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
CONTENT_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_threemf(mesh: TexturedMesh, title: str, height_mm: float, png: bytes) -> bytes:
    """`png` is the encoded texture."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as package:
        package.writestr("[Content_Types].xml", _content_types())
        package.writestr("_rels/.rels", _relationship(f"/{MODEL_PART}", MODEL_TYPE))
        package.writestr("3D/_rels/3dmodel.model.rels", _relationship(f"/{TEXTURE_PART}", TEXTURE_TYPE))
        package.writestr(MODEL_PART, _model(mesh, title, height_mm))
        package.writestr(TEXTURE_PART, png, compress_type=zipfile.ZIP_STORED)
    return file.getvalue()


def _model(mesh: TexturedMesh, title: str, height_mm: float) -> str:
    corners = np.concatenate([mesh.faces, mesh.uv_faces], axis=1)
    safe_title = escape(NOT_IN_XML.sub(" ", title))
    return "".join(
        (
            f'{XML}<model unit="millimeter" xml:lang="en-US" xmlns="{CORE}" xmlns:m="{MATERIAL}">',
            f'<metadata name="Title">{safe_title}</metadata><metadata name="Application">lumi-box</metadata>',
            f'<resources><m:texture2d id="1" path="/{TEXTURE_PART}" contenttype="image/png"/>',
            '<m:texture2dgroup id="2" texid="1">',
            _elements('<m:tex2coord u="%.5f" v="%.5f"/>', mesh.uv),
            '</m:texture2dgroup><object id="3" type="model" pid="2" pindex="0"><mesh><vertices>',
            _elements('<vertex x="%.5f" y="%.5f" z="%.5f"/>', for_print(mesh.vertices, height_mm)),
            "</vertices><triangles>",
            _elements('<triangle v1="%d" v2="%d" v3="%d" pid="2" p1="%d" p2="%d" p3="%d"/>', corners),
            '</triangles></mesh></object></resources><build><item objectid="3"/></build></model>',
        )
    )


def _elements(element: str, rows: NDArray) -> str:
    return (element * len(rows)) % tuple(rows.ravel().tolist())


def _content_types() -> str:
    kinds = {
        "rels": "application/vnd.openxmlformats-package.relationships+xml",
        "model": "application/vnd.ms-package.3dmanufacturing-3dmodel+xml",
        "png": "image/png",
    }
    defaults = "".join(f'<Default Extension="{name}" ContentType="{kind}"/>' for name, kind in kinds.items())
    return f'{XML}<Types xmlns="{CONTENT_TYPES}">{defaults}</Types>'


def _relationship(target: str, kind: str) -> str:
    entry = f'<Relationship Target="{target}" Id="rel0" Type="{kind}"/>'
    return f'{XML}<Relationships xmlns="{RELATIONSHIPS}">{entry}</Relationships>'

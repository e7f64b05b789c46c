"""A finished model as one file to keep: for the printer at a chosen height, or as it is shown."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from flask import Response, request
from werkzeug.wsgi import wrap_file

from lumi_box.errors import Conflict
from lumi_box.meshes.scale_print import stl_scaled, threemf_scaled
from lumi_box.storage import keys
from lumi_box.storage.base import Storage
from lumi_box.tables.generation import GeneratedModel
from lumi_box.web.context import box

KEY_COLUMNS = {"obj": "obj_key", "glb": "glb_key", "stl": "stl_key", "3mf": "threemf_key"}
STORED_HEIGHT_MM = 60.0
SPOOL_BYTES = 8 << 20


def of_model(model: GeneratedModel, kind: str, height_mm: float) -> Response:
    key = getattr(model, KEY_COLUMNS[kind])
    if key is None:
        raise Conflict("The model is not finished yet.")
    if kind == "obj":
        body: BinaryIO = _zip([model.obj_key, model.mtl_key, model.texture_key])
        response = _attachment(wrap_file(request.environ, body), "application/zip")
    elif kind in ("stl", "3mf") and height_mm != STORED_HEIGHT_MM:
        response = _attachment(_scaled(box().storage, key, kind, height_mm), keys.media_type(key))
    else:
        response = _attachment(wrap_file(request.environ, box().storage.open(key)), keys.media_type(key))
    name = f"{_file_name(model.name)}.{'zip' if kind == 'obj' else kind}"
    fallback = name.encode("ascii", "replace").decode().replace("?", "_")
    response.headers["Content-Disposition"] = f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name)}"
    return response


def _attachment(body: object, media_type: str) -> Response:
    response = Response(body, mimetype=media_type, direct_passthrough=True)  # type: ignore[arg-type]
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _zip(stored: list[str | None]) -> BinaryIO:
    target = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115  closed by the response that sends it
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for key in stored:
            if key is None:
                continue
            with box().storage.open(key) as source, archive.open(Path(key).name, "w") as entry:
                shutil.copyfileobj(source, entry)
    target.seek(0)
    return target  # type: ignore[return-value]


def _scaled(storage: Storage, key: str, kind: str, height_mm: float) -> Iterator[bytes]:
    """The stored print file made as tall as asked, without loading what builds meshes. Runs after the request."""
    with tempfile.TemporaryDirectory(prefix="lumi-print-") as folder:
        local = Path(folder, Path(key).name)
        with storage.open(key) as source, local.open("wb") as target:
            shutil.copyfileobj(source, target)
        if kind == "stl":
            yield from stl_scaled(local, height_mm)
        else:
            yield threemf_scaled(local, height_mm)


def _file_name(name: str) -> str:
    """What file systems everywhere accept of a model's name."""
    cleaned = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', " ", name).strip(" .")[:60]
    if not cleaned:
        return "model"
    return cleaned

"""The file that a slicer gets: the model's STL, standing on the bed, as tall as was asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

from lumi_box.errors import Refused
from lumi_box.meshes.scale_print import stl_scaled
from lumi_box.slicing.names import NOT_ACCEPTED, STORED_HEIGHT_MM
from lumi_box.storage.base import Storage


def write(storage: Storage, stl_key: str, height_mm: float, target: Path) -> None:
    """Refused where the stored file has no height to scale."""
    if height_mm == STORED_HEIGHT_MM:
        _fetch(storage, stl_key, target)
        return
    stored = target.with_name("stored.stl")
    _fetch(storage, stl_key, stored)
    try:
        with target.open("wb") as file:
            file.writelines(stl_scaled(stored, height_mm))
    except ValueError as error:
        raise Refused(NOT_ACCEPTED, code="unusable_stl", vendor_text=str(error)) from error
    finally:
        stored.unlink()


def _fetch(storage: Storage, key: str, target: Path) -> None:
    with storage.open(key) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)

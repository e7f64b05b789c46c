"""One number in the database grows with every change of what the gallery shows; caches on every node compare it."""

from __future__ import annotations

from lumi_box.tables.base import database
from lumi_box.tables.gallery import GalleryState


def note() -> None:
    """In the transaction of the change."""
    grown = {GalleryState.generation: GalleryState.generation + 1}
    if not GalleryState.update(grown).where(GalleryState.id == 1).execute():
        GalleryState.create(id=1, generation=1)  # its row was lost, as in a restored copy of some tables only


def generation() -> int:
    """One row by its key, in plain SQL: every request for a cached list asks for it."""
    row = database.execute_sql("SELECT generation FROM gallery_state WHERE id = 1").fetchone()
    return int(row[0]) if row is not None else 0

"""What the gallery lists. Whatever changes it does so here, in the transaction of the change.

With a model's row change the words that find it, and one number in the database that caches on every node compare.
It stands below the flow, which may publish what it finishes.
"""

from __future__ import annotations

from lumi_box.clock import now_ms
from lumi_box.tables.base import database
from lumi_box.tables.gallery import GalleryState, SearchText
from lumi_box.tables.generation import GeneratedModel, GenerationRequest

PUBLIC, PRIVATE = "PUBLIC", "PRIVATE"
SHOWN = (GeneratedModel.visibility == PUBLIC) & GeneratedModel.hidden_at.is_null()


def is_shown(model: GeneratedModel) -> bool:
    """Whether everybody may see it."""
    return model.visibility == PUBLIC and model.hidden_at is None


def update(model_id: str, **columns: object) -> None:
    """Change a model's row, and what is searched and cached of it."""
    GeneratedModel.update(columns).where(GeneratedModel.id == model_id).execute()
    _relist(model_id)


def publish_if_wanted(model_id: str) -> None:
    """In the transaction that finishes a model: publish it if it began with that wish and its owner has not spoken.

    One conditional UPDATE: an owner who says "private" at this very moment is either heard before it or after it.
    """
    wanted = (GeneratedModel.id == model_id) & GeneratedModel.publish_when_done
    now = now_ms()
    change = GeneratedModel.update(visibility=PUBLIC, published_at=now, publish_when_done=False)
    if change.where(wanted).execute():
        _relist(model_id)


def note() -> None:
    """Some of what was listed is gone, or has changed its place."""
    grown = {GalleryState.generation: GalleryState.generation + 1}
    if not GalleryState.update(grown).where(GalleryState.id == 1).execute():
        GalleryState.create(id=1, generation=1)  # its row was lost, as in a restored copy of some tables only


def generation() -> int:
    """One row by its key, in plain SQL: every request for a cached list asks for it."""
    row = database.execute_sql("SELECT generation FROM gallery_state WHERE id = 1").fetchone()
    return int(row[0]) if row is not None else 0


def _relist(model_id: str) -> None:
    row = GeneratedModel.select(GeneratedModel, GenerationRequest).join(GenerationRequest)
    model = row.where(GeneratedModel.id == model_id).first()
    if model is None:
        return  # deleted meanwhile
    SearchText.delete().where(SearchText.model == model.id).execute()
    if is_shown(model):
        SearchText.create(model=model.id, name=model.name, prompt=model.request.prompt)
    note()

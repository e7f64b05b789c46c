"""Lists, filters, pages of finished models; reads only."""

from __future__ import annotations

from typing import Any

from peewee import fn

from lumi_box.gallery.publish import PUBLIC
from lumi_box.tables.account import User
from lumi_box.tables.generation import GeneratedModel, GenerationRequest

SORTS: dict[str, Any] = {
    "latest": GeneratedModel.published_at.desc(),
    "popular": GeneratedModel.download_count.desc(),
    "liked": GeneratedModel.like_count.desc(),
}
OWN_SORTS: dict[str, Any] = {
    "latest": GeneratedModel.created_at.desc(),
    "name": fn.LOWER(GeneratedModel.name),
    "popular": GeneratedModel.download_count.desc(),
}


def public_models(sort: str, limit: int, offset: int, text: str | None = None) -> tuple[list[GeneratedModel], int]:
    """One page of the gallery and how many there are in all; each row carries its user and its request."""
    found = GeneratedModel.visibility == PUBLIC
    query = GeneratedModel.select(GeneratedModel, User, GenerationRequest).join(User).switch(GeneratedModel)
    query = query.join(GenerationRequest).where(found)
    count = GeneratedModel.select().join(GenerationRequest).where(found)
    if text:
        matches = GeneratedModel.name.contains(text) | GenerationRequest.prompt.contains(text)
        query, count = query.where(matches), count.where(matches)
    rows = list(query.order_by(SORTS[sort], GeneratedModel.id.desc()).limit(limit).offset(offset))
    return rows, count.count()


def models_of(
    user_id: str, sort: str, limit: int, offset: int, visibility: str | None = None
) -> tuple[list[GeneratedModel], int]:
    """One page of a user's own models, unfinished ones too."""
    mine = GeneratedModel.user == user_id
    if visibility is not None:
        mine &= GeneratedModel.visibility == visibility
    query = GeneratedModel.select().where(mine)
    return list(query.order_by(OWN_SORTS[sort], GeneratedModel.id.desc()).limit(limit).offset(offset)), query.count()

"""Lists, filters, pages of finished models; reads only, in a number of queries that does not grow with the rows."""

from __future__ import annotations

from typing import Any

from peewee import Case, fn

from lumi_box.gallery import search
from lumi_box.gallery.publish import PUBLIC, SHOWN
from lumi_box.tables.account import User
from lumi_box.tables.generation import GeneratedModel, GenerationRequest
from lumi_box.tables.interaction import Interaction

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
Page = tuple[list[GeneratedModel], int]


def public_models(sort: str, limit: int, offset: int, text: str | None = None) -> Page:
    """One page of the gallery and how many there are in all; each row carries its user and its request."""
    found = SHOWN if not text else SHOWN & GeneratedModel.id.in_(search.matching(text))
    total = GeneratedModel.select().where(found).count()
    return _rows(page_ids(sort, limit, offset, text)), total


def page_ids(sort: str, limit: int, offset: int, text: str | None = None) -> Any:
    """The ids of one page, out of the index alone: what is skipped costs next to nothing."""
    query = GeneratedModel.select(GeneratedModel.id).where(SHOWN)
    if text:
        query = query.where(GeneratedModel.id.in_(search.matching(text)))
    return query.order_by(SORTS[sort], GeneratedModel.id.desc()).limit(limit).offset(offset).tuples()


def models_of(user_id: str, sort: str, limit: int, offset: int, visibility: str | None = None) -> Page:
    """One page of a user's own models, unfinished ones too."""
    mine = GeneratedModel.user == user_id
    if visibility is not None:
        mine &= GeneratedModel.visibility == visibility
    query = GeneratedModel.select().where(mine)
    return list(query.order_by(OWN_SORTS[sort], GeneratedModel.id.desc()).limit(limit).offset(offset)), query.count()


def marked_by(user_id: str, kind: str, sort: str, limit: int, offset: int) -> Page:
    """What the user likes, or has as a favourite, the newest mark first; what is no longer public is left out."""
    seen = SHOWN | (GeneratedModel.user == user_id)
    query = Interaction.select(Interaction.model).join(GeneratedModel)
    query = query.where(Interaction.user == user_id, Interaction.kind == kind, seen)
    order = Interaction.created_at.desc() if sort == "latest" else OWN_SORTS[sort]
    ids = query.order_by(order, Interaction.id.desc()).limit(limit).offset(offset).tuples()
    return _rows(ids), query.count()


def figures_of(user_id: str) -> dict[str, int]:
    """What a user has made and how it was received."""
    model = GeneratedModel
    sums = {
        "totalModels": fn.COUNT(model.id),
        "publicModels": fn.COALESCE(fn.SUM(Case(None, [(model.visibility == PUBLIC, 1)], 0)), 0),
        "totalViews": fn.COALESCE(fn.SUM(model.view_count), 0),
        "totalLikes": fn.COALESCE(fn.SUM(model.like_count), 0),
        "totalFavorites": fn.COALESCE(fn.SUM(model.favorite_count), 0),
        "totalDownloads": fn.COALESCE(fn.SUM(model.download_count), 0),
    }
    named = [value.alias(name) for name, value in sums.items()]
    row: Any = model.select(*named).where(model.user == user_id).dicts().get()
    found = {name: int(row[name]) for name in sums}
    tasks = GenerationRequest.select().where(GenerationRequest.user == user_id).count()
    return {"totalTasks": tasks, **found, "privateModels": found["totalModels"] - found["publicModels"]}


def _rows(ids: Any) -> list[GeneratedModel]:
    """The models of these ids, in their order, each with its user and its request."""
    wanted = [row[0] for row in ids]
    query = GeneratedModel.select(GeneratedModel, User, GenerationRequest).join(User).switch(GeneratedModel)
    rows = {row.id: row for row in query.join(GenerationRequest).where(GeneratedModel.id.in_(wanted))}
    return [rows[each] for each in wanted if each in rows]

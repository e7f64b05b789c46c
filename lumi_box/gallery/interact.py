"""What people do with a public model, counted right: likes and favourites by user, views and downloads once a day.

A counter changes in the transaction of the row that it counts, and by one, and only when that row really came or went.
Owners' own views and downloads are not counted: the figures tell what others thought.
"""

from __future__ import annotations

from collections.abc import Iterable

from lumi_box.clock import now_ms
from lumi_box.errors import NotFound
from lumi_box.tables import dialect
from lumi_box.tables.base import retried, transaction
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.interaction import Interaction, Visit

LIKE, FAVORITE = "LIKE", "FAVORITE"
VIEW, DOWNLOAD = "VIEW", "DOWNLOAD"
COUNTERS = {
    LIKE: GeneratedModel.like_count,
    FAVORITE: GeneratedModel.favorite_count,
    VIEW: GeneratedModel.view_count,
    DOWNLOAD: GeneratedModel.download_count,
}
DAY_MS = 24 * 3_600_000
KEPT_DAYS = 2


@retried
def toggle(model_id: str, user_id: str, kind: str) -> tuple[bool, GeneratedModel]:
    """Set the mark, or take it back; answers whether it is set now, and the model with its counters."""
    which = (Interaction.model == model_id) & (Interaction.user == user_id) & (Interaction.kind == kind)
    with transaction():
        _hold(model_id)
        taken_back = Interaction.delete().where(which).execute()
        if not taken_back:
            Interaction.create(model=model_id, user=user_id, kind=kind)
        _add(model_id, kind, -1 if taken_back else 1)
        return not taken_back, GeneratedModel.get_by_id(model_id)


def marks_of(user_id: str, model_ids: Iterable[str]) -> dict[str, set[str]]:
    """What the user has marked these models with."""
    wanted = list(model_ids)
    marks: dict[str, set[str]] = {each: set() for each in wanted}
    for row in Interaction.select().where(Interaction.user == user_id, Interaction.model.in_(wanted)):
        marks[row.model_id].add(row.kind)
    return marks


def counters_of(model_ids: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Likes and favourites as they are now."""
    columns = (GeneratedModel.id, GeneratedModel.like_count, GeneratedModel.favorite_count)
    rows = GeneratedModel.select(*columns).where(GeneratedModel.id.in_(list(model_ids)))
    return {row.id: (row.like_count, row.favorite_count) for row in rows}


def count_view(model: GeneratedModel, viewer: str) -> int:
    return _count(model, VIEW, viewer)


def count_download(model: GeneratedModel, viewer: str) -> int:
    """However many formats are kept, and however often: one a viewer and day."""
    return _count(model, DOWNLOAD, viewer)


def forget_visits() -> None:
    """What has been counted, and can come no more."""
    Visit.delete().where(Visit.day < today() - KEPT_DAYS).execute()


def today() -> int:
    return now_ms() // DAY_MS


@retried
def _count(model: GeneratedModel, kind: str, viewer: str) -> int:
    """Answers how many there are now."""
    row = {"model": model.id, "kind": kind, "viewer": viewer, "day": today()}
    again = Visit.select().where(*[getattr(Visit, name) == value for name, value in row.items()]).exists()
    if model.user_id != viewer and not again:
        with transaction():
            _hold(model.id)
            _add(model.id, kind, Visit.insert(row).on_conflict_ignore().as_rowcount().execute())
    counter = COUNTERS[kind]
    count: int = GeneratedModel.select(counter).where(GeneratedModel.id == model.id).scalar() or 0
    return count


def _hold(model_id: str) -> None:
    """Those who count the same model take turns."""
    dialect.lock(GeneratedModel, model_id)
    if not GeneratedModel.select().where(GeneratedModel.id == model_id).exists():
        raise NotFound("There is no such model.")  # deleted since it was looked up


def _add(model_id: str, kind: str, change: int) -> None:
    counter = COUNTERS[kind]
    GeneratedModel.update({counter: counter + change}).where(GeneratedModel.id == model_id).execute()

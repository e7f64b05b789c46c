"""Users tell the operators what should not be public; operators hide it, or settle the report."""

from __future__ import annotations

from lumi_box.clock import now_ms
from lumi_box.errors import NotFound
from lumi_box.gallery import publish
from lumi_box.tables.account import User
from lumi_box.tables.base import retried, transaction
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.interaction import ModelReport


@retried
def report(model: GeneratedModel, user_id: str, reason: str) -> None:
    """One a user and model: another word from the same user takes the place of the first, and opens it again."""
    now = now_ms()
    with transaction():
        which = (ModelReport.model == model.id) & (ModelReport.user == user_id)
        ModelReport.delete().where(which).execute()
        ModelReport.create(model=model.id, user=user_id, reason=reason, created_at=now)


def reports(limit: int, offset: int) -> tuple[list[ModelReport], int]:
    """Open ones first, then the newest; each with its model and who wrote it."""
    query = ModelReport.select(ModelReport, GeneratedModel, User).join(GeneratedModel).switch(ModelReport).join(User)
    query = query.order_by(ModelReport.settled_at.is_null(False), ModelReport.created_at.desc(), ModelReport.id.desc())
    return list(query.limit(limit).offset(offset)), ModelReport.select().count()


def hidden(limit: int) -> list[GeneratedModel]:
    """The models that operators have hidden, the newest decision first."""
    query = GeneratedModel.select(GeneratedModel, User).join(User).where(GeneratedModel.hidden_at.is_null(False))
    return list(query.order_by(GeneratedModel.hidden_at.desc()).limit(limit))


@retried
def decide(model_id: str, *, hide: bool) -> None:
    """Hide the model, or let it be seen: either way its reports are settled. NotFound where there is none."""
    with transaction():
        if not GeneratedModel.select().where(GeneratedModel.id == model_id).exists():
            raise NotFound("There is no such model.")
        publish.hide(model_id, hidden=hide)
        open_ones = ModelReport.settled_at.is_null() & (ModelReport.model == model_id)
        ModelReport.update(settled_at=now_ms()).where(open_ones).execute()

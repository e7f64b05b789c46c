"""Ask for a model to be sliced, and how that stands."""

from __future__ import annotations

from lumi_box.box import Box
from lumi_box.errors import Conflict, NotConfigured
from lumi_box.flow.request_state import DONE
from lumi_box.slicing.names import NOT_CONFIGURED, NOT_FINISHED, SLICING, STORED_HEIGHT_MM
from lumi_box.tables.base import retried
from lumi_box.tables.dialect import changing
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.slicing import Slicing


@retried
def begin(box: Box, model: GeneratedModel, height_mm: float = STORED_HEIGHT_MM) -> Slicing:
    """A new slicing of a finished model; or the one that is under way, at whatever height. A worker does the rest."""
    require_slicer(box)
    with changing(model.request_id):
        current = GeneratedModel.get_or_none(GeneratedModel.id == model.id)
        if current is None or current.status != DONE or current.stl_key is None:
            raise Conflict(NOT_FINISHED)
        under_way = latest_of(model.id)
        if under_way is not None and under_way.status == SLICING:
            return under_way
        row: Slicing = Slicing.create(
            model=model.id, request_id=model.request_id, user_id=current.user_id, height_mm=height_mm, status=SLICING
        )
        GeneratedModel.update(slice_task_id=row.id, print_status=SLICING).where(GeneratedModel.id == model.id).execute()
    return row


def require_slicer(box: Box) -> None:
    """NotConfigured where the operator has not named one."""
    if box.config.slicer.kind == "none":
        raise NotConfigured(NOT_CONFIGURED)


def latest_of(model_id: str) -> Slicing | None:
    row: Slicing | None = Slicing.select().where(Slicing.model == model_id).order_by(Slicing.id.desc()).first()
    return row

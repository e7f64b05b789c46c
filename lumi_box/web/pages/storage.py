"""`/admin/storage`: what lies in the store, and what the sweeps have found."""

from __future__ import annotations

from flask import Blueprint, render_template

from lumi_box.web import storage_figures
from lumi_box.web.context import box
from lumi_box.web.session import admins_only

bp = Blueprint("storage", __name__, url_prefix="/admin/storage")


@bp.get("")
@admins_only
def overview() -> str:
    return render_template(
        "admin/storage.html",
        kind=box().config.storage.kind,
        states=storage_figures.states(),
        sweeps=storage_figures.sweeps(),
    )

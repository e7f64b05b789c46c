"""`/admin`: the operator's view of the jobs, of what is wrong, and of what it cost."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from lumi_box.web import operations, views
from lumi_box.web.pages.paging import wanted_page
from lumi_box.web.session import admins_only

bp = Blueprint("admin", __name__, url_prefix="/admin")

STATES = ("PENDING", "RUNNING", "RETRYING", "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED")


@bp.get("")
@admins_only
def jobs() -> str:
    page = wanted_page(50)
    asked = request.args.get("state", "")
    state = asked if asked in STATES else None
    counts = {each: views.jobs(each, 1, 0)["total"] for each in STATES}
    found = views.jobs(state, page.size, page.offset)
    return render_template(
        "admin/jobs.html",
        page=page,
        state=state,
        counts=counts,
        alerts=operations.standing_alerts(),
        purchases=operations.purchases(),
        doubtful=operations.doubtful_orders(),
        **found,
    )

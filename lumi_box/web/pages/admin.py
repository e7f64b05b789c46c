"""`/admin`: the operator's view of the jobs, of what is wrong, and of what it cost."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from lumi_box.errors import Conflict, NotFound, TooMany
from lumi_box.web import operations, views
from lumi_box.web.pages.paging import wanted_page
from lumi_box.web.pages.texts import said
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


@bp.get("/dead-letters")
@admins_only
def dead_letters() -> str:
    page = wanted_page(20)
    return render_template("admin/dead_letters.html", page=page, **operations.dead_letters(page.size, page.offset))


@bp.post("/dead-letters/retry-all")
@admins_only
def retry_all_dead() -> ResponseReturnValue:
    def act() -> None:
        result = operations.retry_all_dead()
        count = len(result["retried"])
        flash(ngettext("%(num)d job waits again.", "%(num)d jobs wait again.", count))
        if result["refused"]:
            flash(gettext("Some have been replaced by other jobs since; they can only be discarded."), "problem")

    return _do(act)


@bp.post("/dead-letters/<job_id>/retry")
@admins_only
def retry_dead(job_id: str) -> ResponseReturnValue:
    def act() -> None:
        operations.retry_dead(job_id)
        flash(gettext("The job waits again."))

    return _do(act)


@bp.post("/dead-letters/<job_id>/discard")
@admins_only
def discard_dead(job_id: str) -> ResponseReturnValue:
    def act() -> None:
        operations.discard_dead(job_id)
        flash(gettext("The job was discarded."))

    return _do(act)


def _do(act: Callable[[], None]) -> ResponseReturnValue:
    """Carry out one button, and show the list again: also when its page was too old to know better."""
    try:
        act()
    except (Conflict, NotFound):
        flash(gettext("That was no longer possible. This is how things stand now."), "problem")
    except TooMany as error:
        flash(said(str(error)), "problem")
    return redirect(url_for("admin.dead_letters"), 303)

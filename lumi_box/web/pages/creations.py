"""`/creations`: what the signed-in maker has made, and one creation from its prompt to its model."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from lumi_box.errors import Conflict, Invalid, TooMany
from lumi_box.web import actions, views
from lumi_box.web.pages.create import VARIANTS, problem_with, prompt_page
from lumi_box.web.pages.paging import wanted_page
from lumi_box.web.pages.progress import progress_of
from lumi_box.web.pages.texts import said

bp = Blueprint("creations", __name__, url_prefix="/creations")


@bp.get("")
def index() -> str:
    page = wanted_page(18)
    return render_template("creations/index.html", page=page, **views.tasks(page.size, page.offset))


@bp.post("")
def create() -> ResponseReturnValue:
    prompt = request.form.get("prompt", "").strip()
    variants = [text.strip() for text in request.form.getlist("variant")][:VARIANTS]
    if problem := problem_with(prompt, variants):
        return prompt_page(prompt, variants, problem), 400
    try:
        task = actions.create_task(prompt, variants if any(variants) else None)
    except Invalid as error:
        return prompt_page(prompt, variants, said(str(error))), 400
    except TooMany as error:
        return prompt_page(prompt, variants, too_many_text(error)), 429
    return redirect(url_for("creations.show", task_id=task["id"]), 303)


@bp.get("/<task_id>")
def show(task_id: str) -> str:
    return render_template("creations/show.html", **_shown(task_id))


@bp.get("/<task_id>/fragment")
def fragment(task_id: str) -> ResponseReturnValue:
    """The region that changes while work is under way; the page's script swaps its parts."""
    response = make_response(render_template("creations/_task.html", **_shown(task_id)))
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/<task_id>/pick")
def pick(task_id: str) -> ResponseReturnValue:
    return _do(task_id, lambda: actions.pick(task_id, _index()))


@bp.post("/<task_id>/redo")
def redo(task_id: str) -> ResponseReturnValue:
    return _do(task_id, lambda: actions.redo(task_id, _index()))


@bp.post("/<task_id>/retry")
def retry(task_id: str) -> ResponseReturnValue:
    return _do(task_id, lambda: actions.retry(task_id))


@bp.post("/<task_id>/cancel")
def cancel(task_id: str) -> ResponseReturnValue:
    return _do(task_id, lambda: actions.cancel(task_id))


@bp.post("/<task_id>/delete")
def delete(task_id: str) -> ResponseReturnValue:
    actions.delete_task(task_id)
    flash(gettext("The creation and its files were deleted."))
    return redirect(url_for("creations.index"), 303)


def _shown(task_id: str) -> dict[str, object]:
    task = views.task(task_id)
    return {"task": task, "progress": progress_of(task), "variants": views.variants_of(task_id)}


def _index() -> int:
    """Which picture the pressed button stands for."""
    index = request.form.get("index", type=int)
    if index is None:
        raise Invalid({"index": [gettext("Choose one of the pictures.")]})
    return index


def _do(task_id: str, action: Callable[[], object]) -> ResponseReturnValue:
    """Carry out one button, and show the creation again: also when its page was too old to know better."""
    try:
        action()
    except Conflict:
        flash(gettext("That was no longer possible. This is how things stand now."), "problem")
    except TooMany as error:
        flash(too_many_text(error), "problem")
    return redirect(url_for("creations.show", task_id=task_id), 303)


def too_many_text(error: TooMany) -> str:
    if error.quota:
        return gettext("Your allowance is used up for now. Finish or cancel something, or come back tomorrow.")
    return gettext("That was a little fast. Please wait a moment and try again.")

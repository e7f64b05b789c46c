"""`/account/webhooks`: addresses that are told when a task or a model ends, and how telling them went."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, lazy_gettext

from lumi_box.errors import Conflict, Invalid, TooMany
from lumi_box.web import hooks
from lumi_box.web.pages.paging import wanted_page
from lumi_box.web.pages.texts import said
from lumi_box.webhooks.names import EVENTS, FAILING, GONE, OWNER, TEST
from lumi_box.webhooks.register import MOST

bp = Blueprint("webhooks", __name__, url_prefix="/account/webhooks")

EVENT_TEXTS = {
    "task.completed": lazy_gettext("Pictures are ready"),
    "task.failed": lazy_gettext("All pictures failed"),
    "task.cancelled": lazy_gettext("A creation was cancelled"),
    "model.completed": lazy_gettext("A model is done"),
    "model.failed": lazy_gettext("A model failed"),
    TEST: lazy_gettext("A test"),
}
REASON_TEXTS = {
    OWNER: lazy_gettext("You switched it off."),
    GONE: lazy_gettext("It was switched off: the receiver answered 410 Gone, which means never again."),
    FAILING: lazy_gettext("It was switched off: for five days nothing could be delivered."),
}
WORDS = {"event_texts": EVENT_TEXTS, "reason_texts": REASON_TEXTS, "events": EVENTS, "most": MOST}


@bp.get("")
def index() -> str:
    return _list()


@bp.post("")
def create() -> ResponseReturnValue:
    """Shows the secret in this one answer, and nowhere again."""
    typed = _typed()
    if problem := _problem_with(typed):
        return _list(typed, problem), 400
    try:
        made = hooks.create(typed)
    except Invalid as error:
        return _list(typed, _words(error)), 400
    except Conflict as error:
        return _list(typed, said(str(error))), 409
    return _unstored(_one(made["id"], secret=made["secret"]))


@bp.get("/<webhook_id>")
def show(webhook_id: str) -> str:
    return _one(webhook_id)


@bp.post("/<webhook_id>")
def change(webhook_id: str) -> ResponseReturnValue:
    typed = _typed()
    problem = _problem_with(typed)
    if not problem:
        try:
            hooks.change(webhook_id, typed)
        except Invalid as error:
            problem = _words(error)
    if problem:
        return _one(webhook_id, typed=typed, problem=problem), 400
    flash(gettext("The webhook is changed."))
    return _back(webhook_id)


@bp.post("/<webhook_id>/switch")
def switch(webhook_id: str) -> ResponseReturnValue:
    hooks.change(webhook_id, {"enabled": request.form.get("enabled") == "yes"})
    return _back(webhook_id)


@bp.post("/<webhook_id>/rotate")
def rotate(webhook_id: str) -> ResponseReturnValue:
    made = hooks.rotate(webhook_id)
    return _unstored(_one(webhook_id, secret=made["secret"]))


@bp.post("/<webhook_id>/remove")
def remove(webhook_id: str) -> ResponseReturnValue:
    hooks.remove(webhook_id)
    flash(gettext("The webhook and its log were removed."))
    return redirect(url_for("webhooks.index"), 303)


@bp.post("/<webhook_id>/test")
def test(webhook_id: str) -> ResponseReturnValue:
    try:
        hooks.test(webhook_id)
        flash(gettext("The test is on its way. Load the page again in a moment to see how it went."))
    except (Conflict, TooMany) as error:
        flash(said(str(error)), "problem")
    return _back(webhook_id)


@bp.post("/<webhook_id>/deliveries/<delivery_id>/redeliver")
def redeliver(webhook_id: str, delivery_id: str) -> ResponseReturnValue:
    try:
        hooks.redeliver(webhook_id, delivery_id)
        flash(gettext("It is on its way once more. Load the page again in a moment to see how it went."))
    except (Conflict, TooMany) as error:
        flash(said(str(error)), "problem")
    return _back(webhook_id)


def _list(typed: dict[str, Any] | None = None, problem: str = "") -> str:
    typed = typed or {"url": "", "events": EVENTS}
    return render_template("account/webhooks.html", hooks=hooks.webhooks(), typed=typed, problem=problem, **WORDS)


def _one(webhook_id: str, *, typed: dict[str, Any] | None = None, problem: str = "", secret: str = "") -> str:
    """`typed` is what the form holds that was not accepted; `secret` is a new one."""
    page, hook = wanted_page(20), hooks.webhook(webhook_id)
    log = hooks.log(webhook_id, page.size, page.offset)
    shown = {"hook": hook, "typed": typed or hook, "problem": problem, "secret": secret, "page": page}
    return render_template("account/webhook.html", log=log["items"], total=log["total"], **shown, **WORDS)


def _typed() -> dict[str, Any]:
    return {"url": request.form.get("url", "").strip(), "events": request.form.getlist("events")}


def _problem_with(typed: dict[str, Any]) -> str:
    return "" if typed["events"] else gettext("Choose at least one event.")


def _words(error: Invalid) -> str:
    texts = [gettext(text) for texts in error.fields.values() for text in texts]
    return gettext("Address: %(rule)s", rule=", ".join(texts)) if "url" in error.fields else ", ".join(texts)


def _back(webhook_id: str) -> ResponseReturnValue:
    return redirect(url_for("webhooks.show", webhook_id=webhook_id), 303)


def _unstored(page: str) -> Response:
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response

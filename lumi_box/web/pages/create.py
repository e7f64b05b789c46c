"""`/`: the prompt box of who is signed in; for everyone else, what this is."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from lumi_box.web import views
from lumi_box.web.session import current_user, open_to_all

bp = Blueprint("create", __name__)

PROMPT_LENGTH = 500
VARIANTS = 4


@bp.get("/")
@open_to_all
def home() -> ResponseReturnValue:
    if current_user() is None:
        return render_template("create/welcome.html", shown=views.gallery("latest", 8, 0, "")["items"])
    return prompt_page(prompt=request.args.get("prompt", "")[:PROMPT_LENGTH])


def prompt_page(prompt: str = "", variants: list[str] | None = None, problem: str = "") -> str:
    """The create page, holding what was typed and what was wrong with it."""
    return render_template(
        "create/index.html",
        prompt=prompt,
        variants=variants or [""] * VARIANTS,
        problem=problem,
        limit=PROMPT_LENGTH,
        examples=examples(),
        recent=views.tasks(6, 0)["items"],
    )


def examples() -> list[str]:
    """Prompts that print well: one object, little that hangs in the air."""
    return [
        gettext("A sitting fox with a thick tail"),
        gettext("A small rocket on a launch stand"),
        gettext("A round teapot with a leaf on its lid"),
        gettext("A sleepy owl on a stack of books"),
        gettext("A sailing boat on a single wave"),
        gettext("A cactus in a striped pot"),
    ]


def problem_with(prompt: str, variants: list[str]) -> str:
    """What to tell the maker before anything is sent, or an empty text."""
    if not prompt:
        return gettext("Say what you would like to make.")
    if max(len(text) for text in [prompt, *variants]) > PROMPT_LENGTH:
        return gettext("Please keep it to %(limit)d characters.", limit=PROMPT_LENGTH)
    if any(variants) and not all(variants):
        return gettext("Fill in all four variants, or none of them.")
    return ""

"""What others may read of this installation: no secret, no address of a person, nothing that a maker wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from peewee import PeeweeException
from pymysql import MySQLError

from lumi_box.redaction import EXCERPT, redact
from lumi_box.tables.account import User
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.interaction import ModelReport

RECENT = 2000  # requests whose words are looked for; a log of so many lines speaks of no more
SHORTEST, SHORT = 3, 8  # characters: fewer tell nothing; so few may be a part of any word
WORDS = "[a maker's words]"

_ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*")  # a login of the database's looks like one, too


class Discretion:
    """`texts` are what makers wrote; each is looked for as it is, as JSON and Python write it, and as an excerpt."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        forms = {form for text in texts for form in _forms(text)}
        self._forms = sorted(forms, key=len, reverse=True)

    def cleaned(self, text: str) -> str:
        text = redact(text)
        for form in self._forms:
            if form in text:
                text = _without(form, text)
        return _ADDRESS.sub("[an address]", text)


def words_of_makers() -> Iterator[str]:
    """Prompts, variants, names: what the newest requests hold; and how all the users call themselves."""
    try:
        newest = GenerationRequest.select(GenerationRequest.id, GenerationRequest.prompt)
        requests: Any = list(newest.order_by(GenerationRequest.created_at.desc()).limit(RECENT).tuples())
        yield from (prompt for _, prompt in requests)
        ids = [each for each, _ in requests]
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            yield from _cells(Image.select(Image.prompt).where(Image.request.in_(some)))
            models = GeneratedModel.select(GeneratedModel.name, GeneratedModel.description)
            yield from _cells(models.where(GeneratedModel.request.in_(some)))
        yield from _cells(ModelReport.select(ModelReport.reason).order_by(ModelReport.id.desc()).limit(RECENT))
        people = User.select(User.user_name, User.nick_name)
        yield from _cells(people.order_by(User.created_at.desc()).limit(RECENT))
    except (PeeweeException, MySQLError):
        return


def _cells(query: Any) -> Iterator[str]:
    return (cell for row in query.tuples() for cell in row if cell)


def _forms(text: str) -> Iterator[str]:
    for part in {text, text[:EXCERPT]}:
        stripped = part.strip()
        if len(stripped) >= SHORTEST:
            yield from {stripped, json.dumps(stripped)[1:-1], json.dumps(stripped, ensure_ascii=False)[1:-1]}
            yield from {repr(stripped)[1:-1], " ".join(stripped.split())}


def _without(form: str, text: str) -> str:
    if len(form) < SHORT and form.isascii():
        return re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", WORDS, text)
    return text.replace(form, WORDS)

"""Whatever any test does: no line that lumi-box logs meanwhile, at whatever level, holds a secret.

What a test plants is noted where lumi-box takes it in: where prompts become rows and orders, where tokens, codes and
passwords are hashed, where addresses are signed, where a config is read. What is logged within the test is looked at
as it was logged, before the formatter's own redaction, which is the last line of defence and not the first.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import argon2

from lumi_box import config as configuration
from lumi_box.accounts import codes, setup, tokens
from lumi_box.config import secret_values
from lumi_box.providers.base import ImageOrder, ModelOrder
from lumi_box.providers.prompts.chat import ChatWriter
from lumi_box.redaction import EXCERPT, MASK
from lumi_box.storage import addresses
from lumi_box.tables.base import Table
from lumi_box.tables.generation import Image

SHORTEST = 6  # characters: a code; what is shorter cannot be told from words
LOOKS = re.compile(  # what is a secret by its looks, whoever planted it
    r"""\bbearer\s+(?!\*)[\w.~+/=-]{6,} | \blumi_[\w-]{30,} | /s/\d{10}\.[\w-]{24} | lumi_session=(?!\*)\S+
    | X-Amz-Signature=(?!\*)\S+ | X-Amz-Credential=(?!\*)\S+ | \beyJ[\w-]{8,}\.[\w-]+\.""",
    re.IGNORECASE | re.VERBOSE,
)

met: dict[str, str] = {}  # what this test has planted so far: the secret, and what it is


def note(kind: str, *secrets: object) -> None:
    for secret in secrets:
        if isinstance(secret, str) and len(secret) >= SHORTEST:
            met[secret] = kind


def note_prompt(*prompts: object) -> None:
    """A log may hold its first 20 characters, and so not its first 21."""
    for prompt in prompts:
        if isinstance(prompt, str) and len(prompt.strip()) > EXCERPT:
            begin = prompt.strip()[: EXCERPT + 1]
            note("prompt", begin, repr(begin)[1:-1], json.dumps(begin)[1:-1])


def note_all(body: object) -> None:
    """What a test sends to a process: nothing else tells of it here."""
    if isinstance(body, dict):
        note_prompt(body.get("prompt"), *(body.get("variants") or ()))
        note("code or password", *(body.get(name) for name in ("code", "password")))


def leaks(text: str, secrets: dict[str, str]) -> list[str]:
    """What the text holds that it must not."""
    found = [f"{kind} {secret[:4]}…" for secret, kind in secrets.items() if _holds(text, secret)]
    return found + [f"looks like a secret: {match[0][:12]}…" for match in LOOKS.finditer(text)]


def _holds(text: str, secret: str) -> bool:
    if secret not in text:
        return False
    # The digits of a code may be a part of any number.
    return not secret.isdecimal() or re.search(rf"(?<![\w.]){secret}(?!\w)", text) is not None


def check(lines: Iterable[str], secrets: dict[str, str]) -> None:
    bad = [f"{', '.join(found)}: {line[:300]}" for line in lines if (found := leaks(line, secrets))]
    assert not bad, "secrets in the log:\n" + "\n".join(bad)


def check_process(log: str, folder: Path) -> None:
    """What a process of lumi-box printed: nothing secret, and nothing that had to be masked at the last moment."""
    planted = dict(met)
    with contextlib.suppress(configuration.ConfigError):
        planted |= dict.fromkeys(secret_values(configuration.load(folder / "config.toml")), "config")
    for prompt in _prompts_in(folder / "data" / "lumi.db"):
        note_prompt(prompt)
    planted |= met
    lines = [line for line in log.splitlines() if "/setup?token=" not in line]  # printed for the operator, not logged
    check(lines, planted)
    masked = [line for line in lines if MASK in line]
    assert not masked, "caught by the last line of defence only:\n" + "\n".join(masked)


def _prompts_in(database: Path) -> list[str]:
    if not database.exists():
        return []
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection:
        try:
            asked = "SELECT prompt FROM generation_request UNION SELECT prompt FROM image"
            return [prompt for (prompt,) in connection.execute(asked)]
        except sqlite3.Error:  # another schema, or none
            return []


class Witness(logging.Handler):
    """Keeps what lumi-box logs, and what libraries log that would be shown, as it was logged."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("lumi_box") and record.levelno < logging.WARNING:
            return
        known = {**getattr(record, "in_json", {}), **getattr(record, "fields", {})}
        trace = self._formatter.formatException(record.exc_info) if record.exc_info else ""
        self.lines.append(f"{record.name} {record.getMessage()} {known or ''} {trace}")


@contextlib.contextmanager
def watched() -> Iterator[Witness]:
    """Fails at its end when anything secret was logged in the block."""
    witness, ours = Witness(), logging.getLogger("lumi_box")
    level = ours.level
    ours.setLevel(logging.DEBUG)
    logging.root.addHandler(witness)
    try:
        yield witness
    finally:
        logging.root.removeHandler(witness)
        ours.setLevel(level)
        planted = dict(met)
        met.clear()
    check(witness.lines, planted)


def install() -> None:
    """Once a session: note what is planted, wherever lumi-box takes it in."""
    _before(tokens, "hashed", lambda secret: note("token", secret))
    _before(setup, "_hash", lambda secret: note("token", secret))
    _before(codes, "_hash", lambda key, email, purpose, code: note("code", code))
    _before(argon2.PasswordHasher, "hash", lambda _, password, **__: note("password", password))
    _before(argon2.PasswordHasher, "verify", lambda _, known, password: note("password", password))
    _before(ImageOrder, "__init__", lambda _, prompt, *__, **___: note_prompt(prompt))
    _before(ModelOrder, "__init__", lambda _, picture, prompt: note_prompt(prompt))
    _before(ChatWriter, "write", lambda _, prompt: note_prompt(prompt))
    _before(Table, "__init__", lambda _, *__, **columns: note_prompt(columns.get("prompt")))
    _before(Image, "update", lambda *_, **columns: note_prompt(columns.get("prompt")))
    _after(addresses, "ticket", lambda ticket: note("signature", ticket))
    _after(configuration, "load", lambda loaded: note("config", *secret_values(loaded)))


def _before(place: Any, name: str, take: Callable[..., None]) -> None:
    original = getattr(place, name)

    @functools.wraps(original)
    def noting(*given: Any, **named: Any) -> Any:
        take(*given, **named)
        return original(*given, **named)

    setattr(place, name, noting)


def _after(place: Any, name: str, take: Callable[[Any], None]) -> None:
    original = getattr(place, name)

    @functools.wraps(original)
    def noting(*given: Any, **named: Any) -> Any:
        made = original(*given, **named)
        take(made)
        return made

    setattr(place, name, noting)

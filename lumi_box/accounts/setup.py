"""The first administrator, by a link that the operator alone can read: it works once, and for a day."""

from __future__ import annotations

import hashlib
import secrets

from lumi_box.accounts import local
from lumi_box.clock import now_ms
from lumi_box.errors import NotFound
from lumi_box.tables.account import OneTimeCode, User
from lumi_box.tables.base import transaction

SUBJECT, PURPOSE = "first administrator", "setup"
LIFETIME_MS = 24 * 3_600_000
GONE = "This set-up link is used up or has expired. Start the server again for a new one."


def new_token() -> str | None:
    """The secret of a new link in the place of the one before; None where there is an account already."""
    if local.any_exist():
        return None
    token = secrets.token_urlsafe(32)
    with transaction():
        OneTimeCode.delete().where(_ours()).execute()
        OneTimeCode.create(
            subject=SUBJECT, purpose=PURPOSE, secret_hash=_hash(token), expires_at=now_ms() + LIFETIME_MS
        )
    return token


def check(token: str) -> None:
    """Raises NotFound unless the link would work now."""
    if local.any_exist() or not OneTimeCode.select().where(_alive(token)).exists():
        raise NotFound(GONE)


def create_first_admin(token: str, email: str, password: str) -> User:
    """Use the link up. Raises NotFound when it does not work, Invalid for a bad address or password."""
    with transaction():
        check(token)
        if OneTimeCode.delete().where(_alive(token)).execute() != 1:
            raise NotFound(GONE)  # another one was quicker
        return local.create(email, password, admin=True)


def _ours() -> object:
    return (OneTimeCode.subject == SUBJECT) & (OneTimeCode.purpose == PURPOSE)


def _alive(token: str) -> object:
    return _ours() & (OneTimeCode.secret_hash == _hash(token)) & (OneTimeCode.expires_at > now_ms())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

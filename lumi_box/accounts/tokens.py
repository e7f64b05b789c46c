"""Sessions and API tokens: a random secret that only its holder has, and a row with its hash."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from lumi_box.clock import now_ms
from lumi_box.errors import NotFound
from lumi_box.tables.account import AccessToken, User
from lumi_box.tables.base import new_id
from lumi_box.tables.prepared import PreparedModels

SESSION, LOGIN, API = "session", "login", "api"  # a browser's cookie, an API login, made by hand
ELSEWHERE = "elsewhere"  # the user service's; a row remembers only that it was revoked
PREFIX = "lumi_"
LIFETIME_MS = 30 * 24 * 3_600_000
TOUCH_MS = 60_000


def issue(user: User, kind: str, *, name: str = "", lifetime_ms: int | None = LIFETIME_MS) -> tuple[AccessToken, str]:
    """A new token's row and its secret, which is shown once and never stored."""
    secret = f"{PREFIX}{secrets.token_urlsafe(32)}"
    expires = now_ms() + lifetime_ms if lifetime_ms is not None else None
    row = AccessToken.create(user=user, kind=kind, name=name, secret_hash=hashed(secret), expires_at=expires)
    return row, secret


def by_secret(secret: str) -> AccessToken | None:
    """The living token of this secret, with its user; None for an unknown, dead or disabled user's one."""
    return _living(_by_hash(hashed(secret)))


def by_id(token_id: str) -> AccessToken | None:
    """Likewise for an id that a signed cookie carried."""
    return _living(_session_by_id(token_id))


def touch(token: AccessToken) -> None:
    """Remember that it was used; once a minute is enough."""
    now = now_ms()
    if now - (token.last_used_at or 0) > TOUCH_MS:
        AccessToken.update(last_used_at=now).where(AccessToken.id == token.id).execute()


def of(user: User, *kinds: str) -> list[AccessToken]:
    """The user's living tokens of these kinds (API tokens unless said otherwise), newest first."""
    unexpired = AccessToken.expires_at.is_null() | (AccessToken.expires_at >= now_ms())
    living = AccessToken.revoked_at.is_null() & unexpired & (AccessToken.user == user)
    rows = AccessToken.select().where(living, AccessToken.kind.in_(kinds or (API,)))
    return list(rows.order_by(AccessToken.created_at.desc(), AccessToken.id.desc()))


def revoke(token_id: str, user: User | None = None, *kinds: str) -> None:
    """Raises NotFound when there is no such living token, or it is not the user's, or of another kind."""
    which = (AccessToken.id == token_id) & AccessToken.revoked_at.is_null()
    if user is not None:
        which &= AccessToken.user == user
    if kinds:
        which &= AccessToken.kind.in_(kinds)
    if AccessToken.update(revoked_at=now_ms()).where(which).execute() != 1:
        raise NotFound(f"There is no token {token_id}.")


def revoke_elsewhere(user: User, secret: str) -> None:
    """Remember that a token of the user service is done with here, on every node and whatever the service says."""
    ended = {"revoked_at": now_ms(), "expires_at": now_ms() + LIFETIME_MS}
    row = AccessToken.insert(id=new_id(), user=user, kind=ELSEWHERE, secret_hash=hashed(secret), **ended)
    row.on_conflict_ignore().execute()


def is_revoked(secret: str) -> bool:
    which = (AccessToken.secret_hash == hashed(secret)) & AccessToken.revoked_at.is_null(False)
    return AccessToken.select(AccessToken.id).where(which).exists()


def _living(found: list[tuple[AccessToken, User]]) -> AccessToken | None:
    if not found:
        return None
    ((row, user),) = found
    if row.expires_at is not None and row.expires_at < now_ms():
        return None
    row.user = user
    return row


def _usable(which: Any) -> Any:
    """Not revoked, of an account that is not disabled."""
    query = AccessToken.select(AccessToken, User).join(User)
    return query.where(which, AccessToken.revoked_at.is_null(), User.disabled_at.is_null())


_by_hash = PreparedModels(lambda digest: _usable(AccessToken.secret_hash == digest), AccessToken, User)
_session_by_id = PreparedModels(
    lambda token_id: _usable((AccessToken.id == token_id) & (AccessToken.kind == SESSION)), AccessToken, User
)


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

"""Local accounts: an e-mail address and a password, hashed with argon2id (RFC 9106)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from peewee import IntegrityError

from lumi_box.clock import now_ms
from lumi_box.errors import Conflict, Invalid, NotAllowed, NotFound, TooMany, marked
from lumi_box.tables import window
from lumi_box.tables.account import AccessToken, LoginFailure, User
from lumi_box.tables.base import retried, transaction

PASSWORD_MIN, PASSWORD_MAX = 8, 200
WINDOW_MS = 900_000
FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS = 10, 30
NO_ADDRESS = marked("is not an e-mail address; write it like you@example.org")
NO_PASSWORD = marked("must have 8 to 200 characters")
WRONG = marked("The e-mail address or the password is wrong.")
TOO_MANY = marked("Too many wrong passwords or codes. Try again later.")

_PART = r"[^@\s,;:<>()\[\]\"\\]"  # what a mail header would read as more than one address has no place in one
_EMAIL = re.compile(rf"{_PART}{{1,64}}@{_PART}{{1,189}}")


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@lru_cache(maxsize=1)
def _decoy() -> str:
    """Hashed once, so that an unknown address costs the guesser as much time as a known one."""
    return _hasher().hash("no account has this password")


def normal_email(email: str) -> str:
    """Lower case and trimmed; Invalid when it is no address."""
    email = email.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise Invalid({"email": [NO_ADDRESS]})
    return email


def check_password(password: str) -> str:
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise Invalid({"password": [NO_PASSWORD]})
    return password


def create(email: str, password: str | None, *, admin: bool = False) -> User:
    """Raises Invalid for a bad address or password, Conflict when the address has an account."""
    email = normal_email(email)
    name = email.partition("@")[0]
    hashed = _hasher().hash(check_password(password)) if password is not None else None
    try:
        user: User = User.create(
            email=email, password_hash=hashed, user_name=name[:64], nick_name=name[:64], is_admin=admin
        )
    except IntegrityError as error:
        raise Conflict(f"{email} has an account already.") from error
    return user


def find(email: str) -> User:
    user: User | None = User.get_or_none(User.email == normal_email(email))
    if user is None:
        raise NotFound(f"There is no account {normal_email(email)}.")
    return user


def authenticate(email: str, password: str, address: str) -> User:
    """The user whose password this is. Raises NotAllowed, or TooMany after too many wrong ones."""
    with attempt(email, address):
        user = with_password(email)
        decoy = _decoy()
        known = str(user.password_hash) if user is not None else decoy
        if not _matches(known, password) or user is None or user.disabled_at is not None:
            raise NotAllowed(WRONG)
    if _hasher().check_needs_rehash(known):
        User.update(password_hash=_hasher().hash(password)).where(User.id == user.id).execute()
    return user


def with_password(email: str) -> User | None:
    """The account of this address that has a password here."""
    user: User | None = User.get_or_none(User.email == email.strip().lower(), User.password_hash.is_null(False))
    return user


@contextmanager
def attempt(email: str, address: str) -> Iterator[None]:
    """Counts a try at an account before it is judged, so that many at once cannot pass the limit either.

    Only what ends with NotAllowed stays counted. Raises TooMany when there were too many of those.
    """
    rows = _counted(f"account:{email.strip().lower()[:254]}", f"address:{address[:64]}")
    wrong = False
    try:
        yield
    except NotAllowed:
        wrong = True
        raise
    finally:
        if not wrong:
            for row in rows:
                row.delete_instance()


def set_password(user: User, password: str) -> None:
    """And sign the account out everywhere: who knew the old password shall not stay in."""
    hashed = _hasher().hash(check_password(password))
    with transaction():
        User.update(password_hash=hashed).where(User.id == user.id).execute()
        _revoke_sessions(user)


def disable(user: User) -> None:
    with transaction():
        User.update(disabled_at=now_ms()).where(User.id == user.id).execute()
        AccessToken.update(revoked_at=now_ms()).where(
            AccessToken.user == user, AccessToken.revoked_at.is_null()
        ).execute()


def any_exist() -> bool:
    """Whether there is an account of our own; those that a user service told of do not count."""
    return User.select(User.id).where(User.external_id.is_null()).limit(1).exists()


def _revoke_sessions(user: User) -> None:
    AccessToken.update(revoked_at=now_ms()).where(
        AccessToken.user == user, AccessToken.kind != "api", AccessToken.revoked_at.is_null()
    ).execute()


@retried
def _counted(account: str, origin: str) -> list[LoginFailure]:
    with transaction():
        for subject, limit in ((account, FAILURES_PER_ACCOUNT), (origin, FAILURES_PER_ADDRESS)):
            window.hold(subject)
            _throttle(subject, limit)
        return [LoginFailure.create(subject=subject) for subject in (account, origin)]


def _throttle(subject: str, limit: int) -> None:
    since = now_ms() - WINDOW_MS
    recent = [
        row.at
        for row in LoginFailure.select(LoginFailure.at).where(LoginFailure.subject == subject, LoginFailure.at > since)
    ]
    if len(recent) >= limit:
        wait = max(1, (min(recent) + WINDOW_MS - now_ms()) // 1000)
        raise TooMany(TOO_MANY, retry_after=wait)


def _matches(known: str, password: str) -> bool:
    try:
        return _hasher().verify(known, password)
    except (VerificationError, InvalidHashError):
        return False

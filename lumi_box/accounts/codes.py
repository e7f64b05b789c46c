"""Codes by e-mail: six digits, ten minutes, five tries, one for an address and a purpose at a time."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from peewee import IntegrityError

from lumi_box.clock import now_ms
from lumi_box.errors import NotAllowed, TooMany, marked
from lumi_box.tables import window
from lumi_box.tables.account import OneTimeCode
from lumi_box.tables.base import transaction

LOGIN, REGISTER = "login", "register"
LIFETIME_MS, TRIES = 600_000, 5
PAUSE_MS, HOUR_MS = 60_000, 3_600_000
PER_MAILBOX_AN_HOUR, PER_ORIGIN_AN_HOUR = 6, 30
WRONG = marked("The code is wrong or has expired. Ask for a new one.")
TOO_SOON = marked("A code was sent a moment ago. Look into your mailbox, or wait before you ask for another.")
TOO_MANY = marked("Too many codes were asked for. Try again later.")


def make(key: str, email: str, purpose: str, origin: str) -> str:
    """A new code in the place of the one before. Raises TooMany when they are asked for too often.

    It is kept as a keyed hash: a copy of the database alone does not let anyone find six digits by trying them all.
    """
    code = f"{secrets.randbelow(10**6):06}"
    try:
        with transaction():
            require_pause(email, purpose)
            require_room(email, origin)
            OneTimeCode.delete().where(_of(email, purpose)).execute()
            OneTimeCode.create(
                subject=email,
                purpose=purpose,
                secret_hash=_hash(key, email, purpose, code),
                expires_at=now_ms() + LIFETIME_MS,
            )
    except IntegrityError as error:  # another request for the same address was quicker
        raise TooMany(TOO_SOON, retry_after=PAUSE_MS // 1000) from error
    return code


def redeem(key: str, email: str, purpose: str, code: str) -> None:
    """Use the code up; NotAllowed when it is not the right one. Each call costs a try."""
    which = _of(email, purpose)
    alive = which & (OneTimeCode.expires_at > now_ms()) & (OneTimeCode.tries < TRIES)
    counted = OneTimeCode.update(tries=OneTimeCode.tries + 1).where(alive).execute() == 1
    row = OneTimeCode.get_or_none(which) if counted else None
    known = row.secret_hash if row is not None else "0" * 64
    right = hmac.compare_digest(known, _hash(key, email, purpose, code))
    if not right or row is None or OneTimeCode.delete().where(OneTimeCode.id == row.id).execute() != 1:
        raise NotAllowed(WRONG)


def withdraw(email: str, purpose: str) -> None:
    """The mail could not be sent: let the next be asked for at once."""
    OneTimeCode.delete().where(_of(email, purpose)).execute()


def require_room(email: str, origin: str) -> None:
    """TooMany when an address was sent, or an origin asked for, too many codes in this hour."""
    limits = {f"mailbox:{_short(email)}": PER_MAILBOX_AN_HOUR, f"mails-by:{origin}": PER_ORIGIN_AN_HOUR}
    for subject, limit in limits.items():
        if not window.take(subject, HOUR_MS, limit):
            raise TooMany(TOO_MANY, retry_after=window.seconds_left(HOUR_MS))


def require_pause(email: str, purpose: str) -> None:
    sent = OneTimeCode.select(OneTimeCode.created_at).where(_of(email, purpose)).scalar()
    wait = (sent or 0) + PAUSE_MS - now_ms()
    if wait > 0:
        raise TooMany(TOO_SOON, retry_after=-(-wait // 1000))


def _of(email: str, purpose: str) -> object:
    return (OneTimeCode.subject == email) & (OneTimeCode.purpose == purpose)


def _short(email: str) -> str:
    """An address may be longer than a subject."""
    return hashlib.sha256(email.encode()).hexdigest()[:32]


def _hash(key: str, email: str, purpose: str, code: str) -> str:
    return hmac.new(key.encode(), f"{purpose}:{email}:{code}".encode(), hashlib.sha256).hexdigest()

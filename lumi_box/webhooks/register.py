"""A user's webhooks: made, changed, given a new secret, switched on and off, removed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from lumi_box.clock import now_ms
from lumi_box.config import Config
from lumi_box.errors import Conflict, marked
from lumi_box.tables.account import User
from lumi_box.tables.base import retried, transaction
from lumi_box.tables.dialect import lock
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.webhooks import place, sign
from lumi_box.webhooks.names import EVENTS, FAILED, OWNER, PENDING

MOST = 10
OVERLAP_MS = 24 * 3_600_000  # for which the secret before a new one goes on to sign as well
TOO_MANY = marked("There are 10 webhooks already, which is as many as one account can have.")
SWITCHED_OFF = marked("The webhook was switched off.")


@retried
def create(config: Config, user_id: str, url: str, events: Iterable[str]) -> Webhook:
    """Invalid where the address may not be called, Conflict where there are too many."""
    place.check(url, config)
    with transaction():
        lock(User, user_id)  # two at once must not both find room for the last one
        if Webhook.select().where(Webhook.user == user_id).count() >= MOST:
            raise Conflict(TOO_MANY)
        made: Webhook = Webhook.create(user=user_id, url=url, events=_joined(events), salt=_new_salt())
    return made


@retried
def change(
    config: Config,
    hook: Webhook,
    *,
    url: str | None = None,
    events: Iterable[str] | None = None,
    on: bool | None = None,
) -> None:
    """What is not given stays. Switched on, it begins anew: what was not delivered before stays undelivered."""
    columns: dict[str, object] = {}
    if url is not None and url != hook.url:
        place.check(url, config)
        columns |= {"url": url, "failing_since": None}  # that was the other address
    if events is not None:
        columns["events"] = _joined(events)
    if on:
        columns |= {"disabled_at": None, "disabled_reason": None, "failing_since": None}
    with transaction():
        lock(Webhook, hook.id)
        if on is False:
            switch_off(hook.id, OWNER)
        Webhook.update(**columns, updated_at=now_ms()).where(Webhook.id == hook.id).execute()


@retried
def rotate(hook: Webhook) -> None:
    """A new secret. The one before goes on to sign beside it for a day, so that nothing is missed meanwhile."""
    now = now_ms()
    with transaction():
        lock(Webhook, hook.id)
        before = Webhook.select(Webhook.salt).where(Webhook.id == hook.id).scalar()
        Webhook.update(salt=_new_salt(), old_salt=before, old_salt_until=now + OVERLAP_MS, updated_at=now).where(
            Webhook.id == hook.id
        ).execute()


@retried
def remove(hook: Webhook) -> None:
    """With all that it was told and was to be told."""
    Webhook.delete().where(Webhook.id == hook.id).execute()


def of(user_id: str) -> list[Webhook]:
    """The user's webhooks, the newest first."""
    query = Webhook.select().where(Webhook.user == user_id)
    return list(query.order_by(Webhook.created_at.desc(), Webhook.id.desc()))


def switch_off(hook_id: str, reason: str) -> None:
    """In the caller's transaction, which holds the webhook. What waits to be delivered is given up."""
    now = now_ms()
    on = (Webhook.id == hook_id) & Webhook.disabled_at.is_null()
    Webhook.update(disabled_at=now, disabled_reason=reason, updated_at=now).where(on).execute()
    waiting = (WebhookDelivery.webhook == hook_id) & (WebhookDelivery.status == PENDING)
    ended = {"status": FAILED, "due_at": None, "ended_at": now, "error": SWITCHED_OFF}
    WebhookDelivery.update(ended).where(waiting).execute()


def secret(config: Config, hook: Webhook) -> str:
    """To be shown when it is new, and not again."""
    return sign.secret(_key(config, hook, hook.salt))


def signing_keys(config: Config, hook: Webhook) -> list[bytes]:
    """The key of today, and for a while the one before."""
    salts = [str(hook.salt)]
    if hook.old_salt and (hook.old_salt_until or 0) > now_ms():
        salts.append(str(hook.old_salt))
    return [_key(config, hook, salt) for salt in salts]


def _key(config: Config, hook: Webhook, salt: str) -> bytes:
    return sign.key(config.security.cookie_secret, hook.id, salt)


def _new_salt() -> str:
    return secrets.token_urlsafe(32)


def _joined(events: Iterable[str]) -> str:
    wanted = set(events)
    return " ".join(name for name in EVENTS if name in wanted)

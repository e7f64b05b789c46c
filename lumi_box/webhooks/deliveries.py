"""How a delivery stands: due, claimed for one attempt, delivered, tried again later, or given up.

    PENDING --claim--> PENDING, with a lease --record--> DELIVERED, or PENDING and due later, or FAILED

A claim is one conditional UPDATE, so that of many workers one makes the attempt. A worker that dies in the middle
records nothing: the lease runs out, and the same thing is sent again under the same id. So each is delivered at
least once, and in no promised order.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from lumi_box.clock import now_ms
from lumi_box.errors import marked
from lumi_box.tables.account import User
from lumi_box.tables.base import new_id, retried, transaction
from lumi_box.tables.dialect import lock
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.webhooks import retry
from lumi_box.webhooks.names import DELIVERED, FAILED, FAILING, GONE, PENDING, TEST
from lumi_box.webhooks.register import SWITCHED_OFF, switch_off

LEASE_MS = 60_000  # an attempt takes ten seconds at most
DAY_MS = 24 * 3_600_000
PATIENCE_MS = 5 * DAY_MS  # with a webhook at which nothing has succeeded
KEEP_MS = 7 * DAY_MS
BATCH = 500
INTERRUPTED = marked("The work was interrupted.")
HTTP_GONE = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt went. `error` is for the owner; None for a success."""

    milliseconds: int
    status: int | None = None
    response: str | None = None
    error: str | None = None
    retry_after: float | None = None


def due(limit: int, without: Collection[str]) -> list[WebhookDelivery]:
    """Deliveries whose time has come, the longest due first; none of the users named. Each carries its webhook."""
    query = WebhookDelivery.select(WebhookDelivery, Webhook).join(Webhook)
    query = query.where(WebhookDelivery.status == PENDING, WebhookDelivery.due_at <= now_ms())
    if without:
        query = query.where(Webhook.user.not_in(list(without)))
    return list(query.order_by(WebhookDelivery.due_at).limit(limit))


def claim(seen: WebhookDelivery) -> WebhookDelivery | None:
    """Take it for one attempt; None when another worker has it, or when there is to be none."""
    now, lease = now_ms(), new_id()
    unchanged = (WebhookDelivery.id == seen.id) & (WebhookDelivery.status == PENDING)
    unchanged &= (WebhookDelivery.due_at == seen.due_at) & (WebhookDelivery.due_at <= now)
    taken = WebhookDelivery.update(
        lease=lease, due_at=now + LEASE_MS, attempted_at=now, attempts=WebhookDelivery.attempts + 1
    )
    if taken.where(unchanged).execute() != 1:
        return None
    query = WebhookDelivery.select(WebhookDelivery, Webhook, User).join(Webhook).join(User)
    mine: WebhookDelivery | None = query.where(WebhookDelivery.id == seen.id, WebhookDelivery.lease == lease).first()
    if mine is None or _is_over(mine):
        return None
    return mine


@retried
def record(delivery: WebhookDelivery, outcome: Outcome) -> None:
    """Write down how the claimed attempt went, unless another has taken its place; and what follows for the webhook."""
    with transaction():
        lock(Webhook, delivery.webhook_id)
        hook = Webhook.get_or_none(Webhook.id == delivery.webhook_id)
        current = WebhookDelivery.get_or_none(
            WebhookDelivery.id == delivery.id, WebhookDelivery.lease == delivery.lease
        )
        if hook is None or current is None:
            return  # removed meanwhile, or taken over
        changes = {
            "lease": None,
            "response_status": outcome.status,
            "milliseconds": outcome.milliseconds,
            "response": outcome.response,
            "error": outcome.error,
        }
        changes |= _what_follows(current, outcome)
        WebhookDelivery.update(changes).where(WebhookDelivery.id == current.id).execute()
        _judge(hook, outcome)


def of(webhook_id: str, limit: int, offset: int) -> tuple[list[WebhookDelivery], int]:
    """What a webhook was told and is to be told, the newest first, and how much that is in all."""
    query = WebhookDelivery.select().where(WebhookDelivery.webhook == webhook_id)
    newest = query.order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id.desc())
    return list(newest.limit(limit).offset(offset)), query.count()


def prune() -> int:
    """Forget what ended long ago; answer how much."""
    old = WebhookDelivery.ended_at < now_ms() - KEEP_MS
    removed = 0
    while ids := [row.id for row in WebhookDelivery.select(WebhookDelivery.id).where(old).limit(BATCH)]:
        removed += WebhookDelivery.delete().where(WebhookDelivery.id.in_(ids)).execute()
    return removed


def _is_over(delivery: WebhookDelivery) -> bool:
    """Ends what may not be tried: its webhook was switched off, its owner locked out, or its attempts are used up."""
    hook = delivery.webhook
    if hook.disabled_at is not None or hook.user.disabled_at is not None:
        _end(delivery, attempts=delivery.attempts - 1, error=SWITCHED_OFF)
        return True
    if delivery.attempts > retry.MAX_ATTEMPTS:  # each of them killed its worker
        _end(delivery, attempts=retry.MAX_ATTEMPTS, error=INTERRUPTED)
        return True
    return False


def _end(delivery: WebhookDelivery, **columns: Any) -> None:
    mine = (WebhookDelivery.id == delivery.id) & (WebhookDelivery.lease == delivery.lease)
    ended = {"status": FAILED, "due_at": None, "lease": None, "ended_at": now_ms()}
    WebhookDelivery.update(ended | columns).where(mine).execute()


def _what_follows(current: WebhookDelivery, outcome: Outcome) -> dict[str, Any]:
    now = now_ms()
    if outcome.error is None:
        return {"status": DELIVERED, "due_at": None, "ended_at": now}
    if current.status != PENDING:
        return {}  # switched off while the attempt ran
    once = current.type == TEST or outcome.status == HTTP_GONE
    delay = None if once else retry.delay_seconds(current.attempts, outcome.retry_after)
    if delay is None:
        return {"status": FAILED, "due_at": None, "ended_at": now}
    return {"due_at": now + round(delay * 1000)}


def _judge(hook: Webhook, outcome: Outcome) -> None:
    """Whether to go on calling it. The caller holds its row."""
    now = now_ms()
    mine = Webhook.id == hook.id
    if outcome.error is None:
        if hook.failing_since is not None:
            Webhook.update(failing_since=None).where(mine).execute()
    elif outcome.status == HTTP_GONE:
        switch_off(hook.id, GONE)
    elif hook.failing_since is None:
        Webhook.update(failing_since=now).where(mine).execute()
    elif hook.failing_since <= now - PATIENCE_MS:
        switch_off(hook.id, FAILING)

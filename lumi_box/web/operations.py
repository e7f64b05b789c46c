"""What the operator sees beside the jobs: what is wrong, what it cost, and what nobody knows."""

from __future__ import annotations

from typing import Any

from peewee import JOIN, fn

from lumi_box.clock import iso
from lumi_box.flow import spend
from lumi_box.jobs import alerts
from lumi_box.tables.account import User
from lumi_box.tables.job import Attempt, Job
from lumi_box.tables.spend import Purchase

JSON = dict[str, Any]
ROWS = 100


def standing_alerts() -> list[JSON]:
    """Failures that only the operator can mend, newest first."""
    return [
        {"provider": row.provider, "code": row.code, "text": row.text, "count": row.count, "lastAt": iso(row.last_at)}
        for row in alerts.standing()
    ]


def purchases() -> list[JSON]:
    """What was spent by month, provider and user; the newest month and the largest sum first."""
    total = fn.SUM(Purchase.price)
    grouped = (Purchase.month, Purchase.provider, User.email, Purchase.currency)
    rows: Any = (
        Purchase.select(*grouped, total.alias("total"), fn.COUNT(Purchase.id).alias("orders"))
        .join(User, JOIN.LEFT_OUTER, on=(Purchase.user_id == User.id))
        .group_by(*grouped)
        .order_by(Purchase.month.desc(), total.desc())
        .limit(ROWS)
        .dicts()
    )
    return [row | {"total": row["total"] / spend.UNIT} for row in rows]


def doubtful_orders() -> list[JSON]:
    """Orders whose answer was lost: the vendor's own bill tells whether they were paid for."""
    rows = Attempt.select(Attempt, Job).join(Job).where(Attempt.outcome == "doubtful").order_by(Attempt.id.desc())
    return [
        {"jobId": row.job.id, "kind": row.job.kind, "provider": row.provider, "at": iso(row.submitting_since)}
        for row in rows.limit(ROWS)
    ]

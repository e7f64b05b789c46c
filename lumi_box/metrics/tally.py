"""Counters in the database: they outlive processes, are of all nodes at once, and never go back.

What is counted of a job or of an order is counted in the transaction of its change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lumi_box.metrics import families
from lumi_box.tables.metric import Tally

JOB, PROVIDER, SPEND = "job", "provider", "spend"
UNMEASURED = ""


@dataclass(frozen=True, slots=True)
class Counted:
    labels: tuple[str, ...]
    bucket: str
    count: int
    amount: int


def add(metric: str, labels: tuple[str, ...], *, bucket: str = UNMEASURED, count: int = 1, amount: int = 0) -> None:
    """In the caller's transaction."""
    row = {"metric": metric, "labels": json.dumps(labels, ensure_ascii=False), "bucket": bucket}
    which = (Tally.metric == metric) & (Tally.labels == row["labels"]) & (Tally.bucket == bucket)
    more = Tally.update(count=Tally.count + count, amount=Tally.amount + amount).where(which)
    if more.execute() == 0:  # the first of its kind
        Tally.insert(**row, count=0, amount=0).on_conflict_ignore().execute()
        more.execute()


def job_ended(kind: str, provider: str, outcome: str, milliseconds: int | None) -> None:
    """`milliseconds` since it was first begun; None for one that never was.

    The caller holds the job's kind: so nobody waits in a circle for these rows.
    """
    took = UNMEASURED if milliseconds is None else families.bucket(families.JOB_SECONDS, milliseconds / 1000)
    add(JOB, (kind, provider, outcome), bucket=took, amount=(milliseconds or 0) * 1000)


def bought(provider: str, currency: str, price: int) -> None:
    add(SPEND, (provider, currency), amount=price)


def read(metric: str) -> Iterator[Counted]:
    rows: Any = Tally.select(Tally.labels, Tally.bucket, Tally.count, Tally.amount).where(Tally.metric == metric)
    for labels, bucket, count, amount in rows.order_by(Tally.labels, Tally.bucket).tuples():
        yield Counted(tuple(json.loads(labels)), bucket, count, amount)

"""Files that a step has written and may not keep, because it lost its job meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lumi_box.jobs import lifecycle
from lumi_box.jobs.lifecycle import LostLease
from lumi_box.storage import ledger
from lumi_box.tables.base import transaction
from lumi_box.tables.job import Job
from lumi_box.tables.stored_object import StoredObject


@contextmanager
def doomed_unless_kept(job: Job, keys: Sequence[str]) -> Iterator[None]:
    """Around the transaction that keeps them: what a cancel or a delete has made useless goes at once.

    Where another attempt is under way or waits, it will write the same keys: then they are left to it.
    """
    try:
        yield
    except LostLease:
        with transaction():
            others = (Job.target_id == job.target_id) & Job.status.in_(lifecycle.ACTIVE)
            if not Job.select().where(others).exists():
                pending = (StoredObject.key.in_(list(keys))) & (StoredObject.state == ledger.PENDING)
                ledger.doom([row.key for row in StoredObject.select(StoredObject.key).where(pending)])
        raise

"""While a backup copies files, none that a row refers to may be removed: a row in the database says until when.

Whoever takes a hold reads the ledger after it; whoever removes asks for holds after he has marked what is to go. So
what a backup has found stored is still there when it comes to copy it. Each backup holds by itself, and one that died
holds for a minute at most.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import PeeweeException

from lumi_box.clock import now_ms
from lumi_box.errors import Conflict
from lumi_box.tables.base import ID_LENGTH, database, new_id
from lumi_box.tables.sweep import NodeLease

HOLD_MS = 60_000
RENEWALS = 6  # in that time
OURS = (NodeLease.name > "backup-") & (NodeLease.name < "backup.")

logger = logging.getLogger(__name__)


def standing() -> Any:
    """The holds that last, as a query."""
    return NodeLease.select(NodeLease.name).where(OURS, NodeLease.until >= now_ms())


class Hold:
    """Prolonged by a thread, until it is released or its process dies."""

    def __init__(self) -> None:
        self._name = f"backup-{new_id()}"[:ID_LENGTH]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="hold", daemon=True)

    def confirm(self) -> None:
        """Raises Conflict when it has run out, even for a moment: files may have been removed since."""
        until = now_ms() + HOLD_MS
        mine = (NodeLease.name == self._name) & (NodeLease.until >= now_ms())
        if NodeLease.update(until=until).where(mine).execute() != 1:
            raise Conflict("The backup was held up for too long, and files may be gone since. Make it anew.")

    def start(self) -> None:
        NodeLease.delete().where(OURS, NodeLease.until < now_ms()).execute()  # of backups that died
        NodeLease.insert(name=self._name, holder=self._name, until=now_ms() + HOLD_MS).execute()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        NodeLease.delete().where(NodeLease.name == self._name).execute()

    def _keep(self) -> None:
        while not self._stop.wait(HOLD_MS / RENEWALS / 1000):
            try:
                with database.connection_context():
                    self.confirm()
            except (Conflict, PeeweeException):  # a busy database: there are more tries; what is lost stays lost
                logger.warning("hold of the removals not prolonged", exc_info=True)


@contextmanager
def held() -> Iterator[Hold]:
    """No object that is stored at any time in the block is removed before its end, if `confirm` says so there."""
    hold = Hold()
    hold.start()
    try:
        yield hold
    finally:
        hold.stop()

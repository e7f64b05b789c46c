"""Work that one node does at a time: a row says which, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lumi_box.clock import now_ms
from lumi_box.errors import Conflict
from lumi_box.tables.base import new_id, transaction
from lumi_box.tables.sweep import NodeLease

LEASE_MS = 300_000


class Taken(Conflict):
    """Another node is at it, or took over because this one had not been heard of for too long."""


class Lease:
    """A name that this process holds."""

    def __init__(self, name: str) -> None:
        self.name, self._holder = name, new_id()

    def renew(self) -> None:
        """Before each piece of work; raises Taken when the lease has been lost."""
        if not self._prolong(NodeLease.holder == self._holder):
            raise Taken(f"Another node has taken over: {self.name}.")

    def take(self) -> None:
        row = {"name": self.name, "holder": self._holder, "until": now_ms() + LEASE_MS}
        with transaction():
            if self._prolong(NodeLease.until < now_ms()):
                return
            if NodeLease.insert(row).on_conflict_ignore().as_rowcount().execute() != 1:
                raise Taken(f"Another node is at it already: {self.name}.")

    def release(self) -> None:
        NodeLease.delete().where(NodeLease.name == self.name, NodeLease.holder == self._holder).execute()

    def _prolong(self, whose: object) -> bool:
        changes = {"holder": self._holder, "until": now_ms() + LEASE_MS}
        return bool(NodeLease.update(changes).where(NodeLease.name == self.name, whose).execute())


@contextmanager
def held(name: str) -> Iterator[Lease]:
    """Raises Taken when another node has it."""
    lease = Lease(name)
    lease.take()
    try:
        yield lease
    finally:
        lease.release()

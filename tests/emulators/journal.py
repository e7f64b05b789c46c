"""What was asked of the emulators: every submit, poll, fetch and chat, in order, without keys and without prompts."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any


def digest(text: str | bytes) -> str:
    """How the journal names a prompt or a picture."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Entry:
    """`order` names what was ordered (model, prompt, seed or picture): the same order twice has the same name.

    `accepted`: the vendor took the order, so that a job exists. `paid`: how many pictures or models it charges
    for (0 when the job fails or is cancelled). `ready_at`: when the job is done, by the clock of `time.time()`.
    `leaked` names the headers that carried a credential to where none belongs. `status` 0: no answer was sent.
    """

    number: int
    at: float
    vendor: str
    operation: str
    status: int = 200
    code: str = ""
    fault: str = ""
    ticket: str = ""
    order: str = ""
    prompt: str = ""
    accepted: bool = False
    paid: int = 0
    ready_at: float | None = None
    state: str = ""
    leaked: tuple[str, ...] = ()


class Record:
    """The entries at one moment, and the questions that tests ask of them."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = list(entries)

    def of(self, vendor: str | None = None, operation: str | None = None) -> list[Entry]:
        return [
            entry for entry in self.entries if vendor in (None, entry.vendor) and operation in (None, entry.operation)
        ]

    def submits(self, vendor: str | None = None) -> list[Entry]:
        return self.of(vendor, "submit")

    def accepted(self, vendor: str | None = None) -> list[Entry]:
        return [entry for entry in self.submits(vendor) if entry.accepted]

    def paid(self, vendor: str | None = None) -> int:
        return sum(entry.paid for entry in self.of(vendor))

    def bought_twice(self, vendor: str | None = None) -> list[str]:
        """The orders for which more than one job is charged."""
        counts = Counter((entry.vendor, entry.order) for entry in self.of(vendor) if entry.paid)
        return [order for (_, order), count in counts.items() if count > 1]

    def polls(self, ticket: str) -> list[Entry]:
        return [entry for entry in self.of(operation="poll") if entry.ticket == ticket]

    def lateness(self, ticket: str) -> float | None:
        """Seconds from the job's end to the first poll that was told of it; None when there was none."""
        ready = next((entry.ready_at for entry in self.entries if entry.ticket == ticket and entry.ready_at), None)
        told = next((entry.at for entry in self.polls(ticket) if entry.state == "done" and not entry.fault), None)
        return None if ready is None or told is None else told - ready

    def fetches(self, vendor: str | None = None) -> list[Entry]:
        return self.of(vendor, "fetch")

    def leaks(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.leaked]


class Journal:
    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._guard = threading.Lock()

    def add(self, **fields: Any) -> None:
        with self._guard:
            self._entries.append(Entry(number=len(self._entries), at=time.time(), **fields))

    def waive(self, ticket: str) -> None:
        """The job was cancelled: nobody pays for it."""
        with self._guard:
            self._entries = [
                replace(entry, paid=0, ready_at=None) if entry.ticket == ticket else entry for entry in self._entries
            ]

    def read(self) -> Record:
        with self._guard:
            return Record(self._entries)

    def clear(self) -> None:
        with self._guard:
            self._entries.clear()


def as_json(record: Record) -> list[dict[str, Any]]:
    return [asdict(entry) for entry in record.entries]


def from_json(rows: list[dict[str, Any]]) -> Record:
    return Record(Entry(**(row | {"leaked": tuple(row["leaked"])})) for row in rows)

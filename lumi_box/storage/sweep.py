"""The orphan sweep: store and ledger compared both ways, page by page; what no row knows and is old enough, goes.

First all is compared, and every orphan noted in a table; then it is decided whether they may go; then they go. A
sweep that was interrupted is taken up where it stood, by whichever node comes next.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from lumi_box.clock import now_ms
from lumi_box.config.schema import SweepConfig
from lumi_box.errors import LumiError, UpstreamError
from lumi_box.storage import ledger, marker, node_lease
from lumi_box.storage.base import Listed, Storage
from lumi_box.storage.node_lease import Lease
from lumi_box.tables.base import transaction
from lumi_box.tables.sweep import StorageSweep, SweepCandidate

RUNNING, INTERRUPTED, DONE, REFUSED, GIVEN_UP = "running", "interrupted", "done", "refused", "given up"
HOUR_MS = 3_600_000
RESUME_WITHIN_MS = 24 * HOUR_MS
SETTLING_MS = 60_000  # what was stored so shortly before the sweep began may not be in its listing
ASKED_ONE_BY_ONE = 1000
NAMED = 20
HISTORY = 100
BATCH = 1000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What a sweep found and did. Every listed object is either referenced or an orphan."""

    listed: int
    referenced: int
    orphans: int
    deleted: int
    skipped_young: int
    missing: int
    bytes_freed: int

    @classmethod
    def of(cls, row: StorageSweep) -> Report:
        names = ("listed", "referenced", "orphans", "deleted", "skipped_young", "missing", "bytes_freed")
        return cls(*(int(getattr(row, name)) for name in names))

    def as_json(self) -> dict[str, int]:
        return {
            "listed": self.listed,
            "referenced": self.referenced,
            "orphans": self.orphans,
            "deleted": self.deleted,
            "skippedYoung": self.skipped_young,
            "missing": self.missing,
            "bytesFreed": self.bytes_freed,
        }


class WrongStore(LumiError):
    """The store is not this database's: nothing in it may be judged by this ledger."""


def sweep(storage: Storage, settings: SweepConfig, *, dry_run: bool = False, forced: bool = False) -> StorageSweep:
    """One sweep, or the rest of one; answers its row, which is `done` or `refused`.

    Raises Taken while another node sweeps, WrongStore, and Unavailable when the store fails: then the next goes on.
    """
    with node_lease.held("storage-sweep") as lease:
        found = marker.examine(storage)
        if not (found.ours or found.fits):
            raise WrongStore(found.text)
        row = _open_row(settings, dry_run, forced)
        try:
            _Sweep(storage, settings, row, lease).run()
        except UpstreamError as error:
            _save(row, state=INTERRUPTED, note=f"{error} {error.vendor_text}".strip())
            raise
        _forget_old()
        return row


def last(limit: int = HISTORY) -> list[StorageSweep]:
    """The sweeps there have been, the newest first."""
    return list(StorageSweep.select().order_by(StorageSweep.id.desc()).limit(limit))


class _Sweep:
    def __init__(self, storage: Storage, settings: SweepConfig, row: StorageSweep, lease: Lease) -> None:
        self._storage, self._settings, self._row, self._lease = storage, settings, row, lease
        self._old_from = row.started_at - round(settings.grace_hours * HOUR_MS)
        self._to_ask = ASKED_ONE_BY_ONE

    def run(self) -> None:
        row = self._row
        if not row.compared:
            for page in self._storage.pages(row.cursor):
                self._lease.renew()
                self._compare(page)
            _save(row, compared=True, missing=row.missing + self._missing(None, set()))
        if row.dry_run:
            self._end(DONE)
        elif refusal := self._refusal():
            self._end(REFUSED, refusal)
        else:
            self._remove()
            self._storage.drop_unfinished(self._old_from)
            self._end(DONE)

    def _compare(self, page: Sequence[Listed]) -> None:
        row, objects = self._row, [each for each in page if each.key != marker.KEY]
        present = {each.key for each in page}
        known = ledger.known_keys([each.key for each in objects])
        orphans = [each for each in objects if each.key not in known]
        old = [each for each in orphans if each.modified_ms <= self._old_from]
        highest = max(present)
        missing = self._missing(highest, present) if highest > row.ledger_cursor else 0
        with transaction():
            if old:
                SweepCandidate.insert_many(
                    [{"sweep": row.id, "key": each.key, "size": each.size} for each in old]
                ).execute()
            _save(
                row,
                cursor=page[-1].key,
                ledger_cursor=max(highest, row.ledger_cursor),
                listed=row.listed + len(objects),
                referenced=row.referenced + len(known),
                orphans=row.orphans + len(orphans),
                skipped_young=row.skipped_young + len(orphans) - len(old),
                missing=row.missing + missing,
            )

    def _missing(self, up_to: str | None, present: set[str]) -> int:
        """Rows whose object ought to be between the last page and this one, and is not."""
        count = 0
        settled = ledger.settled_between(self._row.ledger_cursor, up_to, self._row.started_at - SETTLING_MS)
        for key in settled:
            if key not in present and not self._is_there(key):
                count += 1
                if self._row.missing + count <= NAMED:
                    logger.error("object missing key=%s", key)
        return count

    def _is_there(self, key: str) -> bool:
        """Not every service lists in the order of the keys' bytes: what was not met is asked for, within reason."""
        if self._to_ask == 0:
            return False
        self._to_ask -= 1
        return self._storage.exists(key)

    def _refusal(self) -> str:
        row, limit = self._row, self._settings.max_delete_percent
        to_go = SweepCandidate.select().where(SweepCandidate.sweep == row).count()
        if row.forced or row.deleted or to_go * 100 <= limit * row.listed:
            return ""
        return (
            f"{to_go} of {row.listed} objects would be removed, more than sweep.max_delete_percent = {limit:g} allows. "
            "Is this the right database, and is it whole? If so, run: lumi-box sweep --force"
        )

    def _remove(self) -> None:
        row = self._row
        while batch := list(
            SweepCandidate.select().where(SweepCandidate.sweep == row).order_by(SweepCandidate.id).limit(BATCH)
        ):
            self._lease.renew()
            claimed = ledger.adopt([Listed(each.key, each.size, 0) for each in batch])
            left = ledger.remove_claimed(self._storage, claimed)
            gone = set(claimed) - set(left)
            with transaction():
                SweepCandidate.delete().where(SweepCandidate.id <= batch[-1].id, SweepCandidate.sweep == row).execute()
                freed = sum(each.size for each in batch if each.key in gone)
                _save(row, deleted=row.deleted + len(gone), bytes_freed=row.bytes_freed + freed)

    def _end(self, state: str, note: str = "") -> None:
        row = self._row
        with transaction():
            SweepCandidate.delete().where(SweepCandidate.sweep == row).execute()
            _save(row, state=state, note=note, ended_at=now_ms())
        figures = " ".join(f"{name}={value}" for name, value in Report.of(row).as_json().items())
        logger.info("sweep %s dry_run=%s %s %s", state, row.dry_run, figures, note)


def _open_row(settings: SweepConfig, dry_run: bool, forced: bool) -> StorageSweep:
    """The sweep that was interrupted, if it was one like this and not long ago; otherwise a new one."""
    wanted = {"dry_run": dry_run, "forced": forced, "grace_hours": settings.grace_hours}
    unfinished = StorageSweep.state.in_((RUNNING, INTERRUPTED))
    taken_up: StorageSweep | None = None
    for row in StorageSweep.select().where(unfinished).order_by(StorageSweep.id.desc()):
        alike = all(getattr(row, name) == value for name, value in wanted.items())
        if taken_up is None and alike and row.started_at > now_ms() - RESUME_WITHIN_MS:
            taken_up = row
            _save(row, state=RUNNING, note="")
            continue
        SweepCandidate.delete().where(SweepCandidate.sweep == row).execute()
        _save(row, state=GIVEN_UP, ended_at=now_ms())
    return taken_up or StorageSweep.create(started_at=now_ms(), **wanted)


def _save(row: StorageSweep, **changes: object) -> None:
    StorageSweep.update(changes).where(StorageSweep.id == row.id).execute()
    for name, value in changes.items():
        setattr(row, name, value)


def _forget_old() -> None:
    oldest = StorageSweep.select(StorageSweep.id).order_by(StorageSweep.id.desc()).offset(HISTORY).limit(1).scalar()
    if oldest is not None:
        StorageSweep.delete().where(StorageSweep.id <= oldest).execute()

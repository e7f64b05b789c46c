"""Every object we ever wrote: pending, stored, doomed. A row stands before the bytes do.

`keep` writes the row, then the bytes; `promote`, in the transaction that makes a row refer to them, says that
they are wanted. A crash between the two leaves a pending row, which `doom_stale` finds.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lumi_box.clock import now_ms
from lumi_box.errors import Unavailable
from lumi_box.storage import keys
from lumi_box.storage.base import Storage
from lumi_box.tables.base import transaction
from lumi_box.tables.stored_object import StoredObject

PENDING, STORED, DOOMED = "pending", "stored", "doomed"
STALE_PENDING_MS = 3_600_000
BATCH = 200

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an object is, and what it belongs to."""

    user_id: str
    request_id: str
    model_id: str | None = None


def keep(storage: Storage, key: str, source: Path, owner: Owner) -> int:
    """Record the object as pending, then write its bytes; answer their number. Not inside a transaction."""
    size, digest = _measure(source)
    row = {
        "state": PENDING,
        "user_id": owner.user_id,
        "request_id": owner.request_id,
        "model_id": owner.model_id,
        "media_type": keys.media_type(key),
        "size": size,
        "sha256": digest,
        "changed_at": now_ms(),
    }
    StoredObject.insert(key=key, **row).on_conflict(conflict_target=[StoredObject.key], update=row).execute()
    storage.put(key, source)
    return size


def promote(object_keys: Iterable[str]) -> None:
    """The rows of the running transaction refer to these objects now."""
    _move(StoredObject.key.in_(list(object_keys)), STORED)


def doom(object_keys: Iterable[str | None]) -> None:
    """Nothing refers to these any more, once the running transaction commits."""
    _move(StoredObject.key.in_([key for key in object_keys if key]), DOOMED)


def doom_request(request_id: str) -> None:
    """All that belongs to the request, its model's files included."""
    _move(StoredObject.request_id == request_id, DOOMED)


def doom_stale() -> int:
    """Pending objects whose writer has been gone for an hour."""
    return _move((StoredObject.state == PENDING) & (StoredObject.changed_at < now_ms() - STALE_PENDING_MS), DOOMED)


def remove_doomed(storage: Storage) -> int:
    """The janitor: remove one batch of doomed objects; what fails stays doomed and is tried again next time."""
    doomed = list(
        StoredObject.select().where(StoredObject.state == DOOMED).order_by(StoredObject.changed_at).limit(BATCH)
    )
    removed = 0
    for row in doomed:
        try:
            storage.delete(row.key)
        except Unavailable as error:
            logger.warning("object not removed yet key=%s reason=%s", row.key, error.vendor_text)
            _move((StoredObject.key == row.key) & (StoredObject.state == DOOMED), DOOMED)  # to the end of the line
            continue
        removed += StoredObject.delete().where(StoredObject.key == row.key, StoredObject.state == DOOMED).execute()
    return removed


def _move(which: object, state: str) -> int:
    with transaction():
        changed: int = StoredObject.update(state=state, changed_at=now_ms()).where(which).execute()
    return changed


def _measure(source: Path) -> tuple[int, str]:
    with source.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return source.stat().st_size, digest

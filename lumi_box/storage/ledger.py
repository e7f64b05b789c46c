"""Every object we ever wrote: pending, stored, doomed, removing. A row stands before the bytes do, and outlives them.

    keep --> pending --promote--> stored --doom--> doomed --claim--> removing --the store confirms--> no row
                \\--doom_stale, after an hour--------^ ^--the store does not--/

`keep` writes the row, then the bytes; `promote`, in the transaction that makes a row refer to them, says that they
are wanted. Nothing is ever removed but under a row that is `removing`, and `keep` writes to no key whose row is that:
so an object that somebody has just written cannot be the one that the janitor is about to remove. While a backup
copies (storage/hold.py), doomed rows are neither claimed nor written to: it may have found them stored.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peewee import fn

from lumi_box.clock import now_ms
from lumi_box.errors import Busy, Conflict, Unavailable
from lumi_box.storage import hold, keys
from lumi_box.storage.base import SOURCE, Listed, Storage
from lumi_box.tables.base import transaction
from lumi_box.tables.stored_object import StoredObject

PENDING, STORED, DOOMED, REMOVING = "pending", "stored", "doomed", "removing"
STALE_PENDING_MS = 3_600_000
STALE_REMOVING_MS = 3_600_000
LOOK_AGAIN_SECONDS = 5.0
BATCH = 1000
KEY_LENGTH = 200

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an object is, and what it belongs to."""

    user_id: str
    request_id: str
    model_id: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """An object that lies in the store and waits for its promotion."""

    key: str
    size: int
    sha256: str


def keep(storage: Storage, key: str, source: Path, owner: Owner) -> Kept:
    """Record the object as pending, then write its bytes. Not inside a transaction.

    Conflict when other bytes are stored under the key already: the caller's job has been finished by another.
    """
    with source.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    kept = Kept(key, source.stat().st_size, digest)
    if _announce(kept, owner):
        storage.put(key, source)
        _confirm(storage, kept)
    return kept


def promote(kept: Iterable[Kept]) -> None:
    """The rows of the running transaction refer to these objects now.

    Unavailable when one of them has been removed or written by another since: then nothing may refer to it.
    """
    for each in kept:
        mine = (StoredObject.key == each.key) & (StoredObject.sha256 == each.sha256)
        if _move(mine & StoredObject.state.in_((PENDING, STORED)), STORED) != 1:
            raise _overtaken(each.key)


def doom(object_keys: Iterable[str | None]) -> None:
    """Nothing refers to these any more, once the running transaction commits."""
    _doom(StoredObject.key.in_([key for key in object_keys if key]))


def doom_request(request_id: str) -> None:
    """All that belongs to the request, its model's files included."""
    _doom(StoredObject.request_id == request_id)


def doom_model(model_id: str, request_id: str) -> None:
    _doom((StoredObject.request_id == request_id) & (StoredObject.model_id == model_id))


def doom_user(user_id: str) -> None:
    _doom(StoredObject.user_id == user_id)


def doom_stale() -> int:
    """Pending objects whose writer has been gone for an hour."""
    return _move((StoredObject.state == PENDING) & (StoredObject.changed_at < now_ms() - STALE_PENDING_MS), DOOMED)


def remove_doomed(storage: Storage) -> int:
    """The janitor: remove one batch of doomed objects. What fails stays doomed and goes to the end of the line."""
    claimed = _claim_doomed()
    return len(claimed) - len(remove_claimed(storage, claimed))


def adopt(found: Sequence[Listed]) -> list[str]:
    """Claim for removal those of the objects that no row knows, and answer their keys.

    Each gets a row, as if it had been doomed: whoever would write to such a key now, waits.
    """
    now = now_ms()
    with transaction():
        known = known_keys([each.key for each in found])
        unknown = [each for each in found if each.key not in known]
        rows = [
            {
                "key": each.key,
                "state": REMOVING,
                "user_id": "",
                "request_id": "",
                "media_type": keys.media_type(each.key),
                "size": each.size,
                "changed_at": now,
            }
            for each in unknown
            if len(each.key) <= KEY_LENGTH  # no row of ours could ever have a longer key
        ]
        for start in range(0, len(rows), BATCH):
            StoredObject.insert_many(rows[start : start + BATCH]).execute()
    return [each.key for each in unknown]


def remove_claimed(storage: Storage, claimed: Sequence[str]) -> dict[str, str]:
    """Remove the objects of rows that are `removing`; answer those that are still there, each with its reason."""
    if not claimed:
        return {}
    left = dict.fromkeys(claimed, "the removal was interrupted")
    try:
        left = storage.delete_many(claimed)
    finally:
        mine = StoredObject.state == REMOVING
        gone = [key for key in claimed if key not in left]
        with transaction():
            StoredObject.delete().where(StoredObject.key.in_(gone), mine).execute()
            _move(StoredObject.key.in_(list(left)) & mine, DOOMED)
    for key, reason in list(left.items())[:3]:
        logger.warning("object not removed yet key=%s reason=%s others=%d", key, reason, len(left) - 1)
    return left


def known_keys(object_keys: Sequence[str]) -> set[str]:
    """Those of the keys that have a row, whatever its state."""
    rows: Any = StoredObject.select(StoredObject.key).where(StoredObject.key.in_(object_keys)).tuples()
    return {key for (key,) in rows}


def settled_between(after: str, last: str | None, before_ms: int) -> Iterator[str]:
    """The keys after `after`, up to and with `last`, that have been stored since before then; read page by page."""
    while True:
        wanted = (StoredObject.key > after) if last is None else (StoredObject.key > after) & (StoredObject.key <= last)
        query = StoredObject.select(StoredObject.key, StoredObject.state, StoredObject.changed_at).where(wanted)
        rows: list[Any] = list(query.order_by(StoredObject.key).limit(BATCH).tuples())
        yield from (key for key, state, changed in rows if state == STORED and changed < before_ms)
        if len(rows) < BATCH:
            return
        after = rows[-1][0]


def _announce(kept: Kept, owner: Owner) -> bool:
    """The pending row; False when these very bytes are stored already."""
    row = {
        "state": PENDING,
        "user_id": owner.user_id,
        "request_id": owner.request_id,
        "model_id": owner.model_id,
        "media_type": keys.media_type(kept.key),
        "size": kept.size,
        "sha256": kept.sha256,
        "changed_at": now_ms(),
    }
    same = StoredObject.key == kept.key
    free = (StoredObject.state == PENDING) | (StoredObject.state == DOOMED) & ~fn.EXISTS(hold.standing())
    with transaction():
        if StoredObject.update(row).where(same, free).execute() == 1:
            return True
        if StoredObject.insert(key=kept.key, **row).on_conflict_ignore().as_rowcount().execute() == 1:
            return True
        found = StoredObject.get(same)
    if found.state == STORED and found.sha256 == kept.sha256:
        return False
    if found.state in (DOOMED, REMOVING):
        text = "An older file of this name is just being removed."
        raise Busy(text, code="being_removed", source=SOURCE, retry_after=LOOK_AGAIN_SECONDS)
    raise Conflict("Another file of this name is kept already.")


def _confirm(storage: Storage, kept: Kept) -> None:
    """Whether the bytes lie under the row that announced them: a writer that was held up may find another's there."""
    same = StoredObject.key == kept.key
    row = StoredObject.get_or_none(same)
    if row is not None and row.state == PENDING and row.sha256 == kept.sha256:
        return
    if row is None:  # given up as stale and removed: nobody else would know of the bytes
        doomed = {"user_id": "", "request_id": "", "media_type": keys.media_type(kept.key), "size": kept.size}
        StoredObject.insert(key=kept.key, state=DOOMED, **doomed).on_conflict_ignore().execute()
    elif row.state == STORED:
        _describe_anew(storage, kept.key)
    else:  # whose bytes lie there now is unknown: no promotion may believe in either's
        StoredObject.update(sha256="").where(same, StoredObject.state == PENDING).execute()
    raise _overtaken(kept.key)


def _describe_anew(storage: Storage, key: str) -> None:
    """Two wrote at once, and one was promoted: let the row tell what really lies there. Either's is whole."""
    if measured := storage.measure(key):
        told = dict(zip(("size", "sha256"), measured, strict=True))
        StoredObject.update(told).where(StoredObject.key == key, StoredObject.state == STORED).execute()


def _overtaken(key: str) -> Unavailable:
    text = "The file was removed or written anew while it was being kept."
    return Unavailable(text, code="overtaken", vendor_text=key, source=SOURCE)


def _claim_doomed() -> list[str]:
    """A batch of doomed rows, now `removing` and this janitor's; none when another has just taken one, or a backup
    copies.
    """
    now = now_ms()
    left_over = (StoredObject.state == REMOVING) & (StoredObject.changed_at < now - STALE_REMOVING_MS)
    wanted = (StoredObject.state == DOOMED) | left_over
    with transaction() as held:
        query = StoredObject.select(StoredObject.key).where(wanted).order_by(StoredObject.changed_at).limit(BATCH)
        rows: Any = query.tuples()
        claimed: list[str] = [key for (key,) in rows]
        mine = _move(StoredObject.key.in_(claimed) & wanted, REMOVING) == len(claimed)
        if mine and not hold.standing().exists():  # asked last: who holds later than this finds them marked
            return claimed
        held.rollback()
    return []


def _doom(which: Any) -> None:
    _move(which & StoredObject.state.in_((PENDING, STORED)), DOOMED)


def _move(which: object, state: str) -> int:
    with transaction():
        changed: int = StoredObject.update(state=state, changed_at=now_ms()).where(which).execute()
    return changed

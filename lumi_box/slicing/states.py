"""How a slicing stands: due, claimed for one step, waiting for the next, complete or failed.

    SLICING --claim--> SLICING, with a lease --postpone--> SLICING, due later
                                  |--complete--> SLICE_COMPLETE   |--fail--> FAILED

A claim is one conditional UPDATE, so that of many workers one takes the step. A worker that dies in the middle writes
nothing: the lease runs out, and another takes the step anew; after three deaths in a row there is no fourth. Whatever
is written is written under the lease, so that nobody who was taken for dead undoes what has happened since.
"""

from __future__ import annotations

import random
from typing import Any

from peewee import fn

from lumi_box.clock import now_ms
from lumi_box.errors import LumiError
from lumi_box.slicing.names import FAILED, INTERRUPTED, SLICE_COMPLETE, SLICING, SWITCHED_OFF
from lumi_box.storage import ledger
from lumi_box.storage.ledger import Kept
from lumi_box.tables.base import new_id, outlasting, retried
from lumi_box.tables.dialect import changing
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.slicing import Slicing

LEASE_MS = 30_000
DEADLINE_MS = 30 * 60_000
MOST_TRIES = 3
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, GROWTH = 2.0, 15.0, 1.2
BATCH = 50


class GivenUp(LumiError):
    """The slicing is not wanted here any more: this worker stops, or has lost it."""


def due() -> list[Slicing]:
    """Of each user the one that was asked for first, among those whose time has come."""
    first = Slicing.select(fn.MIN(Slicing.id)).where(Slicing.status == SLICING, Slicing.due_at <= now_ms())
    return list(Slicing.select().where(Slicing.id.in_(first.group_by(Slicing.user_id))).limit(BATCH))


def claim(seen: Slicing) -> Slicing | None:
    """Take it for one step; None when another worker has it, or when there is to be none."""
    now, lease = now_ms(), new_id()
    unchanged = (Slicing.id == seen.id) & (Slicing.status == SLICING)
    unchanged &= (Slicing.due_at == seen.due_at) & (Slicing.due_at <= now)
    taken = Slicing.update(
        lease=lease,
        due_at=now + LEASE_MS,
        tries=Slicing.tries + 1,
        deadline_at=fn.COALESCE(Slicing.deadline_at, now + DEADLINE_MS),
        updated_at=now,
    )
    if taken.where(unchanged).execute() != 1:
        return None
    mine: Slicing | None = Slicing.get_or_none(Slicing.id == seen.id, Slicing.lease == lease)
    if mine is not None and mine.tries > MOST_TRIES:
        fail(mine, INTERRUPTED, "interrupted", f"its worker died {MOST_TRIES} times")
        return None
    return mine


def prolong(row: Slicing, progress: int | None = None) -> bool:
    """Go on with the step; False when it is not ours any more: taken over, or its model deleted."""
    told = {} if progress is None else {"progress": progress}
    return _write(row, due_at=now_ms() + LEASE_MS, **told)


def hand_back(row: Slicing) -> None:
    """The step was given up because this worker stops: it costs no try."""
    _write(row, lease=None, due_at=now_ms(), tries=row.tries - 1)


@outlasting
@retried
def ordered(row: Slicing, remote_id: str) -> bool:
    """The service has taken it: from now on that is asked after, whatever happens here."""
    row.remote_id = remote_id
    return _write(row, remote_id=remote_id)


@outlasting
@retried
def postpone(
    row: Slicing, message: str | None = None, *, went_well: bool, retry_after: float | None = None, **columns: Any
) -> None:
    """Another step a little later, and never much past the deadline. One that went well gives all tries back.

    `message` tells the owner what it waits for.
    """
    growing = min(FIRST_WAIT_SECONDS * GROWTH**row.steps, LONGEST_WAIT_SECONDS)
    seconds = max(growing * random.uniform(0.9, 1.1), retry_after or 0.0)  # noqa: S311  spread, not secrecy
    now = now_ms()
    at = min(now + round(seconds * 1000), max(row.deadline_at or now, now + 1000))
    columns |= {"steps": row.steps + 1, "tries": 0 if went_well else row.tries, "error_message": message}
    _write(row, lease=None, due_at=at, **columns)


def keep_print_file(row: Slicing, kept: Kept) -> None:
    """A print file of another height, for the service to fetch, until the slicing has ended. May raise GivenUp."""
    with changing(row.request_id):
        ours = _write(row, stl_key=kept.key)
        if ours:
            ledger.promote([kept])
        else:
            _doom_unless_taken_over(row, kept)
    if not ours:
        raise GivenUp("the slicing is another's now")
    row.stl_key = kept.key


@outlasting
@retried
def complete(row: Slicing, kept: Kept, facts: dict[str, Any]) -> bool:
    """The G-code is there; what was sliced of the model before goes. False when the slicing is not ours any more."""
    with changing(row.request_id):
        cleared = {"error_message": None, "error_code": None, "error_text": None}
        if not _end(row, SLICE_COMPLETE, gcode_key=kept.key, gcode_facts=facts, progress=100, **cleared):
            _doom_unless_taken_over(row, kept)
            return False
        ledger.promote([kept])
        _forget(Slicing.model == row.model_id, Slicing.id < row.id)
    return True


@outlasting
@retried
def fail(row: Slicing, message: str, code: str = "", text: str = "") -> bool:
    """`message` is for the owner, `code` and `text` for the operator. Earlier failures go, earlier G-code stays."""
    with changing(row.request_id):
        if not _end(row, FAILED, error_message=message, error_code=code[:100] or None, error_text=text[:2000] or None):
            return False
        _forget(Slicing.model == row.model_id, Slicing.id < row.id, Slicing.gcode_key.is_null())
    return True


@retried
def end_all() -> int:
    """What is under way where no slicer is configured any more: it would be waited for without end."""
    under_way = list(Slicing.select().where(Slicing.status == SLICING))
    for row in under_way:
        Slicing.update(lease=None).where(Slicing.id == row.id).execute()
        row.lease = None
        fail(row, SWITCHED_OFF, "not_configured")
    return len(under_way)


def _end(row: Slicing, status: str, **columns: Any) -> bool:
    now = now_ms()
    if not _write(row, status=status, due_at=None, lease=None, stl_key=None, ended_at=now, **columns):
        return False
    latest = (GeneratedModel.id == row.model_id) & (GeneratedModel.slice_task_id == row.id)
    GeneratedModel.update(print_status=status).where(latest).execute()
    ledger.doom([row.stl_key])
    return True


def _write(row: Slicing, **columns: Any) -> bool:
    lease = Slicing.lease.is_null() if row.lease is None else Slicing.lease == row.lease
    mine = (Slicing.id == row.id) & (Slicing.status == SLICING) & lease
    return bool(Slicing.update(**columns, updated_at=now_ms()).where(mine).execute() == 1)


def _forget(*which: Any) -> None:
    """Rows with their files. The caller's transaction holds the request."""
    rows = list(Slicing.select().where(*which))
    ledger.doom([key for row in rows for key in (row.gcode_key, row.stl_key)])
    Slicing.delete().where(Slicing.id.in_([row.id for row in rows])).execute()


def _doom_unless_taken_over(row: Slicing, kept: Kept) -> None:
    """Where another worker goes on, it writes the same key: then it is left to it."""
    if not Slicing.select().where(Slicing.id == row.id).exists():
        ledger.doom([kept.key])

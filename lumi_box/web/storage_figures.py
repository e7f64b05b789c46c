"""What an operator's page tells of the store."""

from __future__ import annotations

from typing import Any

from peewee import fn

from lumi_box.clock import iso
from lumi_box.storage import ledger, sweep
from lumi_box.tables.stored_object import StoredObject

SHOWN = 30


def states() -> list[dict[str, Any]]:
    """How many objects there are in each state of the ledger, and how much they hold."""
    query = StoredObject.select(StoredObject.state, fn.COUNT(StoredObject.key), fn.SUM(StoredObject.size))
    rows: Any = query.group_by(StoredObject.state).tuples()
    found = {state: (count, int(size or 0)) for state, count, size in rows}
    order = (ledger.STORED, ledger.PENDING, ledger.DOOMED, ledger.REMOVING)
    return [
        {"state": each, "objects": found.get(each, (0, 0))[0], "bytes": found.get(each, (0, 0))[1]} for each in order
    ]


def sweeps() -> list[dict[str, Any]]:
    """The latest sweeps, the newest first."""
    return [
        {
            "id": row.id,
            "state": row.state,
            "dryRun": row.dry_run,
            "note": row.note,
            "startedAt": iso(row.started_at),
            **sweep.Report.of(row).as_json(),
        }
        for row in sweep.last(SHOWN)
    ]

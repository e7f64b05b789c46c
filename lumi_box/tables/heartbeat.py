"""Which worker processes are alive."""

from typing import Any

from peewee import BigIntegerField, CharField, TextField

from lumi_box.clock import now_ms
from lumi_box.tables.base import ID_LENGTH, Table

ALIVE_MS = 20_000  # not heard of for longer, one is taken for gone


class Heartbeat(Table):
    """A worker or scheduler that says every few seconds that it runs; `detail`: where, and with how many threads."""

    id = CharField(ID_LENGTH, primary_key=True)
    role = CharField(16)
    detail = TextField(default="{}")
    started_at = BigIntegerField(default=now_ms)
    seen_at = BigIntegerField(default=now_ms)


def alive(role: str) -> Any:
    """A query of those that were heard of lately."""
    return Heartbeat.select().where(Heartbeat.role == role, Heartbeat.seen_at > now_ms() - ALIVE_MS)

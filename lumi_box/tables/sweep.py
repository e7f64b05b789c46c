"""The orphan sweep: what it found each time, what it is about to remove, and which node may do it now."""

from peewee import AutoField, BigIntegerField, BooleanField, CharField, FloatField, ForeignKeyField, TextField

from lumi_box.clock import now_ms
from lumi_box.tables.base import ID_LENGTH, Table


class StorageSweep(Table):
    """One sweep. While `running` it can be taken up again after `cursor`, by any node."""

    id = AutoField()
    state = CharField(12, default="running")  # running, done, refused, failed
    dry_run = BooleanField(default=False)
    forced = BooleanField(default=False)
    compared = BooleanField(default=False)  # the whole listing has been gone through
    grace_hours = FloatField()
    cursor = TextField(default="")  # the last key of the listing that has been compared
    ledger_cursor = TextField(default="")
    listed = BigIntegerField(default=0)
    referenced = BigIntegerField(default=0)
    orphans = BigIntegerField(default=0)
    deleted = BigIntegerField(default=0)
    skipped_young = BigIntegerField(default=0)
    missing = BigIntegerField(default=0)
    bytes_freed = BigIntegerField(default=0)
    note = TextField(default="")  # why it was refused or failed
    started_at = BigIntegerField(default=now_ms, index=True)
    ended_at = BigIntegerField(null=True)


class SweepCandidate(Table):
    """An orphan that the running sweep has found and not yet removed."""

    id = AutoField()
    sweep = ForeignKeyField(StorageSweep, on_delete="CASCADE")
    key = TextField()
    size = BigIntegerField()


class NodeLease(Table):
    """Work that one node does at a time: who has it, and until when."""

    name = CharField(36, primary_key=True)
    holder = CharField(ID_LENGTH)
    until = BigIntegerField()

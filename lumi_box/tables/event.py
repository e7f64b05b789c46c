"""The durable log that pages and clients follow."""

from peewee import AutoField, BigIntegerField, CharField, TextField

from lumi_box.clock import now_ms
from lumi_box.tables.base import ID_LENGTH, Table


class Event(Table):
    """A small fact, written in the transaction of its change. `id` is what `Last-Event-ID` resumes after."""

    id = AutoField()
    request_id = CharField(ID_LENGTH)
    name = CharField(32)
    data = TextField()  # one line of JSON
    created_at = BigIntegerField(default=now_ms, index=True)

    class Meta:
        indexes = ((("request_id", "id"), False),)

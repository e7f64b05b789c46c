"""What was spent, and what only the operator can mend."""

from peewee import AutoField, BigIntegerField, CharField, IntegerField, TextField

from lumi_box.clock import now_ms
from lumi_box.tables.base import ID_LENGTH, Table


class Purchase(Table):
    """One order that a vendor accepted. It outlives its request and its user: money does not come back."""

    id = AutoField()
    month = CharField(7)  # 2026-11, in UTC
    user_id = CharField(ID_LENGTH)
    request_id = CharField(ID_LENGTH)
    job_id = CharField(ID_LENGTH)
    provider = CharField(32)
    operation = CharField(12)  # image or model3d
    price = BigIntegerField()  # in ten-thousandths of the currency
    currency = CharField(8)
    at = BigIntegerField(default=now_ms)

    class Meta:
        indexes = ((("month", "provider"), False), (("month", "user_id"), False))


class Alert(Table):
    """A failure that no retry mends (a key, a balance, a quota): one row a provider and code, until it works again."""

    id = AutoField()
    provider = CharField(32)
    code = CharField(100)
    text = TextField()
    count = IntegerField(default=1)
    first_at = BigIntegerField(default=now_ms)
    last_at = BigIntegerField(default=now_ms)
    cleared_at = BigIntegerField(null=True)

    class Meta:
        indexes = ((("provider", "code"), True),)

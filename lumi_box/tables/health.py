"""How each service of the installation fares, when that changed, and who is still to be told."""

from peewee import AutoField, BigIntegerField, BooleanField, CharField, IntegerField, TextField

from lumi_box.clock import now_ms
from lumi_box.tables.base import Table


class HealthState(Table):
    """What the latest round found of one service."""

    service = CharField(24, primary_key=True)
    healthy = BooleanField()
    text = TextField()
    hint = TextField()
    latency_ms = IntegerField()
    rounds = IntegerField()  # in a row that found it so
    told_healthy = BooleanField(default=True)  # what the operator believes, by what was told last
    since = BigIntegerField(default=now_ms)
    checked_at = BigIntegerField(default=now_ms)


class HealthChange(Table):
    """A service fell ill, or got well."""

    id = AutoField()
    service = CharField(24)
    healthy = BooleanField()
    text = TextField()
    at = BigIntegerField(default=now_ms, index=True)


class HealthAlert(Table):
    """A message that one of `alerts.urls` has not taken yet."""

    id = AutoField()
    target = CharField(16)  # a digest of the address, which is a secret
    title = TextField()
    body = TextField()
    tries = IntegerField(default=0)
    created_at = BigIntegerField(default=now_ms)

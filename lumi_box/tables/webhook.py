"""Addresses that are told when a task or a model ends, and each thing that they are told."""

from peewee import BigIntegerField, CharField, ForeignKeyField, IntegerField, TextField

from lumi_box.clock import now_ms
from lumi_box.tables.account import User
from lumi_box.tables.base import ID_LENGTH, Table, new_id
from lumi_box.tables.generation import GenerationRequest


class Webhook(Table):
    """One address of one user. Its secret is not stored: `salt` and the cookie secret make it (webhooks/sign.py)."""

    id = CharField(ID_LENGTH, primary_key=True, default=new_id)
    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    user_id: str
    url = CharField(1000)
    events = CharField(200)  # their names, a blank between two
    salt = CharField(43)
    old_salt = CharField(43, null=True)  # of the secret before; both sign until
    old_salt_until = BigIntegerField(null=True)
    failing_since = BigIntegerField(null=True)  # the first failure after the last success
    disabled_at = BigIntegerField(null=True)
    disabled_reason = CharField(12, null=True)  # owner, gone or failing
    created_at = BigIntegerField(default=now_ms)
    updated_at = BigIntegerField(default=now_ms)

    class Meta:
        indexes = ((("user", "created_at", "id"), False),)


class WebhookDelivery(Table):
    """One thing that one webhook is told; its id is the `webhook-id` of every attempt.

    `data` is the task or model as it was when it ended, with storage keys where addresses will stand. A request that
    is deleted takes its deliveries with it.
    """

    id = CharField(ID_LENGTH, primary_key=True, default=new_id)
    webhook = ForeignKeyField(Webhook, on_delete="CASCADE", index=False)
    webhook_id: str
    request = ForeignKeyField(GenerationRequest, on_delete="CASCADE", null=True)  # None: a test
    type = CharField(32)
    data = TextField()
    status = CharField(12, default="PENDING")  # then DELIVERED or FAILED
    attempts = IntegerField(default=0)
    due_at = BigIntegerField(null=True, default=now_ms)  # of the next attempt; while one runs, when it counts as lost
    lease = CharField(ID_LENGTH, null=True)  # which attempt runs now
    attempted_at = BigIntegerField(null=True)
    response_status = IntegerField(null=True)  # what the latest attempt was answered, how soon, and with which words
    milliseconds = IntegerField(null=True)
    response = CharField(500, null=True)
    error = CharField(300, null=True)
    created_at = BigIntegerField(default=now_ms)
    ended_at = BigIntegerField(null=True, index=True)

    class Meta:
        indexes = ((("webhook", "created_at", "id"), False), (("status", "due_at"), False))

"""Background work and its history."""

from peewee import AutoField, BigIntegerField, BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from lumi_box.clock import now_ms
from lumi_box.tables.base import ID_LENGTH, Table, new_id

TICKET_LENGTH = 255


class Job(Table):
    """Work for one image or one model. Only jobs/lifecycle.py writes `status`, the lease and the attempts."""

    id = CharField(ID_LENGTH, primary_key=True, default=new_id)
    kind = CharField(12)  # image or model3d
    target_id = CharField(ID_LENGTH, index=True)  # the image or the model
    request_id = CharField(ID_LENGTH, index=True)
    user_id = CharField(ID_LENGTH)
    asked_by = CharField(32, null=True)  # the HTTP request that wanted it, by which its lines in the log are found
    status = CharField(12, default="PENDING")
    turn = BigIntegerField(default=0)  # its place in the line of its kind: see jobs/fairness.py
    attempt = IntegerField(default=0)  # how many have begun, without those that a restart of everything interrupted
    progress = IntegerField(default=0)  # percent
    provider = CharField(32, default="")
    ticket = CharField(TICKET_LENGTH, null=True)  # the vendor's id of the work that the current attempt waits for
    result = TextField(null=True)  # what a vendor that answers at once answered: fetched from, not bought again
    run_after = BigIntegerField(default=now_ms)
    deadline_at = BigIntegerField(null=True)  # of the current attempt
    lease = CharField(ID_LENGTH, null=True)  # who runs a step of it now
    lease_until = BigIntegerField(null=True)
    error_code = CharField(100, null=True)
    error_message = TextField(null=True)
    created_at = BigIntegerField(default=now_ms)
    queued_at = BigIntegerField(default=now_ms, null=True)  # since when it waits for its first or its next attempt
    started_at = BigIntegerField(null=True)
    attempt_started_at = BigIntegerField(null=True)
    ended_at = BigIntegerField(null=True)

    class Meta:
        indexes = (
            (("kind", "status", "turn", "id"), False),
            (("user_id", "kind", "status", "turn"), False),
            (("status", "lease_until"), False),
            (("status", "ended_at"), False),
            (("created_at", "id"), False),
            (("kind", "status", "queued_at"), False),
        )


class JobKind(Table):
    """A row to lock: whoever counts the jobs of a kind in order to begin one more holds it. See tables/dialect.py."""

    kind = CharField(12, primary_key=True)


class Attempt(Table):
    """One run at a job: when, with whom, and how it ended."""

    id = AutoField()
    job = ForeignKeyField(Job, on_delete="CASCADE", index=False)
    job_id: str
    number = IntegerField()
    provider = CharField(32, default="")
    ticket = CharField(TICKET_LENGTH, null=True)
    submits = BooleanField(default=False)  # it may order from a vendor: counted by `queue.jobs_per_minute`
    submitting_since = BigIntegerField(null=True)  # an order is under way; if it stays so, nobody knows what was bought
    started_at = BigIntegerField(default=now_ms)
    ended_at = BigIntegerField(null=True)
    outcome = CharField(16, null=True)  # completed, unavailable, refused, doubtful, died, crashed, timeout, cancelled
    vendor_request_id = CharField(100, null=True)
    error_code = CharField(100, null=True)
    error_text = TextField(null=True)

    class Meta:
        indexes = ((("job", "started_at"), False), (("submits", "started_at"), False), (("outcome", "id"), False))


class GivenUpTicket(Table):
    """A vendor's job that nobody waits for any more: it is to be cancelled, where the vendor's API can."""

    id = AutoField()
    kind = CharField(12)
    provider = CharField(32)
    ticket = CharField(TICKET_LENGTH)
    job_id = CharField(ID_LENGTH)
    tries = IntegerField(default=0)
    due_at = BigIntegerField(default=now_ms, index=True)
    created_at = BigIntegerField(default=now_ms)

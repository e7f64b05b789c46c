"""The first schema. A frozen copy: later changes of the tables come as migrations of their own."""

from typing import Any

from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    CompositeKey,
    Database,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    SqliteDatabase,
    TextField,
)
from playhouse.sqlite_ext import AutoIncrementField


class User(Model):
    id = CharField(36, primary_key=True)
    email = CharField(254, unique=True)
    password_hash = CharField(255, null=True)
    user_name = CharField(64)
    nick_name = CharField(64)
    avatar = CharField(500)
    is_admin = BooleanField()
    language = CharField(8)
    disabled_at = BigIntegerField(null=True)
    created_at = BigIntegerField()

    class Meta:
        table_name = "account"


class AccessToken(Model):
    id = CharField(36, primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE", backref="+")
    kind = CharField(16)
    name = CharField(100)
    secret_hash = CharField(64, unique=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(null=True)
    last_used_at = BigIntegerField(null=True)
    revoked_at = BigIntegerField(null=True)

    class Meta:
        table_name = "access_token"


class LoginFailure(Model):
    subject = CharField(300, index=True)
    at = BigIntegerField(index=True)

    class Meta:
        table_name = "login_failure"


class GenerationRequest(Model):
    id = CharField(36, primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE", backref="+", index=False)
    prompt = CharField(500)
    optimize_prompt = BooleanField()
    variants = CharField(8)
    variants_lease_until = BigIntegerField(null=True)
    status = CharField(20)
    phase = CharField(20)
    selected_position = IntegerField(null=True)
    error_message = TextField(null=True)
    created_at = BigIntegerField()
    updated_at = BigIntegerField()
    completed_at = BigIntegerField(null=True)

    class Meta:
        table_name = "generation_request"
        indexes = ((("user", "created_at", "id"), False),)


class Image(Model):
    id = CharField(36, primary_key=True)
    request = ForeignKeyField(GenerationRequest, on_delete="CASCADE", backref="+", index=False)
    position = IntegerField()
    prompt = CharField(500)
    seed = IntegerField()
    status = CharField(12)
    job_id = CharField(36, null=True)
    object_key = CharField(200, null=True)
    thumbnail_key = CharField(200, null=True)
    hints = JSONField(null=True)
    error_message = TextField(null=True)
    created_at = BigIntegerField()
    completed_at = BigIntegerField(null=True)
    failed_at = BigIntegerField(null=True)

    class Meta:
        table_name = "image"
        indexes = ((("request", "position"), True),)


class GeneratedModel(Model):
    id = CharField(36, primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE", backref="+", index=False)
    request = ForeignKeyField(GenerationRequest, on_delete="CASCADE", backref="+", unique=True)
    image = ForeignKeyField(Image, on_delete="CASCADE", backref="+")
    name = CharField(120)
    description = TextField()
    status = CharField(12)
    progress = IntegerField()
    job_id = CharField(36, null=True)
    obj_key = CharField(200, null=True)
    mtl_key = CharField(200, null=True)
    texture_key = CharField(200, null=True)
    glb_key = CharField(200, null=True)
    stl_key = CharField(200, null=True)
    threemf_key = CharField(200, null=True)
    preview_key = CharField(200, null=True)
    file_size = BigIntegerField(null=True)
    face_count = IntegerField(null=True)
    vertex_count = IntegerField(null=True)
    size_mm = JSONField(null=True)
    volume_cm3 = FloatField(null=True)
    visibility = CharField(8)
    published_at = BigIntegerField(null=True)
    view_count = IntegerField()
    like_count = IntegerField()
    favorite_count = IntegerField()
    download_count = IntegerField()
    error_message = TextField(null=True)
    created_at = BigIntegerField()
    updated_at = BigIntegerField()
    completed_at = BigIntegerField(null=True)
    failed_at = BigIntegerField(null=True)

    class Meta:
        table_name = "model"
        indexes = (
            (("user", "created_at", "id"), False),
            (("visibility", "published_at", "id"), False),
            (("visibility", "download_count", "id"), False),
            (("visibility", "like_count", "id"), False),
        )


class Submission(Model):
    user = ForeignKeyField(User, on_delete="CASCADE", backref="+", index=False)
    key = CharField(128)
    body_hash = CharField(64)
    request = ForeignKeyField(GenerationRequest, on_delete="CASCADE", backref="+")
    created_at = BigIntegerField()

    class Meta:
        table_name = "submission"
        indexes = ((("user", "key"), True),)


class Job(Model):
    id = CharField(36, primary_key=True)
    kind = CharField(12)
    target_id = CharField(36, index=True)
    request_id = CharField(36, index=True)
    user_id = CharField(36)
    status = CharField(12)
    attempt = IntegerField()
    progress = IntegerField()
    provider = CharField(32)
    ticket = CharField(255, null=True)
    result = TextField(null=True)
    run_after = BigIntegerField()
    deadline_at = BigIntegerField(null=True)
    lease = CharField(36, null=True)
    lease_until = BigIntegerField(null=True)
    error_code = CharField(100, null=True)
    error_message = TextField(null=True)
    created_at = BigIntegerField()
    started_at = BigIntegerField(null=True)
    attempt_started_at = BigIntegerField(null=True)
    ended_at = BigIntegerField(null=True)

    class Meta:
        table_name = "job"
        indexes = (
            (("kind", "status", "created_at", "id"), False),
            (("status", "lease_until"), False),
            (("status", "ended_at"), False),
            (("created_at", "id"), False),
        )


class Attempt(Model):
    job = ForeignKeyField(Job, on_delete="CASCADE", backref="+", index=False)
    number = IntegerField()
    provider = CharField(32)
    ticket = CharField(255, null=True)
    submits = BooleanField()
    submitting_since = BigIntegerField(null=True)
    started_at = BigIntegerField()
    ended_at = BigIntegerField(null=True)
    outcome = CharField(16, null=True)
    vendor_request_id = CharField(100, null=True)
    error_code = CharField(100, null=True)
    error_text = TextField(null=True)

    class Meta:
        table_name = "attempt"
        indexes = (
            (("job", "started_at"), False),
            (("submits", "started_at"), False),
        )


class Event(Model):
    request_id = CharField(36)
    name = CharField(32)
    data = TextField()
    created_at = BigIntegerField(index=True)

    class Meta:
        table_name = "event"
        indexes = ((("request_id", "id"), False),)


class StoredObject(Model):
    key = CharField(200, primary_key=True)
    state = CharField(8)
    user_id = CharField(36)
    request_id = CharField(36, index=True)
    model_id = CharField(36, null=True)
    media_type = CharField(64)
    size = BigIntegerField()
    sha256 = CharField(64)
    created_at = BigIntegerField()
    changed_at = BigIntegerField()

    class Meta:
        table_name = "stored_object"
        indexes = ((("state", "changed_at"), False),)


class Interaction(Model):
    user = ForeignKeyField(User, on_delete="CASCADE", backref="+", index=False)
    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", backref="+", index=False)
    kind = CharField(8)
    created_at = BigIntegerField()

    class Meta:
        table_name = "interaction"
        indexes = (
            (("user", "kind", "model"), True),
            (("model", "kind"), False),
        )


class Heartbeat(Model):
    id = CharField(36, primary_key=True)
    role = CharField(16)
    detail = TextField()
    started_at = BigIntegerField()
    seen_at = BigIntegerField()

    class Meta:
        table_name = "heartbeat"


class Purchase(Model):
    month = CharField(7)
    user_id = CharField(36)
    request_id = CharField(36)
    job_id = CharField(36)
    provider = CharField(32)
    operation = CharField(12)
    price = BigIntegerField()
    currency = CharField(8)
    at = BigIntegerField()

    class Meta:
        table_name = "purchase"
        indexes = (
            (("month", "provider"), False),
            (("month", "user_id"), False),
        )


class Alert(Model):
    provider = CharField(32)
    code = CharField(100)
    text = TextField()
    count = IntegerField()
    first_at = BigIntegerField()
    last_at = BigIntegerField()
    cleared_at = BigIntegerField(null=True)

    class Meta:
        table_name = "alert"
        indexes = ((("provider", "code"), True),)


class KV(Model):
    queue = CharField(255)
    key = CharField(255)
    value = BlobField()

    class Meta:
        table_name = "queue_kv"
        primary_key = CompositeKey("queue", "key")


class Schedule(Model):
    queue = CharField(255)
    data = BlobField()
    timestamp = BigIntegerField()

    class Meta:
        table_name = "queue_schedule"
        indexes = ((("queue", "timestamp"), False),)


class Task(Model):
    queue = CharField(255)
    data = BlobField()
    priority = FloatField()

    class Meta:
        table_name = "queue_task"


class Counter(Model):
    queue = CharField(255)
    key = CharField(255)
    value = IntegerField()

    class Meta:
        table_name = "queue_counter"
        primary_key = CompositeKey("queue", "key")


Task.add_index(Task.priority.desc(), SQL("id"))

TABLES = (
    User,
    AccessToken,
    LoginFailure,
    GenerationRequest,
    Image,
    GeneratedModel,
    Submission,
    Job,
    Attempt,
    Event,
    StoredObject,
    Interaction,
    Heartbeat,
    Purchase,
    Alert,
    KV,
    Schedule,
    Task,
    Counter,
)


def up(migrator: Any, db: Database) -> None:
    # An event's id must never come back, or a client that resumes after it would miss what is new.
    event_id = AutoIncrementField if isinstance(db, SqliteDatabase) else BigAutoField
    Event._meta.remove_field("id")
    Event._meta.add_field("id", event_id())
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)

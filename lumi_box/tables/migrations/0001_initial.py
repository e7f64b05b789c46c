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
    OperationalError,
    SqliteDatabase,
    TextField,
)
from playhouse.sqlite_ext import AutoIncrementField

DUPLICATE_INDEX = 1061  # MySQL's code for one that is there already


class User(Model):
    id = CharField(36, primary_key=True)
    email = CharField(254, null=True, unique=True)
    external_id = CharField(191, null=True, unique=True)
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


class OneTimeCode(Model):
    subject = CharField(254)
    purpose = CharField(16)
    secret_hash = CharField(64)
    tries = IntegerField()
    created_at = BigIntegerField()
    expires_at = BigIntegerField(index=True)

    class Meta:
        table_name = "one_time_code"
        indexes = ((("subject", "purpose"), True),)


class LoginFailure(Model):
    subject = CharField(300, index=True)
    at = BigIntegerField(index=True)

    class Meta:
        table_name = "login_failure"


class Window(Model):
    subject = CharField(191, primary_key=True)
    started_at = BigIntegerField(index=True)
    used = IntegerField()

    class Meta:
        table_name = "rate_window"


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
        indexes = (
            (("user", "created_at", "id"), False),
            (("user", "status"), False),
            (("status", "updated_at"), False),
        )


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
    hidden_at = BigIntegerField(null=True)
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
            (("user", "download_count", "id"), False),
            (("visibility", "hidden_at", "published_at", "id"), False),
            (("visibility", "hidden_at", "download_count", "id"), False),
            (("visibility", "hidden_at", "like_count", "id"), False),
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
    turn = BigIntegerField()
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
            (("kind", "status", "turn", "id"), False),
            (("user_id", "kind", "status", "turn"), False),
            (("status", "lease_until"), False),
            (("status", "ended_at"), False),
            (("created_at", "id"), False),
        )


class JobKind(Model):
    kind = CharField(12, primary_key=True)

    class Meta:
        table_name = "job_kind"


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
            (("outcome", "id"), False),
        )


class GivenUpTicket(Model):
    kind = CharField(12)
    provider = CharField(32)
    ticket = CharField(255)
    job_id = CharField(36)
    tries = IntegerField()
    due_at = BigIntegerField(index=True)
    created_at = BigIntegerField()

    class Meta:
        table_name = "given_up_ticket"


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
            (("user", "kind", "created_at"), False),
            (("model", "kind"), False),
        )


class Visit(Model):
    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", backref="+", index=False)
    kind = CharField(8)
    viewer = CharField(44)
    day = IntegerField(index=True)

    class Meta:
        table_name = "visit"
        indexes = ((("model", "kind", "day", "viewer"), True),)


class ModelReport(Model):
    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", backref="+", index=False)
    user = ForeignKeyField(User, on_delete="CASCADE", backref="+")
    reason = CharField(500)
    created_at = BigIntegerField()
    settled_at = BigIntegerField(null=True)

    class Meta:
        table_name = "model_report"
        indexes = (
            (("model", "user"), True),
            (("settled_at", "created_at"), False),
        )


class GalleryState(Model):
    id = IntegerField(primary_key=True)
    generation = BigIntegerField()

    class Meta:
        table_name = "gallery_state"


class SearchText(Model):
    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", backref="+", unique=True)
    name = CharField(120)
    prompt = CharField(500)

    class Meta:
        table_name = "search_text"


class Heartbeat(Model):
    id = CharField(36, primary_key=True)
    role = CharField(16)
    detail = TextField()
    started_at = BigIntegerField()
    seen_at = BigIntegerField()

    class Meta:
        table_name = "heartbeat"


class Setting(Model):
    name = CharField(64, primary_key=True)
    value = TextField()

    class Meta:
        table_name = "setting"


class StorageSweep(Model):
    state = CharField(12)
    dry_run = BooleanField()
    forced = BooleanField()
    compared = BooleanField()
    grace_hours = FloatField()
    cursor = TextField()
    ledger_cursor = TextField()
    listed = BigIntegerField()
    referenced = BigIntegerField()
    orphans = BigIntegerField()
    deleted = BigIntegerField()
    skipped_young = BigIntegerField()
    missing = BigIntegerField()
    bytes_freed = BigIntegerField()
    note = TextField()
    started_at = BigIntegerField(index=True)
    ended_at = BigIntegerField(null=True)

    class Meta:
        table_name = "storage_sweep"


class SweepCandidate(Model):
    sweep = ForeignKeyField(StorageSweep, on_delete="CASCADE", backref="+")
    key = TextField()
    size = BigIntegerField()

    class Meta:
        table_name = "sweep_candidate"


class NodeLease(Model):
    name = CharField(36, primary_key=True)
    holder = CharField(36)
    until = BigIntegerField()

    class Meta:
        table_name = "node_lease"


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
    OneTimeCode,
    LoginFailure,
    Window,
    GenerationRequest,
    Image,
    GeneratedModel,
    Submission,
    Job,
    JobKind,
    Attempt,
    GivenUpTicket,
    Event,
    StoredObject,
    Interaction,
    Visit,
    ModelReport,
    GalleryState,
    SearchText,
    Heartbeat,
    Setting,
    StorageSweep,
    SweepCandidate,
    NodeLease,
    Purchase,
    Alert,
    KV,
    Schedule,
    Task,
    Counter,
)

# Trigrams find any part of a word, and words in scripts that put no spaces between them.
SEARCH_INDEX = (
    """CREATE VIRTUAL TABLE search_index USING fts5(
        name, prompt, content='search_text', content_rowid='id', tokenize='trigram')""",
    """CREATE TRIGGER search_text_added AFTER INSERT ON search_text BEGIN
        INSERT INTO search_index (rowid, name, prompt) VALUES (new.id, new.name, new.prompt);
    END""",
    """CREATE TRIGGER search_text_removed AFTER DELETE ON search_text BEGIN
        INSERT INTO search_index (search_index, rowid, name, prompt)
        VALUES ('delete', old.id, old.name, old.prompt);
    END""",
    """CREATE TRIGGER search_text_changed AFTER UPDATE ON search_text BEGIN
        INSERT INTO search_index (search_index, rowid, name, prompt)
        VALUES ('delete', old.id, old.name, old.prompt);
        INSERT INTO search_index (rowid, name, prompt) VALUES (new.id, new.name, new.prompt);
    END""",
)


def up(migrator: Any, db: Database) -> None:
    # An event's id must never come back, or a client that resumes after it would miss what is new.
    event_id = AutoIncrementField if isinstance(db, SqliteDatabase) else BigAutoField
    Event._meta.remove_field("id")
    Event._meta.add_field("id", event_id())
    with db.bind_ctx(TABLES):
        for model in TABLES:
            _create(db, model)
        GalleryState.insert(id=1, generation=0).on_conflict_ignore().execute()
        JobKind.insert_many([{"kind": "image"}, {"kind": "model3d"}]).on_conflict_ignore().execute()
    if isinstance(db, SqliteDatabase):
        for statement in SEARCH_INDEX:
            db.execute_sql(statement)


def _create(db: Database, model: Any) -> None:
    """The table and its indexes; on MySQL, which has no transactions of such statements, what is not there yet."""
    model._schema.create_table(safe=True)
    for statement in model._schema._create_indexes():
        try:
            db.execute(statement)
        except OperationalError as error:
            if error.args[0] != DUPLICATE_INDEX:
                raise

"""One prompt and all that came of it: the request, its four images, its model."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from lumi_box.clock import now_ms
from lumi_box.tables.account import User
from lumi_box.tables.base import ID_LENGTH, Table, new_id

IMAGES_PER_REQUEST = 4


class GenerationRequest(Table):
    id = CharField(ID_LENGTH, primary_key=True, default=new_id)
    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    user_id: str
    prompt = CharField(500)
    optimize_prompt = BooleanField(default=True)
    variants = CharField(8)  # own, as-is, wanted, written or fallback: see flow/write_variants.py
    variants_lease_until = BigIntegerField(null=True)  # until when one of its jobs has them written
    status = CharField(20)
    phase = CharField(20)
    selected_position = IntegerField(null=True)
    error_message = TextField(null=True)
    created_at = BigIntegerField(default=now_ms)
    updated_at = BigIntegerField(default=now_ms)
    completed_at = BigIntegerField(null=True)

    class Meta:
        indexes = (
            (("user", "created_at", "id"), False),
            (("user", "status"), False),
            (("status", "updated_at"), False),
        )


class Image(Table):
    id = CharField(ID_LENGTH, primary_key=True, default=new_id)
    request = ForeignKeyField(GenerationRequest, on_delete="CASCADE", index=False)
    request_id: str
    position = IntegerField()  # 0 to 3
    prompt = CharField(500)  # the variant that this image is painted from
    seed = IntegerField(default=0)  # counts its repaintings
    status = CharField(12, default="PENDING")
    job_id = CharField(ID_LENGTH, null=True)
    object_key = CharField(200, null=True)
    thumbnail_key = CharField(200, null=True)
    hints = JSONField(null=True)  # what the painter knows of the shape
    error_message = TextField(null=True)
    created_at = BigIntegerField(default=now_ms)
    completed_at = BigIntegerField(null=True)
    failed_at = BigIntegerField(null=True)

    class Meta:
        indexes = ((("request", "position"), True),)


class GeneratedModel(Table):
    """The 3D object with its files; `Model` is what peewee calls its base class."""

    id = CharField(ID_LENGTH, primary_key=True, default=new_id)
    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    user_id: str
    request = ForeignKeyField(GenerationRequest, on_delete="CASCADE", unique=True)
    request_id: str
    image = ForeignKeyField(Image, on_delete="CASCADE")
    image_id: str
    name = CharField(120)
    description = TextField(default="")
    status = CharField(12, default="PENDING")
    progress = IntegerField(default=0)  # percent
    job_id = CharField(ID_LENGTH, null=True)
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
    size_mm = JSONField(null=True)  # [x, y, z] at the default print height
    volume_cm3 = FloatField(null=True)
    print_facts = JSONField(null=True)  # meshes/printability.py; None where nobody has looked yet
    slice_task_id = CharField(36, null=True)  # the latest slicing, and how it stands: tables/slicing.py
    print_status = CharField(16, null=True)
    visibility = CharField(8, default="PRIVATE")
    publish_when_done = BooleanField(default=False)  # `gallery.default_visibility`, until its owner says otherwise
    published_at = BigIntegerField(null=True)
    hidden_at = BigIntegerField(null=True)  # an operator took it out of the gallery, whatever its visibility says
    view_count = IntegerField(default=0)
    like_count = IntegerField(default=0)
    favorite_count = IntegerField(default=0)
    download_count = IntegerField(default=0)
    error_message = TextField(null=True)
    created_at = BigIntegerField(default=now_ms)
    updated_at = BigIntegerField(default=now_ms)
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


class Submission(Table):
    """An `Idempotency-Key` that came with a prompt, and the request that it made."""

    user = ForeignKeyField(User, on_delete="CASCADE", index=False)
    user_id: str
    key = CharField(128)
    body_hash = CharField(64)
    request = ForeignKeyField(GenerationRequest, on_delete="CASCADE")
    created_at = BigIntegerField(default=now_ms)

    class Meta:
        indexes = ((("user", "key"), True),)

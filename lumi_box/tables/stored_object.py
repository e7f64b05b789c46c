"""The ledger: every object that was ever written, known from before its bytes."""

from peewee import BigIntegerField, CharField

from lumi_box.clock import now_ms
from lumi_box.tables.base import ID_LENGTH, Table


class StoredObject(Table):
    """`pending` (bytes under way), `stored` (a row refers to it), `doomed` (to be removed), `removing` (being removed).

    The row goes when the store has confirmed that the object is gone.
    """

    key = CharField(200, primary_key=True)
    state = CharField(8)
    user_id = CharField(ID_LENGTH)
    request_id = CharField(ID_LENGTH, index=True)
    model_id = CharField(ID_LENGTH, null=True)
    media_type = CharField(64)
    size = BigIntegerField(default=0)
    sha256 = CharField(64, default="")
    created_at = BigIntegerField(default=now_ms)
    changed_at = BigIntegerField(default=now_ms)

    class Meta:
        indexes = ((("state", "changed_at"), False), (("state", "size"), False))

"""Who uses the box."""

from peewee import BigIntegerField, BooleanField, CharField, ForeignKeyField, IntegerField

from lumi_box.clock import now_ms
from lumi_box.tables.base import ID_LENGTH, Table, new_id


class User(Table):
    id = CharField(ID_LENGTH, primary_key=True, default=new_id)
    email = CharField(254, null=True, unique=True)  # lower case; the user service may not tell one
    external_id = CharField(191, null=True, unique=True)  # at the user service; None: an account of our own
    password_hash = CharField(255, null=True)
    user_name = CharField(64, default="")
    nick_name = CharField(64, default="")
    avatar = CharField(500, default="")
    is_admin = BooleanField(default=False)
    language = CharField(8, default="")
    disabled_at = BigIntegerField(null=True)
    created_at = BigIntegerField(default=now_ms)

    class Meta:
        table_name = "account"


class AccessToken(Table):
    """A browser's session or an API token: one row each, so that either can be listed and revoked."""

    id = CharField(ID_LENGTH, primary_key=True, default=new_id)
    user = ForeignKeyField(User, on_delete="CASCADE", backref="tokens")
    user_id: str
    kind = CharField(16)  # session, login or api
    name = CharField(100, default="")
    secret_hash = CharField(64, unique=True)  # SHA-256 of the token, in hex
    created_at = BigIntegerField(default=now_ms)
    expires_at = BigIntegerField(null=True)
    last_used_at = BigIntegerField(null=True)
    revoked_at = BigIntegerField(null=True)


class OneTimeCode(Table):
    """A code that was sent by e-mail, or the set-up link: one for a subject and a purpose at a time."""

    id: int
    subject = CharField(254)
    purpose = CharField(16)
    secret_hash = CharField(64)
    tries = IntegerField(default=0)
    created_at = BigIntegerField(default=now_ms)
    expires_at = BigIntegerField(index=True)

    class Meta:
        indexes = ((("subject", "purpose"), True),)


class LoginFailure(Table):
    """A wrong password or code: counted by account and by address to slow guessing down."""

    subject = CharField(300, index=True)
    at = BigIntegerField(default=now_ms, index=True)

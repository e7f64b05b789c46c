"""marshmallow, in: what a body or a query may hold. Unknown keys are refused."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from lumi_box.tables.generation import IMAGES_PER_REQUEST
from lumi_box.webhooks.names import EVENTS

PROMPT_LENGTH = validate.Length(1, 500, error="must have 1 to 500 characters")


class Text(fields.String):
    """Text that any database can keep."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **kwargs))
        if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text):
            raise ValidationError("must be text without NUL and without half characters")
        return text


class Trimmed(Text):
    """Text without the white space around it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return str(super()._deserialize(value, attr, data, **kwargs)).strip()


class PromptIn(Schema):
    prompt = Trimmed(required=True, validate=PROMPT_LENGTH)
    optimizePrompt = fields.Boolean(load_default=True)  # noqa: N815
    variants = fields.List(
        Trimmed(validate=PROMPT_LENGTH),
        load_default=None,
        allow_none=True,
        validate=validate.Length(equal=IMAGES_PER_REQUEST, error="must be 4 texts"),
    )


class SelectionIn(Schema):
    selectedImageIndex = fields.Integer(  # noqa: N815
        required=True, strict=True, validate=validate.Range(0, 3, error="must be 0, 1, 2 or 3")
    )


class LoginIn(Schema):
    email = Trimmed(required=True, validate=validate.Length(3, 254))
    password = Text(validate=validate.Length(1, 200))
    code = Text(validate=validate.Length(1, 12))

    @pre_load
    def one_proof(self, data: Any, **_: Any) -> Any:
        if isinstance(data, dict) and ("password" in data) == ("code" in data):
            raise ValidationError("give a password, or a code", "password")
        return data


class TokenIn(Schema):
    name = Trimmed(load_default="", validate=validate.Length(0, 100, error="must have at most 100 characters"))
    days = fields.Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=validate.Range(1, 36_500, error="must be 1 to 36500 days, or nothing for no end"),
    )


class SendCodeIn(Schema):
    email = Trimmed(required=True, validate=validate.Length(3, 254))
    type = fields.String(required=True, validate=validate.OneOf(["login", "register"]))


class ModelIn(Schema):
    name = Trimmed(validate=validate.Length(1, 120, error="must have 1 to 120 characters"))
    description = Trimmed(validate=validate.Length(0, 2000, error="must have at most 2000 characters"))


class InteractionIn(Schema):
    type = fields.String(required=True, validate=validate.OneOf(["LIKE", "FAVORITE"]))


class BatchIn(Schema):
    modelIds = fields.List(  # noqa: N815
        Text(validate=validate.Length(1, 36, error="must have 1 to 36 characters")),
        required=True,
        validate=validate.Length(1, 200, error="must be 1 to 200 ids"),
    )


class ReportIn(Schema):
    reason = Trimmed(required=True, validate=validate.Length(1, 500, error="must have 1 to 500 characters"))


def _event_names(**options: Any) -> fields.List:
    name = fields.String(validate=validate.OneOf(EVENTS, error="must be one of: {choices}"))
    return fields.List(name, validate=validate.Length(1, len(EVENTS), error="must be 1 to 5 events"), **options)


class WebhookIn(Schema):
    url = Trimmed(required=True, validate=validate.Length(1, 1000, error="must have 1 to 1000 characters"))
    events = _event_names(load_default=list(EVENTS))


class WebhookChangesIn(Schema):
    url = Trimmed(validate=validate.Length(1, 1000, error="must have 1 to 1000 characters"))
    events = _event_names()
    enabled = fields.Boolean()


class VisibilityIn(Schema):
    visibility = fields.String(required=True, validate=validate.OneOf(["PUBLIC", "PRIVATE"]))


class _Query(Schema):
    class Meta:
        unknown = EXCLUDE  # an address may carry what a proxy or a campaign added


class PageQuery(_Query):
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100, error="must be 1 to 100"))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, 10**9, error="must be 0 to 1000000000"))


class GalleryQuery(PageQuery):
    sortBy = fields.String(load_default="latest", validate=validate.OneOf(["latest", "popular", "liked"]))  # noqa: N815
    q = Trimmed(load_default="", validate=validate.Length(0, 100))


class MyModelsQuery(PageQuery):
    sortBy = fields.String(load_default="latest", validate=validate.OneOf(["latest", "name", "popular"]))  # noqa: N815
    visibility = fields.String(load_default=None, validate=validate.OneOf(["PUBLIC", "PRIVATE"]))


class MarkedQuery(PageQuery):
    sortBy = fields.String(load_default="latest", validate=validate.OneOf(["latest", "name", "popular"]))  # noqa: N815


class HeightQuery(_Query):
    heightMm = fields.Float(  # noqa: N815
        load_default=60.0, allow_nan=False, validate=validate.Range(5, 1000, error="must be 5 to 1000 millimetres")
    )


class PrintIn(Schema):
    heightMm = fields.Float(  # noqa: N815
        load_default=60.0, allow_nan=False, validate=validate.Range(5, 1000, error="must be 5 to 1000 millimetres")
    )


class DownloadQuery(HeightQuery):
    format = fields.String(required=True, validate=validate.OneOf(["obj", "glb", "stl", "3mf"]))

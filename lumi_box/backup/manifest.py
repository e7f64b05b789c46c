"""What a backup says of itself, in its first member."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from lumi_box.backup.archive import CONFIG, DATABASE, Damaged
from lumi_box.clock import iso

FORMAT = 1
LARGEST = 1 << 20
VERSION = r"[0-9A-Za-z.+!_-]{1,60}"
_count = validate.Range(min=0)
_digest = validate.Regexp(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """A member whose content was known before the file was begun."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Objects:
    """What the ledger says is stored."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """`objects` is None where they are not in the file; `rows` counts those of each table; `created_at` is in ms."""

    version: str
    created_at: int
    engine: str
    migrations: list[str]
    storage: str
    files: dict[str, Part]
    rows: dict[str, int]
    objects: Objects | None

    def as_json(self) -> bytes:
        told = {"format": FORMAT} | asdict(self)
        told["createdAt"] = iso(told.pop("created_at"))
        return json.dumps(told, indent=1, ensure_ascii=False).encode() + b"\n"


class _PartSchema(Schema):
    size = fields.Integer(required=True, strict=True, validate=_count)
    sha256 = fields.String(required=True, validate=_digest)

    @post_load
    def made(self, data: dict[str, Any], **_: Any) -> Part:
        return Part(**data)


class _ObjectsSchema(Schema):
    count = fields.Integer(required=True, strict=True, validate=_count)
    bytes = fields.Integer(required=True, strict=True, validate=_count)

    @post_load
    def made(self, data: dict[str, Any], **_: Any) -> Objects:
        return Objects(**data)


class _ManifestSchema(Schema):
    class Meta:
        unknown = RAISE

    format = fields.Integer(required=True, strict=True)
    version = fields.String(required=True, validate=validate.Regexp(VERSION + r"\Z"))
    created_at = fields.AwareDateTime(required=True, format="iso", data_key="createdAt")
    engine = fields.String(required=True, validate=validate.Length(1, 20))
    migrations = fields.List(fields.String(validate=validate.Regexp(r"[0-9]{4}_\w+\Z")), required=True)
    storage = fields.String(required=True, validate=validate.Length(1, 20))
    files = fields.Dict(fields.String(validate=validate.OneOf((CONFIG, DATABASE))), fields.Nested(_PartSchema))
    rows = fields.Dict(fields.String(), fields.Integer(strict=True, validate=_count), required=True)
    objects = fields.Nested(_ObjectsSchema, required=True, allow_none=True)


def parse(content: bytes) -> Manifest:
    """Raises Damaged for anything but a manifest of this format."""
    try:
        raw = json.loads(content)
        found = raw.get("format") if isinstance(raw, dict) else None
        if isinstance(found, int) and found > FORMAT:
            version = str(raw.get("version"))
            maker = f"lumi-box {version}" if re.fullmatch(VERSION, version) else "a newer lumi-box"
            raise Damaged(f"it was made by {maker}, in a form unknown to this version")
        values = _ManifestSchema().load(raw)
    except (ValueError, RecursionError, ValidationError) as error:
        raise Damaged("its manifest cannot be read") from error
    if values.pop("format") != FORMAT or set(values.get("files", ())) != {CONFIG, DATABASE}:
        raise Damaged("its manifest cannot be read")
    values["created_at"] = round(values["created_at"].timestamp() * 1000)
    return Manifest(**values)

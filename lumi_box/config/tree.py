"""The declared keys as a whole: each table and key by its path, and the marshmallow schema made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from marshmallow import RAISE, Schema
from marshmallow import fields as marsh

from lumi_box.config.errors import UNKNOWN, KeyPath
from lumi_box.config.fields import Rule
from lumi_box.config.schema import Config


@dataclass(frozen=True)
class Key:
    """One declared key, as its dataclass states it."""

    path: KeyPath
    rule: Rule
    default: Any
    secret: bool


def tables(table: type = Config, at: KeyPath = ()) -> Iterator[tuple[KeyPath, type]]:
    """Every table of the file below this one, outer ones first."""
    for column in fields(table):
        if inner := column.metadata.get("table"):
            yield (*at, column.name), inner
            yield from tables(inner, (*at, column.name))


def _walk(table: type, at: KeyPath) -> Iterator[Key]:
    for column in fields(table):
        path = (*at, column.name)
        if inner := column.metadata.get("table"):
            yield from _walk(inner, path)
        elif rule := column.metadata.get("rule"):
            yield Key(path, rule, column.default, column.metadata["secret"])


@cache
def declared() -> dict[KeyPath, Key]:
    """Every key of the file, in the order in which its mistakes are told."""
    return {key.path: key for key in _walk(Config, ())}


@cache
def schema_of(table: type) -> Schema:
    """The marshmallow schema of a table and those within it; it refuses keys that are not declared."""
    rules: dict[str, marsh.Field[Any]] = {}
    for column in fields(table):
        if inner := column.metadata.get("table"):
            rules[column.name] = marsh.Nested(schema_of(inner))
        elif rule := column.metadata.get("rule"):
            rules[column.name] = rule
    schema = Schema.from_dict(rules, name=table.__name__)(unknown=RAISE)
    schema.error_messages = {**schema.error_messages, "unknown": UNKNOWN}
    return schema

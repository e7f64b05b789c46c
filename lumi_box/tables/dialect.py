"""What SQLite and MySQL do differently, said once: row locks, and inserting or updating."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import Model

from lumi_box.tables.base import on_server, transaction
from lumi_box.tables.generation import GenerationRequest


def lock(table: type[Model], key: object) -> None:
    """Wait until no other transaction holds the row, and hold it until ours ends.

    SQLite has one writer, which every transaction of ours is from its BEGIN: there is nothing to do. Whoever needs
    more than one locks in this order, so that nobody waits in a circle: account, request, kind of job, all else.
    """
    if on_server():
        own = table._meta.primary_key
        table.select(own).where(own == key).for_update().tuples().first()


def upsert(table: type[Model], key: dict[str, Any], values: dict[str, Any]) -> None:
    """Insert the row, or set `values` where one with this key is there. The key is a primary or unique one."""
    query = table.insert(**key, **values)
    if on_server():
        query.on_conflict(update=values).execute()
    else:
        query.on_conflict(conflict_target=list(key), update=values).execute()


@contextmanager
def changing(request_id: str) -> Iterator[None]:
    """A transaction in which nobody else changes the request, its images, its model, or writes an event of it.

    What the block reads of them is as it will be until it ends; so two who finish the last two images at once do
    not each believe that the other's is still missing.
    """
    with transaction():
        lock(GenerationRequest, request_id)
        yield

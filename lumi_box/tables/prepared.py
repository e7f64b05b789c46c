"""Statements that run many times a second: built once, then only bound and run.

peewee takes longer to write such a statement than SQLite takes to answer it.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Model, Query, Value

from lumi_box.tables.base import database


@dataclass(frozen=True, slots=True)
class _Place:
    """Stands in the statement for the value that is given when it is run."""

    index: int


class Prepared:
    """`build` is called with stand-ins of the values that each call will give, and answers the query.

    A list of values, as for IN, must not be empty; each length has a statement of its own. A call answers the rows as
    named tuples of what the database gave: JSON is text in them. Columns of the same name have to be aliased.
    """

    def __init__(self, build: Callable[..., Query]) -> None:
        self._build = build
        self._made: dict[object, tuple[str, list[Any]]] = {}
        self._row: Any = None

    def __call__(self, *given: Any) -> list[Any]:
        values: list[Any] = []
        for each in given:
            values.extend(each) if isinstance(each, list | tuple) else values.append(each)
        shape = tuple(len(each) if isinstance(each, list | tuple) else None for each in given)
        sql, wanted = self._statement(shape)
        bound = [values[each.index] if isinstance(each, _Place) else each for each in wanted]
        return self._rows(database.execute_sql(sql, bound))

    def _rows(self, cursor: Any) -> list[Any]:
        if self._row is None:
            names = [column[0] for column in cursor.description]
            self._row = namedtuple("Row", names, rename=True)  # type: ignore[misc]
        return [self._row._make(row) for row in cursor.fetchall()]

    def _statement(self, shape: Sequence[int | None]) -> tuple[str, list[Any]]:
        key = (type(database.obj), shape)
        if key not in self._made:
            self._made[key] = self._build(*_places(shape)).sql()
        return self._made[key]


class PreparedModels(Prepared):
    """Likewise for a query that selects whole tables: each row is a tuple of one instance of each."""

    def __init__(self, build: Callable[..., Query], *tables: type[Model]) -> None:
        super().__init__(build)
        self._tables = tables

    def _rows(self, cursor: Any) -> list[Any]:
        return [self._instances(list(row)) for row in cursor.fetchall()]

    def _instances(self, values: list[Any]) -> tuple[Model, ...]:
        found = []
        for table in self._tables:
            fields = table._meta.sorted_fields
            own, values = values[: len(fields)], values[len(fields) :]
            named = {field.name: field.python_value(value) for field, value in zip(fields, own, strict=True)}
            instance = table(__no_default__=True, **named)
            instance._dirty.clear()  # type: ignore[attr-defined]  # peewee hides it from type checkers
            found.append(instance)
        return tuple(found)


_inserts: dict[object, str] = {}


def insert_all(rows: Sequence[Model]) -> None:
    """New rows of one table, in their order and in one statement. What the database itself numbers stays unknown."""
    table, columns = type(rows[0]), rows[0].__data__.keys()
    fields = [field for field in table._meta.sorted_fields if field.name in columns]
    key = (type(database.obj), table, tuple(columns), len(rows))
    if key not in _inserts:
        place = Value(None, converter=False)
        _inserts[key] = table.insert_many([dict.fromkeys(columns, place)] * len(rows)).sql()[0]
    database.execute_sql(_inserts[key], [field.db_value(row.__data__[field.name]) for row in rows for field in fields])


def _places(shape: Sequence[int | None]) -> list[Any]:
    count = 0
    places: list[Any] = []
    for length in shape:
        some = [Value(_Place(count + each), converter=False) for each in range(1 if length is None else length)]
        places.append(some[0] if length is None else some)
        count += len(some)
    return places

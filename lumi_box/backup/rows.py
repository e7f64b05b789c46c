"""Rows from one engine to the other, as they are: a page of them in memory at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from lumi_box.tables.engines import Session

PAGE = 500
HISTORY = "schema_migration"  # written by the migrations themselves
Row = tuple[Any, ...]


def tables(copy: sqlite3.Connection) -> dict[str, list[str]]:
    """Every table with rows of its own and its columns: not the migrations' history, nor what triggers fill."""
    found = copy.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name")
    names = [name for (name,) in found.fetchall() if not name.startswith("sqlite_") and name != HISTORY]
    return {name: _columns(copy, name) for name in names}


def counts(copy: sqlite3.Connection) -> dict[str, int]:
    return {name: copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables(copy)}  # noqa: S608


def from_server(server: Session, copy: sqlite3.Connection) -> None:
    """Fill the copy, which has the same schema, with the rows of the server's running transaction."""
    from pymysql.cursors import SSCursor  # which keeps no more than a row

    with copy:
        for table, columns in tables(copy).items():
            copy.execute(f'DELETE FROM "{table}"')  # noqa: S608  what the migrations wrote is among the rows to come
            names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
            with server.connection().cursor(SSCursor) as cursor:
                cursor.execute(f"SELECT {', '.join(f'`{name}`' for name in columns)} FROM `{table}`")  # noqa: S608
                copy.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', cursor)  # noqa: S608
        for table in _counted(copy):
            _set_counter(copy, table, _server_counter(server, table) - 1)


def to_server(copy: sqlite3.Connection, server: Session) -> None:
    """Replace every row of the server's, which has the same schema, in one transaction.

    An interruption at any moment leaves the rows that were there.
    """
    for table, last in copy.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
        server.execute_sql(f"ALTER TABLE `{table}` AUTO_INCREMENT = {int(last) + 1}")  # ends a transaction: so, before
    server.execute_sql("SET SESSION foreign_key_checks = 0")  # those of the copy have been checked
    with server.atomic(), server.connection().cursor() as cursor:
        for table, columns in tables(copy).items():
            cursor.execute(f"DELETE FROM `{table}`")  # noqa: S608
            names, marks = ", ".join(f"`{name}`" for name in columns), ", ".join(["%s"] * len(columns))
            insert = f"INSERT INTO `{table}` ({names}) VALUES ({marks})"  # noqa: S608
            rows = copy.execute(f'SELECT {", ".join(f"{chr(34)}{name}{chr(34)}" for name in columns)} FROM "{table}"')  # noqa: S608
            for page in _pages(rows):
                cursor.executemany(insert, page)


def _pages(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while page := list(islice(source, PAGE)):
        yield page


def _columns(copy: sqlite3.Connection, table: str) -> list[str]:
    return [name for (name,) in copy.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()]


def _counted(copy: sqlite3.Connection) -> list[str]:
    """Tables whose ids never come back."""
    made = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
    return [name for (name,) in copy.execute(made).fetchall()]


def _set_counter(copy: sqlite3.Connection, table: str, last: int) -> None:
    copy.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
    copy.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))


def _server_counter(server: Session, table: str) -> int:
    if not server.mariadb:  # which always tells the present figure; MySQL keeps an old one for a day
        server.execute_sql("SET SESSION information_schema_stats_expiry = 0")
    sql = "SELECT AUTO_INCREMENT FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s"
    (found,) = server.execute_sql(sql, (table,)).fetchone()
    return int(found or 1)

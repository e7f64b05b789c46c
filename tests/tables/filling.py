"""Rows for every table of a schema, whichever it is: odd texts, large numbers, blobs, and nothing where that may be."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from typing import Any

from peewee import Database, MySQLDatabase, SqliteDatabase

from lumi_box.tables import migrate

ROWS = 4
LONG = "a line\nand another, 'quoted' \"twice\" \\ 纸鹤 🦢 " * 40
Rows = dict[str, list[dict[str, Any]]]


def rows_for(names: list[str]) -> Rows:
    """Rows that fit the schema after these migrations, each value of a column another one."""
    with closing(SqliteDatabase(":memory:")) as made:
        migrate.build(made, names)
        schema: sqlite3.Connection = made.connection()
        listed = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        tables = [name for (name,) in schema.execute(listed) if not name.startswith(("sqlite_", "schema_"))]
        found: Rows = {}
        while len(found) < len(tables):  # those that are referred to come first
            for table in set(tables) - found.keys():
                refers = {
                    column: (parent, key)
                    for _, _, parent, column, key, *_ in schema.execute(f"PRAGMA foreign_key_list('{table}')")
                }
                if all(parent in found for parent, _ in refers.values()):
                    columns = schema.execute(f"PRAGMA table_info('{table}')").fetchall()
                    found[table] = [_row(columns, refers, found, number) for number in range(ROWS)]
        return found


def fill(database: Database, rows: Rows) -> None:
    mark, place = ("`", "%s") if isinstance(database, MySQLDatabase) else ('"', "?")
    with database.connection_context(), database.atomic():
        for table, each in rows.items():
            for row in each:
                names = ", ".join(f"{mark}{name}{mark}" for name in row)
                sql = f"INSERT INTO {mark}{table}{mark} ({names}) VALUES ({', '.join([place] * len(row))})"
                database.execute_sql(sql, tuple(row.values()))


def read(database: Database, like: Rows) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of these tables, in these columns."""
    mark = "`" if isinstance(database, MySQLDatabase) else '"'
    found = {}
    with database.connection_context():
        for table, rows in like.items():
            names = ", ".join(f"{mark}{name}{mark}" for name in rows[0])
            found[table] = sorted(database.execute_sql(f"SELECT {names} FROM {mark}{table}{mark}").fetchall(), key=repr)
    return found


def _row(columns: list[Any], refers: dict[str, tuple[str, str]], known: Rows, number: int) -> dict[str, Any]:
    row = {}
    for _, name, kind, required, _, key in columns:
        if name in refers:
            parent, column = refers[name]
            row[name] = known[parent][number][column]
        elif number % 2 and not required and not key:
            row[name] = None
        else:
            row[name] = _value(kind.upper(), number)
    return row


def _value(kind: str, number: int) -> Any:
    if length := re.match(r"(?:VAR)?CHAR\((\d+)\)", kind):
        return f"{number}纸'\\ \"鹤"[: int(length[1])]
    if "BLOB" in kind:
        return bytes(range(256)) + bytes([number])
    if "TEXT" in kind or "JSON" in kind:  # which SQLite does not tell apart, and MariaDB does
        return json.dumps({"number": number, "text": LONG}, ensure_ascii=False)
    if "REAL" in kind or "FLOAT" in kind:
        return 0.1 + number
    return (1 << 53) + number if "BIGINT" in kind else 11 + number

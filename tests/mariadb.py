"""A MariaDB server for the tests, and a database of its own there for each process that runs them."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
import pytest

URL = os.environ.get("LUMI_TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306")
KEPT = ("schema_migration", "job_kind", "gallery_state")  # what the migrations write


@lru_cache(maxsize=1)
def fault() -> str:
    """Why there is no server to test with; nothing when there is one."""
    try:
        connection().close()
    except pymysql.MySQLError as error:
        return f"no MariaDB answers at {urlsplit(URL).hostname}: {error.args[-1]}; see tests/run.sh"
    return ""


def require() -> None:
    """Skip the test without a server; in CI, where one is promised, fail it."""
    if fault() and os.environ.get("CI") == "true":
        pytest.fail(fault())
    elif fault():
        pytest.skip(fault())


def connection(name: str | None = None) -> pymysql.Connection[Any]:
    parts = urlsplit(URL)
    user, password = unquote(parts.username or "root"), unquote(parts.password or "")
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=user,
        password=password,
        database=name,
        autocommit=True,
        ssl_disabled=True,  # what it takes to encrypt is loaded anew for each connection
    )


class Scratch:
    """A database that is made for one test, or for one process of them, and dropped after."""

    def __init__(self, name: str) -> None:
        self.name, self.url = name, f"{URL.rstrip('/')}/{name}"

    def __enter__(self) -> Scratch:
        self._on_server(f"DROP DATABASE IF EXISTS `{self.name}`", f"CREATE DATABASE `{self.name}`")
        return self

    def __exit__(self, *_: object) -> None:
        self._on_server(f"DROP DATABASE IF EXISTS `{self.name}`")

    def empty(self) -> None:
        """Every row but the migrations' own. DELETE is faster than TRUNCATE, which makes each table anew."""
        with connection(self.name) as server, server.cursor() as cursor:
            cursor.execute("SHOW TABLES")
            tables = [name for (name,) in cursor.fetchall() if name not in KEPT]
            cursor.execute("SET foreign_key_checks = 0")
            cursor.execute("DELETE FROM schema_migration WHERE name LIKE '9999%'")
            cursor.execute("BEGIN")
            for name in tables:
                cursor.execute(f"DELETE FROM `{name}`")
            cursor.execute("COMMIT")

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with connection(self.name) as server, server.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def _on_server(self, *statements: str) -> None:
        with connection() as server, server.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

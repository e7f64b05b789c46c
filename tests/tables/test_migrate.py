"""The schema that the migrations make is the one that the tables describe."""

import importlib
import os
import pkgutil
import threading

import mariadb
import pytest

import lumi_box.tables
from lumi_box.tables import base, engines, migrate
from lumi_box.tables.base import Table


def columns_and_indexes(database):
    return {
        name: (
            sorted((each.name, each.data_type, each.null, each.primary_key) for each in database.get_columns(name)),
            sorted(
                (tuple(each.columns), each.unique)
                for each in database.get_indexes(name)
                if None not in each.columns  # an expression, which not every engine can index: no table names it
            ),
            sorted((each.column, each.dest_table) for each in database.get_foreign_keys(name)),
        )
        for name in database.get_tables()
        if not name.startswith(("queue_", "sqlite_", "schema_", "search_index"))
    }


@pytest.fixture
def empty(config, engine, tmp_path):
    """A database of the same engine as the box's, with nothing in it."""
    if engine == "sqlite":
        made = engines.sqlite(tmp_path / "empty.db")
        yield made
        made.close()
        return
    with mariadb.Scratch(f"lumi_test_{os.getpid()}_empty") as scratch:
        server = config.database
        made = engines.mysql(
            scratch.name, 8, host=server.host, port=server.port, user=server.user, password=server.password
        )
        yield made
        made.close_all()


def test_migrations_and_tables_agree(box, empty):
    migrated = columns_and_indexes(base.database.obj)
    for module in pkgutil.iter_modules(lumi_box.tables.__path__):
        if not module.ispkg:
            importlib.import_module(f"lumi_box.tables.{module.name}")
    tables = Table.__subclasses__()
    with empty.bind_ctx(tables):
        empty.create_tables(tables)
        assert columns_and_indexes(empty) == migrated


def test_nodes_that_start_together_migrate_once(empty):
    applied, start = [], threading.Barrier(4)

    def node():
        start.wait()
        applied.extend(migrate.migrate(empty))

    nodes = [threading.Thread(target=node) for _ in range(4)]
    for thread in nodes:
        thread.start()
    for thread in nodes:
        thread.join()
    names = [migration.name for migration in migrate._runner(empty).migrations()]
    assert applied == names
    assert migrate.pending(empty) == []


@pytest.mark.parametrize("done", [1, 5, 30])
def test_a_migration_that_was_interrupted_is_finished_by_the_next(empty, monkeypatch, done):
    whole, statements = type(empty).execute_sql, []

    def until_killed(self, sql, params=None):
        if sql.startswith(("CREATE TABLE", "CREATE INDEX", "CREATE UNIQUE")):
            statements.append(sql)
            if len(statements) > done:
                raise KeyboardInterrupt
        return whole(self, sql, params)

    kind = engines.Session if isinstance(empty, engines.Session) else type(empty)
    monkeypatch.setattr(kind, "execute_sql", until_killed)
    with pytest.raises(KeyboardInterrupt):
        migrate.migrate(empty)
    monkeypatch.undo()
    empty.close()
    names = [migration.name for migration in migrate._runner(empty).migrations()]
    assert migrate.migrate(empty) == names
    assert migrate.pending(empty) == []


def test_a_newer_schema_is_noticed(box):
    base.database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')")
    assert migrate.unknown(base.database.obj) == ["9999_future"]

"""The schema that the migrations make is the one that the tables describe."""

import importlib
import pkgutil
import threading

from peewee import SqliteDatabase

import lumi_box.tables
from lumi_box.tables import base, migrate
from lumi_box.tables.base import Table


def columns_and_indexes(database):
    return {
        name: (
            sorted((each.name, each.data_type, each.null, each.primary_key) for each in database.get_columns(name)),
            sorted((tuple(each.columns), each.unique) for each in database.get_indexes(name)),
            sorted((each.column, each.dest_table) for each in database.get_foreign_keys(name)),
        )
        for name in database.get_tables()
        if not name.startswith(("queue_", "sqlite_", "schema_"))
    }


def test_migrations_and_tables_agree(box, tmp_path):
    migrated = columns_and_indexes(base.database.obj)
    for module in pkgutil.iter_modules(lumi_box.tables.__path__):
        if not module.ispkg:
            importlib.import_module(f"lumi_box.tables.{module.name}")
    described = SqliteDatabase(tmp_path / "described.db")
    tables = Table.__subclasses__()
    with described.bind_ctx(tables):
        described.create_tables(tables)
        assert columns_and_indexes(described) == migrated
    described.close()


def test_nodes_that_start_together_migrate_once(config, tmp_path):
    database = SqliteDatabase(tmp_path / "new.db", timeout=15)
    applied, start = [], threading.Barrier(4)

    def node():
        start.wait()
        applied.extend(migrate.migrate(database, tmp_path / "lock"))

    nodes = [threading.Thread(target=node) for _ in range(4)]
    for thread in nodes:
        thread.start()
    for thread in nodes:
        thread.join()
    names = [migration.name for migration in migrate._runner(database).migrations()]
    assert applied == names
    assert migrate.pending(database) == []
    database.close()


def test_a_newer_schema_is_noticed(box):
    base.database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')")
    assert migrate.unknown(base.database.obj) == ["9999_future"]

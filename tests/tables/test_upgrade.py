"""From every schema that there has been to the present one, on both engines: no row is lost, whatever happens."""

import hashlib
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import mariadb
import pytest
from peewee import SqliteDatabase
from tables import filling
from tables.test_migrate import columns_and_indexes, empty  # noqa: F401  a fixture

from lumi_box import cli
from lumi_box.tables import base, engines, migrate

KNOWN = migrate.known()
RELEASED = Path(__file__).with_name("released.txt")
READS = ("SELECT", "SHOW", "PRAGMA", "DO RELEASE_LOCK")


def whole_schema(database):
    """Tables with their columns, indexes and references, and on SQLite whatever else there is, by its name."""
    with database.connection_context():
        found = columns_and_indexes(database)
        if isinstance(database, SqliteDatabase):
            found["all"] = sorted(database.execute_sql("SELECT type, name FROM sqlite_schema").fetchall())
        queues = [name for name in database.get_tables() if name.startswith("queue_")]
        columns = {name: sorted(each.name for each in database.get_columns(name)) for name in queues}
        return found | {"queues": columns}


@pytest.fixture
def fresh(config, engine, tmp_path):
    """The present schema, made at once."""
    if engine == "sqlite":
        with closing(engines.sqlite(tmp_path / "fresh.db")) as made:
            migrate.migrate(made)
            made.close()
            yield whole_schema(made)
        return
    yield whole_schema(base.bind(config.database))
    base.close_all()


def at(database, names):
    with database.connection_context(), migrate.exclusive(database):
        migrate.build(database, names)
    rows = filling.rows_for(names)
    filling.fill(database, rows)
    return rows


def assert_kept(database, rows, before, fresh):
    assert filling.read(database, rows) == before
    assert whole_schema(database) == fresh
    with database.connection_context():
        assert migrate.pending(database) == []
        if isinstance(database, SqliteDatabase):
            assert database.execute_sql("PRAGMA foreign_key_check").fetchall() == []
            assert database.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]
            searched = database.execute_sql("SELECT count(*) FROM search_index WHERE search_index MATCH 'line'")
            assert searched.fetchone() == (0,)


@pytest.mark.slow
@pytest.mark.parametrize("names", [KNOWN[: number + 1] for number in range(len(KNOWN))], ids=lambda names: names[-1])
def test_every_schema_there_has_been_is_brought_up_with_all_its_rows(empty, fresh, names):  # noqa: F811
    rows = at(empty, names)
    before = filling.read(empty, rows)
    assert len(before["job"]) == filling.ROWS
    assert migrate.migrate(empty) == KNOWN[len(names) :]
    assert_kept(empty, rows, before, fresh)
    assert migrate.migrate(empty) == []


def test_released_migrations_are_as_they_were_released():
    lines = [line.split() for line in RELEASED.read_text().splitlines() if not line.startswith("#")]
    for digest, name in lines:
        found = hashlib.sha256((migrate.DIRECTORY / name).read_bytes()).hexdigest()
        assert found == digest, f"{name} was released: changes of the schema come as a migration of their own"
    assert [name.removesuffix(".py") for _, name in lines] == KNOWN[: len(lines)]
    assert lines


def statements_of(database, monkeypatch, run, cut_at=None):
    """How many statements change something; the n-th is not carried out, and nothing after it."""
    whole, done = type(database).execute_sql, []

    def counting(self, sql, params=None):
        if not sql.lstrip().upper().startswith(READS):
            done.append(sql)
            if len(done) == cut_at:
                raise KeyboardInterrupt(sql)
        return whole(self, sql, params)

    with monkeypatch.context() as patched:
        patched.setattr(
            engines.Session if isinstance(database, engines.Session) else type(database), "execute_sql", counting
        )
        try:
            run(database)
        except KeyboardInterrupt:
            assert len(done) == cut_at
    return len(done)


@pytest.mark.slow
def test_a_migration_that_is_cut_off_at_any_statement_is_finished_by_the_next(empty, fresh, monkeypatch, engine):  # noqa: F811
    """MySQL ends a transaction with each change of a table: what was done stays done."""
    count = None
    number = 1
    while count is None or number <= count:
        wipe(empty, engine)
        rows = at(empty, KNOWN[:1])
        before = filling.read(empty, rows)
        done = statements_of(empty, monkeypatch, migrate.migrate, number)
        empty.close()
        count = done if done < number else number + 1
        migrate.migrate(empty)
        assert_kept(empty, rows, before, fresh)
        number += 1
    assert number > len(KNOWN)


def wipe(database, engine):
    if engine == "sqlite":
        database.close()
        for path in Path(database.database).parent.glob(f"{Path(database.database).name}*"):
            path.unlink()
        return
    database.close_all()
    with mariadb.connection() as server, server.cursor() as cursor:
        cursor.execute(f"DROP DATABASE `{database.database}`")
        cursor.execute(f"CREATE DATABASE `{database.database}`")


KILLED = """
import os, signal, sys
from pathlib import Path
from lumi_box import config, runtime
from lumi_box.tables import engines
from peewee import SqliteDatabase

left = int(sys.argv[2])
for kind in (engines.Session, SqliteDatabase):
    def execute(self, sql, params=None, whole=kind.execute_sql):
        global left
        answer = whole(self, sql, params)
        if sql.startswith(("CREATE", "ALTER")):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return answer
    kind.execute_sql = execute
runtime.migrate_database(config.load(Path(sys.argv[1])))
"""


@pytest.fixture
def installation(config, empty, engine):  # noqa: F811
    """A config whose database is empty."""
    text = config.path.read_text()
    if engine == "mariadb":
        config.path.write_text(text.replace(config.database.name, empty.database))
    else:
        config.database.sqlite_path.unlink()
    return config.path


def migrates(path):
    return subprocess.Popen(
        [sys.executable, "-m", "lumi_box", "migrate", "--config", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "LUMI_BOX_CONFIG"},
    )


@pytest.mark.process
@pytest.mark.parametrize("after", [1, 17, 60])
def test_a_migration_that_is_killed_is_resumed_by_the_next_start(installation, after):
    died = subprocess.run([sys.executable, "-c", KILLED, str(installation), str(after)], timeout=120, check=False)
    assert died.returncode == -9
    with migrates(installation) as again:
        out, err = again.communicate(timeout=120)
    assert (again.returncode, err) == (0, "")
    assert out.splitlines()[-1] == f"applied {KNOWN[-1]}"
    with migrates(installation) as again:
        assert again.communicate(timeout=120) == ("the schema is up to date\n", "")


@pytest.mark.process
def test_nodes_that_migrate_at_once_apply_each_migration_once(installation):
    nodes = [migrates(installation) for _ in range(4)]
    told = [node.communicate(timeout=120) for node in nodes]
    assert [err for _, err in told] == [""] * 4
    assert [node.returncode for node in nodes] == [0] * 4
    applied = [line for out, _ in told for line in out.splitlines() if line.startswith("applied ")]
    assert applied == [f"applied {name}" for name in KNOWN]


COMMANDS = [
    ["migrate"],
    ["user", "list"],
    ["user", "create", "a@example.org", "--password-stdin"],
    ["token", "list", "a@example.org"],
    ["jobs", "list"],
    ["jobs", "retry", "--all-dead"],
    ["sweep"],
    ["storage", "mark"],
    ["backup", "create", "{tmp}/backup.tar"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_older_program_refuses_a_newer_schema(box, config, words, tmp_path, capsys):
    assert_refused(config, words, tmp_path, capsys, 1)


def test_an_older_server_does_not_start_on_a_newer_schema(box, config, tmp_path, capsys):
    assert_refused(config, ["serve"], tmp_path, capsys, 3)


def assert_refused(config, words, tmp_path, capsys, status):
    base.database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')")
    before = {name: base.database.execute_sql(f"SELECT count(*) FROM {name}").fetchone() for name in TOUCHED}
    base.close_all()
    assert cli.run([*(word.format(tmp=tmp_path) for word in words), "--config", str(config.path)]) == status
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert "made by a newer lumi-box" in told.err and "9999_future" in told.err
    assert not list(tmp_path.glob("*.tar"))
    base.bind(config.database)
    assert before == {name: base.database.execute_sql(f"SELECT count(*) FROM {name}").fetchone() for name in TOUCHED}


TOUCHED = ("account", "setting", "node_lease", "heartbeat", "job")


def test_the_doctor_tells_of_a_newer_schema(box, config, capsys):
    base.database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')")
    base.close_all()
    assert cli.run(["doctor", "--config", str(config.path)]) == 1
    assert "9999_future" in capsys.readouterr().out

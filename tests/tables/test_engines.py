"""Connections to a server: waited for, lost, given back; and what a statement there may count on."""

import dataclasses
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from peewee import DataError, OperationalError

from lumi_box.accounts import local
from lumi_box.clock import now_ms
from lumi_box.errors import Conflict
from lumi_box.tables import base, engines
from lumi_box.tables.account import LoginFailure, User
from lumi_box.tables.base import CannotConnect
from lumi_box.tables.event import Event
from lumi_box.tables.heartbeat import Heartbeat

pytestmark = pytest.mark.mariadb


def own_connections(scratch):
    """Connections to this test's database, but for the one that asks."""
    sql = "SELECT count(*) FROM information_schema.processlist WHERE db = %s AND id <> connection_id()"
    return scratch.query(sql, scratch.name)[0][0]


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def lose_connection(scratch):
    """As a server that was restarted, or a router that forgot."""
    scratch.query(f"KILL {base.database.connection().thread_id()}")


def test_a_thousand_lost_connections_leak_none(box, scratch):
    base.database.execute_sql("SELECT 1")
    files = open_files()
    for number in range(1000):
        base.database.connection()._sock.shutdown(socket.SHUT_RDWR)
        with pytest.raises(OperationalError):
            base.database.execute_sql("SELECT 1")
        assert base.database.execute_sql("SELECT %s", (number,)).fetchone() == (number,)
    base.release()
    pool = base.database.obj
    assert (len(pool._in_use), len(pool._connections)) == (0, 1)
    assert open_files() <= files + 1
    assert own_connections(scratch) == 1


def test_a_connection_that_was_lost_while_idle_is_replaced_without_a_word(box, scratch):
    for _ in range(50):
        lose_connection(scratch)
        base.release()
        assert base.database.execute_sql("SELECT 1").fetchone() == (1,)


def test_a_connection_lost_in_a_transaction_ends_it_whole(box, scratch):
    with pytest.raises(OperationalError), base.transaction():
        Heartbeat.insert(id="a", role="test").execute()
        lose_connection(scratch)
        with pytest.raises(OperationalError), base.transaction():
            Heartbeat.insert(id="b", role="test").execute()
        Heartbeat.insert(id="c", role="test").execute()  # must not be written by a connection that mended itself
    assert Heartbeat.select().count() == 0
    with base.transaction():
        Heartbeat.insert(id="d", role="test").execute()
    assert Heartbeat.select().count() == 1


def test_a_queue_message_of_a_lost_transaction_is_lost_too(box, queue, scratch):
    with pytest.raises(OperationalError), base.transaction():
        Heartbeat.insert(id="a", role="test").execute()
        lose_connection(scratch)
        queue.wake("job-1")
    assert (Heartbeat.select().count(), queue.huey.pending_count()) == (0, 0)


def test_more_threads_than_connections_take_turns(box, config):
    pool = base.bind(dataclasses.replace(config.database, pool_size=1))
    seen = []

    def work():
        for _ in range(5):
            base.database.execute_sql("SELECT SLEEP(0.005)")
            seen.append(len(pool._in_use))
            base.release()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 60
    assert max(seen) <= 1 + engines.WATCHERS
    base.close_all()


def test_a_thread_that_gets_none_says_what_to_change(box, config, monkeypatch):
    monkeypatch.setattr(engines, "POOL_SECONDS", 0.2)
    monkeypatch.setattr(engines, "WATCHERS", 0)
    base.bind(dataclasses.replace(config.database, pool_size=1))
    base.database.execute_sql("SELECT 1")
    failures = []

    def work():
        with pytest.raises(OperationalError, match=r"database\.pool_size") as caught:
            base.database.execute_sql("SELECT 1")
        failures.append(caught.value)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(failures) == 1
    base.close_all()


def test_a_wrong_password_is_told_at_once_and_not_shown(box, config):
    wrong = dataclasses.replace(config.database, user="nobody", password="tiger-7")
    begun = time.monotonic()
    with pytest.raises(CannotConnect) as caught:
        base.connect(wrong)
    assert time.monotonic() - begun < 2
    assert "nobody@" in str(caught.value) and "Access denied" in str(caught.value)
    assert "tiger-7" not in str(caught.value) and "\n" not in str(caught.value)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_server_that_is_away_is_tried_as_often_as_the_config_says(box, config, caplog):
    away = dataclasses.replace(config.database, port=free_port(), password="tiger-7", connect_attempts=5)
    begun = time.monotonic()
    with pytest.raises(CannotConnect, match="after 5 attempts") as caught:
        base.connect(away)
    assert 0.7 < time.monotonic() - begun < 3  # 50 + 100 + 200 + 400 ms
    assert "tiger-7" not in str(caught.value) + caplog.text


def test_a_server_that_comes_late_is_waited_for(box, config):
    port, connected = free_port(), []
    late = dataclasses.replace(config.database, port=port)
    thread = threading.Thread(target=lambda: connected.append(base.connect(late)))
    thread.start()
    time.sleep(0.3)
    with forwarding(port, config.database.port):
        thread.join(10)
        assert connected
        base.database.execute_sql("SELECT 1")
        base.close_all()


class forwarding:  # noqa: N801  reads as what it does
    """Passes a port on to the server's, as a proxy does, until left."""

    def __init__(self, port, target):
        self._target, self._threads = target, []
        self._listener = socket.create_server(("127.0.0.1", port))

    def __enter__(self):
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._accepting, *self._threads):
            thread.join(5)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for source, sink in ((client, server), (server, client)):
                self._threads.append(threading.Thread(target=self._pass_on, args=(source, sink), daemon=True))
                self._threads[-1].start()

    def _pass_on(self, source, sink):
        with source, suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def test_what_does_not_fit_is_refused_and_not_cut(box):
    with pytest.raises(DataError):
        Heartbeat.insert(id="x" * 37, role="test").execute()
    assert Heartbeat.select().count() == 0


def test_keys_compare_exactly_and_emoji_are_kept(box):
    local.create("ann@example.org", None)
    assert User.get_or_none(User.email == "Ann@example.org") is None
    LoginFailure.insert(subject="a").execute()
    for other in ("A", "a ", "á"):
        assert not LoginFailure.select().where(LoginFailure.subject == other).exists()
    Heartbeat.insert(id="🦊", role="test").execute()
    assert Heartbeat.get_by_id("🦊").id == "🦊"
    with pytest.raises(Conflict):
        local.create("ann@example.org", None)


def test_an_update_that_changes_nothing_has_found_its_row(box):
    Heartbeat.insert(id="a", role="test").execute()
    assert [Heartbeat.update(role="test").where(Heartbeat.id == "a").execute() for _ in range(2)] == [1, 1]


def test_a_search_ignores_case(box):
    LoginFailure.insert(subject="A Red Fox").execute()
    assert LoginFailure.select().where(LoginFailure.subject.contains("red")).exists()


def test_a_snapshot_does_not_see_what_is_committed_meanwhile(box):
    def commit():
        with base.database.connection_context():
            Event.insert(request_id="r", name="n", data="{}").execute()

    with base.snapshot():
        assert Event.select().count() == 0
        thread = threading.Thread(target=commit)
        thread.start()
        thread.join()
        assert Event.select().count() == 0
    assert Event.select().count() == 1
    base.release()
    assert Event.select().count() == 1


def test_a_fork_shares_no_connection(box, scratch):
    base.database.execute_sql("SELECT 1")
    base.close_all()
    assert own_connections(scratch) == 0


def deadlocking(first, second, meet):
    """Takes the two rows in the given order, after the other thread has taken its first."""

    @base.retried
    def change():
        with base.transaction():
            Heartbeat.update(seen_at=now_ms()).where(Heartbeat.id == first).execute()
            meet()
            Heartbeat.update(seen_at=now_ms(), detail=first).where(Heartbeat.id == second).execute()

    return change


def test_the_victim_of_a_deadlock_is_run_again(box, caplog):
    caplog.set_level("INFO")
    Heartbeat.insert_many([{"id": name, "role": "test"} for name in "ab"]).execute()
    both, done = threading.Barrier(2), []

    def meet_once(arrived):
        if not arrived:
            arrived.append(True)
            both.wait(5)

    def run(first, second):
        arrived = []
        with base.database.connection_context():
            deadlocking(first, second, lambda: meet_once(arrived))()
            done.append(first)

    threads = [threading.Thread(target=run, args=order) for order in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["a", "b"]
    assert caplog.text.count("run again") == 1

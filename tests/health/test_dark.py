"""A database that is away is told of all the same, by each process for itself; and so is its return."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from doctor.conftest import beat
from faults.private_mariadb import PrivateMariaDb
from health.conftest import Rounds

from lumi_box import config as configuration
from lumi_box import runtime
from lumi_box.health import rounds
from lumi_box.health.rounds import HealthRounds
from lumi_box.tables import base

# One of apprise's many services, as it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@contextmanager
def away(place):
    """The database's file is not there within the block."""
    base.close_all()
    names = ["", "-wal", "-shm"]
    moved = [(place.with_name(place.name + name), place.with_name("away" + name)) for name in names]
    for file, hidden in moved:
        if file.exists():
            file.rename(hidden)
    place.mkdir()
    yield
    base.close_all()
    place.rmdir()
    for file, hidden in moved:
        if hidden.exists():
            hidden.rename(file)


def test_a_file_that_is_away_is_told_and_its_return_too(told, hook, monkeypatch, caplog):
    made = Rounds(told, monkeypatch)
    made.make()
    with away(told.config.database.sqlite_path):
        made.make("storage")
        assert hook.messages == []
        hook.status = 500
        made.make("storage")
        hook.status = 200
        made.make("storage")
        made.make("storage")
        assert hook.titles == ["lumi-box unhealthy: storage"]
        assert "health changed check=storage status=unhealthy" in caplog.text
    made.make()
    assert hook.titles[1:] == ["lumi-box well again: database"]
    made.make()
    assert len(hook.titles) == 2


@pytest.mark.process
def test_a_server_that_is_killed_is_told_and_its_return_too(config, hook, tmp_path, monkeypatch):
    monkeypatch.setattr(rounds, "GAP_MS", -1)
    with PrivateMariaDb(tmp_path) as server:
        text = config.path.read_text(encoding="utf-8").replace("sqlite:///data/lumi.db", server.url)
        config.path.write_text(f'{text}\n[alerts]\nurls = ["{hook.url}"]\n', encoding="utf-8")
        loaded = configuration.load(config.path)
        runtime.migrate_database(loaded)
        box, _ = runtime.build(loaded)
        made = HealthRounds(box)
        beat()
        made.run()
        assert hook.messages == []
        server.kill()
        made.run()
        made.run()
        (message,) = hook.messages
        assert "database" in message["title"] and "systemctl start mariadb" in message["message"]
        made.run()
        server.start()
        made.run()
        assert hook.titles[1:] == ["lumi-box well again: database"]
        base.close_all()

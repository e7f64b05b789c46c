"""Whatever happens in whatever order: no live file is ever removed, none is leaked, and no row lacks its object.

Writers are real `keep` calls in threads of their own, stopped in the middle of their upload; they go on, die or are
overtaken as the search for a counter-example decides. The clock is ours.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from lumi_box.config.schema import SweepConfig
from lumi_box.errors import LumiError, Unavailable
from lumi_box.storage import ledger, marker
from lumi_box.storage import sweep as sweeping
from lumi_box.storage.disk import DiskStorage
from lumi_box.storage.node_lease import Taken
from lumi_box.tables import base
from lumi_box.tables.stored_object import StoredObject

KEYS = [f"models/m/{name}" for name in ("a.obj", "b.glb", "c.stl")]
HOUR_MS = 3_600_000
GRACE = SweepConfig(grace_hours=24, max_delete_percent=100)
OWNER = ledger.Owner("user", "request")


class Killed(BaseException):
    """The writer's process dies here."""


class Writer:
    """One upload, stopped before or after its bytes are in their place."""

    def __init__(self, machine, key, content):
        self.machine, self.key, self.content = machine, key, content
        self.path = Path(machine.folder, f"source-{content}")
        self.path.write_bytes(content.encode() * 3)
        self.kept = self.fate = None
        self._step, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.ended = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._stopped.acquire()

    def go_on(self, fate="live"):
        self.fate = fate
        self._step.release()
        self._stopped.acquire()

    def pause(self):
        self._stopped.release()
        self._step.acquire()
        if self.fate == "die":
            raise Killed

    def _run(self):
        try:
            self.kept = ledger.keep(_Stopping(self), self.key, self.path, OWNER)
        except (LumiError, Killed):
            pass
        finally:
            base.database.close()
            self.ended = True
            self._stopped.release()


class _Stopping:
    def __init__(self, writer):
        self._writer = writer

    def put(self, key, source):
        self._writer.pause()
        self._writer.machine.storage.put(key, source)
        self._writer.machine.touch(key)
        self._writer.pause()

    def measure(self, key):
        return self._writer.machine.storage.measure(key)


class FlakyDisk(DiskStorage):
    """Confirms nothing while it is down."""

    down = False

    def delete_many(self, keys):
        return dict.fromkeys(keys, "503") if self.down else super().delete_many(keys)

    def pages(self, after=""):
        if self.down:
            raise Unavailable("down")
        yield from super().pages(after)


class Store(RuleBasedStateMachine):
    clock = None

    def __init__(self):
        super().__init__()
        StoredObject.delete().execute()
        self.folder = tempfile.mkdtemp(prefix="lumi-interleave-")
        self.storage = FlakyDisk(Path(self.folder, "objects"))
        self.clock.now = 1_800_000_000_000
        marker.write(self.storage)
        self.writers: list[Writer] = []
        self.referenced: dict[str, str] = {}  # what rows of the product would name, with its digest

    def touch(self, key):
        path = self.storage.root / key
        if path.exists():
            os.utime(path, (self.clock.now / 1000, self.clock.now / 1000))

    @rule(key=st.sampled_from(KEYS), content=st.sampled_from(["x", "yy"]))
    def begin_upload(self, key, content):
        if len(self.writers) < 3:
            self.writers.append(Writer(self, key, content))

    @precondition(lambda self: self.writers)
    @rule(which=st.integers(0, 2), fate=st.sampled_from(["live", "live", "live", "die"]))
    def go_on(self, which, fate):
        writer = self.writers[which % len(self.writers)]
        if not writer.ended:
            writer.go_on(fate)

    @precondition(lambda self: any(writer.ended for writer in self.writers))
    @rule(promotes=st.booleans())
    def end_upload(self, promotes):
        writer = next(each for each in self.writers if each.ended)
        self.writers.remove(writer)
        if not (promotes and writer.kept):
            return  # its process died before the transaction, or another had taken the job
        try:
            with base.transaction():
                ledger.promote([writer.kept])
        except Unavailable:
            return
        self.referenced[writer.key] = writer.kept.sha256

    @precondition(lambda self: self.referenced)
    @rule(which=st.integers(0, 2))
    def delete(self, which):
        key = sorted(self.referenced)[which % len(self.referenced)]
        with base.transaction():
            ledger.doom([key])
        del self.referenced[key]

    @rule()
    def janitor(self):
        ledger.doom_stale()
        ledger.remove_doomed(self.storage)

    @rule()
    def janitor_dies(self):
        """Between its claim and the removal, or between the removal and its note of it."""
        claimed = ledger._claim_doomed()
        self.storage.delete_many(claimed[:1])

    @rule(forced=st.booleans())
    def sweep(self, forced):
        with contextlib.suppress(Unavailable, Taken):
            sweeping.sweep(self.storage, GRACE, forced=forced)

    @rule(minutes=st.sampled_from([1, 61, 24 * 60 + 1]))
    def time_passes(self, minutes):
        self.clock.now += minutes * 60_000

    @rule(down=st.booleans())
    def store_comes_and_goes(self, down):
        self.storage.down = down

    @invariant()
    def no_live_object_is_ever_removed(self):
        for key in self.referenced:
            row = StoredObject.get_by_id(key)
            assert row.state == ledger.STORED, key
            assert self.storage.exists(key), key
            busy = any(writer.key == key and not writer.ended for writer in self.writers)
            assert busy or self.storage.measure(key) == (row.size, row.sha256), key

    @invariant()
    def nothing_is_stored_that_nobody_refers_to(self):
        stored = {row.key for row in StoredObject.select().where(StoredObject.state == ledger.STORED)}
        assert stored == set(self.referenced)

    def teardown(self):
        for writer in self.writers:
            while not writer.ended:
                writer.go_on("die")
            writer._thread.join()
        self.storage.down = False
        for _ in range(3):  # what died is taken up after an hour, what nobody knows after the grace time
            self.clock.now += 25 * HOUR_MS
            self.janitor()
            sweeping.sweep(self.storage, GRACE)
        left = {listed.key for page in self.storage.pages() for listed in page} - {marker.KEY}
        assert left == set(self.referenced)
        assert {row.key for row in StoredObject.select()} == left
        shutil.rmtree(self.folder)


class Clock:
    now = 1_800_000_000_000

    def __call__(self):
        return self.now


@pytest.mark.slow
def test_random_interleavings_of_upload_crash_delete_janitor_and_sweep(box, monkeypatch):
    clock = Clock()
    for module in ("ledger", "sweep", "node_lease"):
        monkeypatch.setattr(f"lumi_box.storage.{module}.now_ms", clock)
    monkeypatch.setattr(Store, "clock", clock)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power is cut here, and it is what would take the time
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    examples = int(os.environ.get("LUMI_BOX_EXAMPLES", "25"))
    run_state_machine_as_test(
        Store,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=checks, database=None
        ),
    )


@pytest.fixture(autouse=True)
def on_sqlite_only(box):
    """The writers' threads share the test's database; one kind of it is enough to search with."""
    if base.database.obj.__class__.__name__.startswith("MySQL"):
        pytest.skip("searched on SQLite")

"""The orphan sweep: exactly what no row knows goes, and only when it is old, and never too much of it."""

import os

import pytest

from lumi_box.clock import now_ms
from lumi_box.config.schema import SweepConfig
from lumi_box.errors import Unavailable
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.jobs import alerts
from lumi_box.storage import ledger, marker, node_lease
from lumi_box.storage import sweep as sweeping
from lumi_box.storage.sweep import Report, sweep
from lumi_box.tables.generation import GeneratedModel, Image
from lumi_box.tables.stored_object import StoredObject
from lumi_box.tables.sweep import NodeLease, StorageSweep, SweepCandidate
from lumi_box.worker import schedule, sweeps

DAY = 86_400
ALL = SweepConfig(grace_hours=24, max_delete_percent=100)
OWNER = ledger.Owner("user", "request")
FILE_COLUMNS = ("obj_key", "mtl_key", "texture_key", "glb_key", "preview_key", "stl_key", "threemf_key")


@pytest.fixture
def finished(box, alice, drain):
    request = accept_prompt(box, alice.id, "a paper crane")
    drain()
    pick_image(box, request, 1)
    drain()
    make_old(box)
    return GeneratedModel.get()


@pytest.fixture
def orphan(box, source):
    def make(key, days=2.0):
        box.storage.put(key, source)
        then = now_ms() / 1000 - days * DAY
        os.utime(box.storage.root / key, (then, then))

    return make


def make_old(box):
    """As if all that there is had been there for days."""
    for path in box.storage.root.rglob("*"):
        os.utime(path, (1, 1))
    StoredObject.update(changed_at=1).execute()


def keys(storage):
    return [listed.key for page in storage.pages() for listed in page]


def figures(row):
    return Report.of(row).as_json()


def test_trap_5_every_kind_of_file_that_a_row_names_survives(box, finished, orphan):
    """The planned sweep compared the store with the image rows only: it would have deleted every model file."""
    orphan("models/gone/model.glb")
    named = {getattr(finished, column) for column in FILE_COLUMNS}
    named |= {key for image in Image.select() for key in (image.object_key, image.thumbnail_key)}
    assert len(named) == 4 * 2 + 7
    row = sweep(box.storage, ALL)
    assert set(keys(box.storage)) == named
    assert figures(row) == {
        "listed": 16,
        "referenced": 15,
        "orphans": 1,
        "deleted": 1,
        "skippedYoung": 0,
        "missing": 0,
        "bytesFreed": 10,
    }


def test_young_orphans_and_uploads_under_way_survive(box, source, orphan):
    orphan("a/old")
    orphan("a/young", days=0.9)
    ledger.keep(box.storage, "a/pending", source, OWNER)
    row = sweep(box.storage, ALL)
    assert keys(box.storage) == ["a/pending", "a/young"]
    found = figures(row)
    assert (found["listed"], found["referenced"], found["orphans"]) == (3, 1, 2)
    assert (found["deleted"], found["skippedYoung"]) == (1, 1)


def test_a_dry_run_removes_nothing_and_tells_the_same(box, orphan):
    for number in range(3):
        orphan(f"a/{number}")
    row = sweep(box.storage, ALL, dry_run=True)
    assert (row.state, row.orphans, row.deleted, row.bytes_freed) == ("done", 3, 0, 0)
    assert len(keys(box.storage)) == 3
    assert SweepCandidate.select().count() == 0


def test_a_mistaken_empty_database_stops_at_the_limit(box, finished):
    StoredObject.delete().execute()
    before = keys(box.storage)
    row = sweep(box.storage, SweepConfig())
    assert (row.state, row.deleted) == ("refused", 0)
    assert "15 of 15 objects" in row.note and "sweep.max_delete_percent = 20" in row.note
    assert keys(box.storage) == before
    assert sweep(box.storage, SweepConfig(), forced=True).deleted == 15


@pytest.mark.parametrize(("orphans", "state"), [(2, "done"), (3, "refused")])
def test_exactly_the_limit_is_allowed(box, source, orphan, orphans, state):
    ledger.promote([ledger.keep(box.storage, f"k/{n}", source, OWNER) for n in range(10 - orphans)])
    for number in range(orphans):
        orphan(f"o/{number}")
    assert sweep(box.storage, SweepConfig(max_delete_percent=20)).state == state


def test_missing_objects_are_counted_and_their_rows_kept(box, finished):
    box.storage.delete_many([finished.glb_key, finished.texture_key])
    row = sweep(box.storage, ALL)
    assert (row.missing, row.listed, row.referenced) == (2, 13, 13)
    assert StoredObject.select().where(StoredObject.state == ledger.STORED).count() == 15


def test_all_objects_missing_is_told_too(box, finished):
    marker.write(box.storage)
    box.storage.delete_many([key for key in keys(box.storage) if key != marker.KEY])
    assert sweep(box.storage, ALL).missing == 15


def test_what_is_stored_while_the_sweep_runs_is_neither_orphan_nor_missing(box, source, monkeypatch):
    pages = box.storage.pages

    def meanwhile(after=""):
        yield from pages(after)
        ledger.promote([ledger.keep(box.storage, "z/new", source, OWNER)])

    box.storage.put("a/one", source)
    monkeypatch.setattr(box.storage, "pages", meanwhile)
    row = sweep(box.storage, ALL)
    assert (row.missing, row.deleted) == (0, 0)


def test_an_orphan_that_gets_a_row_before_its_removal_stays(box, source, orphan, monkeypatch):
    orphan("a/late")
    refusal = sweeping._Sweep._refusal

    def meanwhile(self):
        ledger.promote([ledger.keep(box.storage, "a/late", source, OWNER)])
        return refusal(self)

    monkeypatch.setattr(sweeping._Sweep, "_refusal", meanwhile)
    row = sweep(box.storage, ALL)
    assert (row.orphans, row.deleted, keys(box.storage)) == (1, 0, ["a/late"])
    assert StoredObject.get().state == ledger.STORED


def test_the_marker_is_neither_counted_nor_removed(box, orphan):
    marker.write(box.storage)
    orphan("a/one")
    make_old(box)
    row = sweep(box.storage, ALL)
    assert (row.listed, row.deleted, keys(box.storage)) == (1, 1, [marker.KEY])


def test_what_the_store_does_not_confirm_is_removed_by_the_janitor_later(box, orphan, monkeypatch):
    orphan("a/1")
    orphan("a/2")
    delete_many = box.storage.delete_many
    monkeypatch.setattr(box.storage, "delete_many", lambda some: {"a/1": "503"} | delete_many(["a/2"]))
    row = sweep(box.storage, ALL)
    assert (row.state, row.deleted, row.bytes_freed) == ("done", 1, 10)
    monkeypatch.undo()
    sweeps.clean_storage(box)
    assert keys(box.storage) == []
    assert StoredObject.select().count() == 0


class Breaking:
    """A store whose listing breaks once after so many pages."""

    def __init__(self, box, pages):
        self._storage, self._left = box.storage, pages
        self.listed_from = []

    def __getattr__(self, name):
        return getattr(self._storage, name)

    def pages(self, after=""):
        self.listed_from.append(after)
        for page in self._storage.pages(after):
            if self._left == 0:
                self._left = -1
                raise Unavailable("The store is away.", vendor_text="503")
            self._left -= 1
            yield page


def test_an_interrupted_sweep_is_taken_up_where_it_stood(box, orphan, source, monkeypatch):
    monkeypatch.setattr("lumi_box.storage.disk.PAGE", 10)
    for number in range(35):
        orphan(f"a/{number:02}")
    ledger.promote([ledger.keep(box.storage, f"b/{number}", source, OWNER) for number in range(5)])
    store = Breaking(box, 2)
    with pytest.raises(Unavailable):
        sweep(store, ALL)
    row = StorageSweep.get()
    assert (row.state, row.cursor, row.listed) == ("interrupted", "a/19", 20)
    assert "503" in row.note
    done = sweep(store, ALL)
    assert store.listed_from == ["", "a/19"]
    assert (done.id, done.listed, done.orphans, done.deleted, done.referenced) == (row.id, 40, 35, 35, 5)
    assert len(keys(box.storage)) == 5


def test_a_sweep_that_is_of_another_kind_or_too_old_begins_anew(box, orphan, monkeypatch):
    orphan("a/1")
    with pytest.raises(Unavailable):
        sweep(Breaking(box, 0), ALL)
    assert sweep(box.storage, ALL, dry_run=True).listed == 1
    with pytest.raises(Unavailable):
        sweep(Breaking(box, 0), ALL)
    StorageSweep.update(started_at=1).where(StorageSweep.state == "interrupted").execute()
    assert sweep(box.storage, ALL).deleted == 1
    assert [row.state for row in sweeping.last()] == ["done", "given up", "done", "given up"]


def test_one_node_sweeps_at_a_time(box):
    with node_lease.held("storage-sweep"), pytest.raises(node_lease.Taken):
        sweep(box.storage, ALL)
    assert sweep(box.storage, ALL).state == "done"
    assert NodeLease.select().count() == 0


def test_a_lease_that_ran_out_is_taken_over_and_its_old_holder_stops(box):
    with node_lease.held("storage-sweep") as lost:
        NodeLease.update(until=1).execute()
        with node_lease.held("storage-sweep") as mine:
            mine.renew()
            with pytest.raises(node_lease.Taken):
                lost.renew()


def test_an_order_that_is_not_that_of_the_bytes_is_borne(box, source, orphan, monkeypatch):
    """SeaweedFS lists by folder: a/1 before a-b/1. What comes at another place is asked for, not thought missing."""
    for key in ("a-b/1", "a/1", "b/1"):
        ledger.promote([ledger.keep(box.storage, key, source, OWNER)])
    make_old(box)
    orphan("a-c")
    order = ["a/1", "b/1", "a-b/1", "a-c"]
    by_key = {each.key: each for page in box.storage.pages() for each in page}
    monkeypatch.setattr(box.storage, "pages", lambda after="": iter([[by_key[key]] for key in order]))
    row = sweep(box.storage, ALL)
    assert (row.listed, row.referenced, row.orphans, row.deleted, row.missing) == (4, 3, 1, 1, 0)


def test_keys_that_no_row_of_ours_could_have_are_removed_as_well(box, orphan):
    orphan("x" * 120 + "/" + "y" * 120)
    assert sweep(box.storage, ALL).deleted == 1
    assert keys(box.storage) == []


def test_another_installations_store_is_not_judged(box, orphan):
    marker.write(box.storage)
    (box.storage.root / marker.KEY).write_text('{"installation": "another"}')
    orphan("a/1")
    with pytest.raises(sweeping.WrongStore):
        sweep(box.storage, ALL)
    assert "a/1" in keys(box.storage)


def test_the_history_is_bounded(box, monkeypatch):
    monkeypatch.setattr(sweeping, "HISTORY", 3)
    ids = [sweep(box.storage, ALL).id for _ in range(6)]
    assert [row.id for row in sweeping.last(10)] == ids[:2:-1]


def test_the_scheduled_sweep_tells_the_operator_what_it_did_not_do(box, orphan):
    orphan("a/1")
    sweeps.sweep_storage(box)
    (alert,) = alerts.standing()
    assert (alert.provider, alert.code) == ("storage-sweep", "refused")
    assert "1 of 1 objects" in alert.text
    box.storage.delete_many(["a/1"])
    sweeps.sweep_storage(box)
    assert alerts.standing() == []


def test_the_schedule_runs_it_as_the_config_says(box):
    scheduler = schedule.build(box, lambda _: None)
    scheduler.start(paused=True)
    job = scheduler.get_job("sweep_storage")
    assert (job.next_run_time.hour, job.next_run_time.minute) == (3, 0)
    scheduler.shutdown()


def test_a_bucket_is_swept_like_a_folder(box, s3, source, seaweed, s3_config):
    ledger.promote([ledger.keep(s3, f"images/r/{number}.png", source, OWNER) for number in range(6)])
    for number in range(2):
        s3.put(f"images/lost/{number}.png", source)
    StoredObject.update(changed_at=1).execute()
    s3.delete_many(["images/r/5.png"])
    assert sweep(s3, ALL).skipped_young == 2
    row = sweep(s3, SweepConfig(grace_hours=0, max_delete_percent=50))
    found = figures(row)
    assert (found["listed"], found["referenced"], found["deleted"], found["missing"]) == (7, 5, 2, 1)
    assert len(keys(s3)) == 5


def test_listed_is_referenced_plus_orphans(box, finished, orphan):
    orphan("a/1")
    orphan("a/2", days=0)
    found = figures(sweep(box.storage, ALL))
    assert found["listed"] == found["referenced"] + found["orphans"]

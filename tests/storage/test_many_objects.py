"""A sweep of very many objects, in a process of its own whose memory is measured.

A million with LUMI_TEST_OBJECTS=1000000 in the environment, which takes a minute; a quarter of them without.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lumi_box

pytestmark = pytest.mark.process  # seconds each: not for the quick part

OBJECTS = int(os.environ.get("LUMI_TEST_OBJECTS", "250000"))  # a multiple of 25,000
CODE = """
import json, re, sys, time
from pathlib import Path
from lumi_box import config, runtime
from lumi_box.config.schema import SweepConfig
from lumi_box.storage.base import Listed
from lumi_box.storage.sweep import Report, sweep
from lumi_box.tables.base import database, transaction

OBJECTS = int(sys.argv[2])
runtime.migrate_database(config.load(Path(sys.argv[1])))


def key(number):
    return f"images/{number // 8:08}-0000-7000-8000-000000000000/{number % 8}.png"


def orphan(number):
    return number % 10 == 3


def young(number):
    return number % 1000 == 3


def absent(number):
    return number % 25_000 == 7


columns = "key, state, user_id, request_id, media_type, size, sha256, created_at, changed_at"
with transaction():
    database.connection().executemany(  # not by peewee, which takes longer to write a million rows than to keep them
        f"INSERT INTO stored_object ({columns}) VALUES (?, 'stored', 'u', 'r', 'image/png', 7, '', 1, 1)",
        ((key(n),) for n in range(OBJECTS) if not orphan(n)),
    )


class Store:
    removed = []

    def open(self, key, first=0, last=None):
        from lumi_box.errors import NotFound
        raise NotFound("")

    def exists(self, key):
        return not absent(int(key[7:15]) * 8 + int(key[-5]))

    def pages(self, after=""):
        now = int(time.time() * 1000)
        for start in range(0, OBJECTS, 1000):
            yield [Listed(key(n), 7, now if young(n) else 1) for n in range(start, start + 1000) if not absent(n)]

    def delete_many(self, keys):
        for each in keys:
            number = int(each[7:15]) * 8 + int(each[-5])
            assert orphan(number) and not young(number), each
        self.removed.append(len(keys))
        return {}

    def drop_unfinished(self, before_ms):
        return 0


began = time.monotonic()
found = sweep(Store(), SweepConfig(grace_hours=24, max_delete_percent=20))
report = Report.of(found).as_json()
# Not getrusage(): its maximum is that of the parent, too, from before this program was loaded.
peak = int(re.search("VmHWM:.*?([0-9]+) kB", Path("/proc/self/status").read_text())[1])
seconds = round(time.monotonic() - began, 1)
print(json.dumps({"report": report, "peak_mb": peak / 1024, "seconds": seconds, "removed": sum(Store.removed)}))
"""


def test_a_sweep_of_very_many_objects_holds_its_memory_and_names_exactly_the_orphans(config, record_property):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(config.path), str(OBJECTS)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(lumi_box.__file__).parent.parent,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    record_property("sweep", json.dumps(told))
    absent, orphans, young = OBJECTS // 25_000, OBJECTS // 10, OBJECTS // 1000
    assert told["report"] == {
        "listed": OBJECTS - absent,
        "referenced": OBJECTS - orphans - absent,
        "orphans": orphans,
        "deleted": orphans - young,
        "skippedYoung": young,
        "missing": absent,
        "bytesFreed": 7 * (orphans - young),
    }
    assert told["removed"] == orphans - young
    assert told["peak_mb"] < 150

"""A store of many objects costs time, not memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

OBJECTS = 20_000
MOST_MEGABYTES = 12  # 20,000 keys with their checksums alone would be about that, in one list
SCRIPT = """
import hashlib, resource, sys
from pathlib import Path

from conftest import write_config
from lumi_box import config, runtime
from lumi_box.backup.create import create
from lumi_box.backup.restore import restore
from lumi_box.backup.verify import verify
from lumi_box.storage import marker
from lumi_box.tables import base
from lumi_box.tables.stored_object import StoredObject

folder, count = Path(sys.argv[1]), int(sys.argv[2])
loaded = config.load(write_config(folder))
runtime.migrate_database(loaded)
box, _ = runtime.build(loaded)
marker.write(box.storage)
for first in range(0, count, 500):
    (box.storage.root / f"images/{first:06}").mkdir(parents=True)
    rows = []
    for number in range(first, first + 500):
        key, content = f"images/{first:06}/{number:06}.png", b"%d" % number
        (box.storage.root / key).write_bytes(content)
        row = {"key": key, "state": "stored", "user_id": "u", "request_id": "r", "media_type": "image/png"}
        rows.append(row | {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    with base.transaction():
        StoredObject.insert_many(rows).execute()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert create(loaded, folder / "backup.tar").objects == count
assert verify(folder / "backup.tar").manifest.objects.count == count
base.close_all()
restore(folder / "backup.tar", folder / "other" / "config.toml")
assert sum(1 for path in (folder / "other").rglob("*.png")) == count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before >> 10)
"""


def test_memory_does_not_grow_with_the_number_of_objects(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    line = [sys.executable, "-c", SCRIPT, str(tmp_path), str(OBJECTS)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MOST_MEGABYTES

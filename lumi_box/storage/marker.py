"""A small object in the store that names the installation: an unmounted disk or another's bucket does not have it.

Without it, such a store would look like one that has lost every file, and the database like one that knows none.
"""

from __future__ import annotations

import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lumi_box.errors import NotFound
from lumi_box.storage.base import Storage
from lumi_box.storage.ledger import STORED
from lumi_box.tables.base import new_id
from lumi_box.tables.setting import Setting
from lumi_box.tables.stored_object import StoredObject

KEY = ".lumi-box"
INSTALLATION, MARKED = "installation", "storage_marked"
SAMPLE = 20
LONGEST = 4096

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """`ours`: the marker is there. `fits`: it is not, and nothing speaks against writing it."""

    ours: bool
    fits: bool
    text: str


def examine(storage: Storage) -> Found:
    """Whether this is the store of this database."""
    written = read(storage)
    if written is not None:
        if written == installation():
            return Found(True, True, "The store is marked as this installation's.")
        return Found(False, False, f"The store belongs to another installation: {written!r}.")
    newest = StoredObject.select(StoredObject.key).where(StoredObject.state == STORED)
    sample = [row.key for row in newest.order_by(StoredObject.changed_at.desc()).limit(SAMPLE)]
    if not sample and _setting(MARKED) is not None:
        return Found(False, False, "The store has lost its marker: it may be another one, or a disk not mounted.")
    missing = [key for key in sample if not storage.exists(key)]
    if 2 * len(missing) > len(sample):  # some may have been lost in a store that is the right one
        text = f"The store has no marker, and lacks {len(missing)} of the {len(sample)} newest files."
        return Found(False, False, f"{text} It may be another one, or a disk that is not mounted.")
    return Found(False, True, "The store is not marked yet; the next start does so.")


def settle(storage: Storage, *, development: bool) -> Found:
    """At a start: examine, and mark the store where nothing speaks against it.

    In development also wherever no file would be lost by it: there databases are thrown away and made anew.
    """
    found = examine(storage)
    if found.ours:
        return found
    empty = not StoredObject.select(StoredObject.key).limit(1).exists()
    if not found.fits and not (development and empty):
        return found
    if not found.fits:
        logger.warning("store marked anew: %s", found.text)
    write(storage)
    return Found(True, True, "The store is marked as this installation's now.")


def write(storage: Storage) -> None:
    """Mark the store as this installation's, whatever it was before."""
    Setting.insert(name=INSTALLATION, value=new_id()).on_conflict_ignore().execute()
    put(storage, installation())
    Setting.insert(name=MARKED, value="yes").on_conflict_ignore().execute()


def put(storage: Storage, name: str | None) -> None:
    """The marker alone, without a word in the database."""
    with tempfile.TemporaryDirectory(prefix="lumi-marker-") as folder:
        path = Path(folder, "marker")
        path.write_text(text(name), encoding="utf-8")
        storage.put(KEY, path)


def text(name: str | None) -> str:
    """What the marker of an installation says."""
    return json.dumps({"installation": name}) + "\n"


def installation() -> str | None:
    """The id of this installation, once it has marked a store."""
    return _setting(INSTALLATION)


def read(storage: Storage) -> str | None:
    """The installation that the marker names; None without a marker, "" when it cannot be read as one."""
    try:
        with storage.open(KEY) as stream:
            data = json.loads(stream.read(LONGEST))
    except NotFound:
        return None
    except ValueError:
        return ""
    return str(data.get("installation", "")) if isinstance(data, dict) else ""


def _setting(name: str) -> str | None:
    row = Setting.get_or_none(Setting.name == name)
    return None if row is None else str(row.value)

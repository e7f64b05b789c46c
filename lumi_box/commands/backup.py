"""`backup`: a copy of the whole installation in one file, while it runs; and back again."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lumi_box import config
from lumi_box.clock import iso
from lumi_box.commands.opening import OK, complain, load
from lumi_box.config import Config
from lumi_box.errors import LumiError

NAMED = 5  # of what is lost; the file names them all
TELL_SECONDS = 0.5
TERMINATED = 143


def create(arguments: argparse.Namespace) -> int:
    from lumi_box.backup.create import create

    loaded = load(arguments)
    _connect(loaded)
    with _stoppable():
        made = create(loaded, Path(arguments.file), _Progress())
    _tell_lost(made.lost)
    objects = f"{made.objects} objects" if loaded.storage.kind == "disk" else "no objects (they stay in the bucket)"
    print(f"wrote {made.path}: {made.rows} rows, {objects}, {made.bytes} bytes")
    return OK


def verify(arguments: argparse.Namespace) -> int:
    from lumi_box.backup.verify import verify

    with _stoppable(), _readable(arguments.file):
        found = verify(Path(arguments.file), _Progress())
    _tell_lost(found.lost)
    manifest = found.manifest
    objects = f"{manifest.objects.count - len(found.lost)} objects" if manifest.objects else "no objects"
    made = f"made at {iso(manifest.created_at)} by lumi-box {manifest.version} from {manifest.engine}"
    print(f"{arguments.file} is sound: {found.rows} rows, {objects}, {made}")
    return OK


def restore(arguments: argparse.Namespace) -> int:
    from lumi_box.backup.restore import restore

    with _stoppable(), _readable(arguments.file):
        done = restore(Path(arguments.file), config.find(arguments.config), force=arguments.force, tell=_Progress())
    _tell_lost(done.lost)
    if done.store_fault:
        complain(f"warning: the backup holds no objects, and the store does not fit its rows: {done.store_fault}")
    if done.wrote_config:
        print(f"wrote {done.config.path}")
    for place in done.aside:
        print(f"put aside what was there: {place}")
    print(f"restored {arguments.file}, made at {iso(done.manifest.created_at)}; now run: lumi-box serve")
    return OK


def add_parsers(add: Callable, group: object) -> None:
    for name, command, text in (
        ("create", create, "copy config, rows and, from a disk, objects into one file, while the server runs"),
        ("verify", verify, "read a backup as a restore would, and compare every checksum and count"),
        ("restore", restore, "fill the database and the store that the config names"),
    ):
        parser = add(group, name, command, text)
        parser.add_argument("file", metavar="FILE")
        if name == "restore":
            parser.add_argument("--force", action="store_true", help="put aside what is there already")


def _connect(loaded: Config) -> None:
    """A backup never migrates: the server that runs may be older than this program."""
    from lumi_box.tables import base

    if loaded.database.sqlite_path is not None:
        base.bind(loaded.database)
    else:
        base.connect(loaded.database)


def _tell_lost(lost: list[str]) -> None:
    for line in lost[:NAMED]:
        complain(f"warning: {line.replace(' ', ': ', 1)} (in the store, when the backup was made)")
    if len(lost) > NAMED:
        complain(f"warning: {len(lost) - NAMED} others; lost.txt in the backup names them all")


@contextmanager
def _readable(file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LumiError(f"{error.filename or file}: {error.strerror or error}") from error


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: what is in the making is cleared away."""

    def stop(*_: object) -> None:
        sys.exit(TERMINATED)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Progress:
    """One line that changes, on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self._shown = 0.0

    def __call__(self, done: int, count: int) -> None:
        if not sys.stderr.isatty() or (time.monotonic() - self._shown < TELL_SECONDS and done < count):
            return
        self._shown = time.monotonic()
        print(f"\r{done} of {count} objects", end="\n" if done == count else "", file=sys.stderr, flush=True)

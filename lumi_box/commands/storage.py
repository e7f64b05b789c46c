"""The commands that look after the store: sweep, and moving from one store to another."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lumi_box import config
from lumi_box.commands.opening import FAILED, OK, complain, with_box
from lumi_box.errors import LumiError, UpstreamError

if TYPE_CHECKING:
    from lumi_box.box import Box
    from lumi_box.storage.copying import Copied

TELL_SECONDS = 0.2
BAR = 30


def sweep(box: Box, arguments: argparse.Namespace) -> int:
    """One sweep, after the janitor has removed what was marked already."""
    from lumi_box.storage import ledger
    from lumi_box.storage import sweep as sweeping

    if not arguments.dry_run:
        ledger.doom_stale()
        while ledger.remove_doomed(box.storage):
            pass
    try:
        row = sweeping.sweep(box.storage, box.config.sweep, dry_run=arguments.dry_run, forced=arguments.force)
    except UpstreamError as error:
        raise told(error) from error
    report = sweeping.Report.of(row).as_json()
    if arguments.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:12} {value}")
    if row.state == sweeping.REFUSED:
        complain(f"{row.note}")
        return FAILED
    return OK


def copy(box: Box, arguments: argparse.Namespace) -> int:
    """Every stored object into the store of another config; said to be done only when each has been compared."""
    from lumi_box.storage.base import open_storage
    from lumi_box.storage.copying import copy_all

    target = config.load(Path(arguments.to))
    try:
        progress = copy_all(box.storage, open_storage(target), _Progress())
    except UpstreamError as error:
        raise told(error) from error
    print(
        f"copied {progress.copied} of {progress.objects} objects, {progress.bytes_copied} bytes; the others were there"
    )
    for key in progress.damaged:
        complain(f"{key} is missing or damaged, and was not copied")
    return FAILED if progress.damaged else OK


def mark(box: Box, _: argparse.Namespace) -> int:
    """The operator's word that this store is the one of this database."""
    from lumi_box.storage import marker

    try:
        marker.write(box.storage)
    except UpstreamError as error:
        raise told(error) from error
    print("the store is marked as this installation's")
    return OK


def told(error: UpstreamError) -> LumiError:
    """The one line that an operator needs: what failed, in the store's words, and what to do."""
    from lumi_box.storage.hints import hint

    return LumiError(f"{error} {error.vendor_text} {hint(error.code)}".replace("  ", " "))


def add_parsers(add: Callable, commands: object, group: object) -> None:
    command = add(commands, "sweep", with_box(sweep), "remove from the store what nothing refers to")
    command.add_argument("--dry-run", action="store_true", help="only count, remove nothing")
    command.add_argument("--force", action="store_true", help="even more than sweep.max_delete_percent of all objects")
    command.add_argument("--json", action="store_true", help="print one JSON document")
    command = add(group, "copy", with_box(copy), "copy all files into the store of another config, and compare them")
    command.add_argument("--to", metavar="CONFIG", required=True, help="the config file that names the other store")
    add(group, "mark", with_box(mark), "declare that the configured store belongs to this database")


class _Progress:
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self) -> None:
        self._shown = 0.0

    def __call__(self, progress: Copied) -> None:
        done = progress.done == progress.objects
        if not sys.stderr.isatty() or (time.monotonic() - self._shown < TELL_SECONDS and not done):
            return
        self._shown = time.monotonic()
        full = BAR * progress.done // max(1, progress.objects)
        bar = (
            f"[{'#' * full}{'.' * (BAR - full)}] {progress.done}/{progress.objects}  {progress.bytes_copied >> 20} MiB"
        )
        print(f"\r{bar}", end="\n" if done else "", file=sys.stderr, flush=True)

"""Counts what providers are asked for, in whichever process, and writes it to the database once a second.

Not with each call: SQLite has one writer, and a poll is worth no transaction. A process that is killed takes what it
counted in its last second with it.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from peewee import PeeweeException

from lumi_box.errors import AnswerLost, Busy, Refused, Unavailable
from lumi_box.metrics import families, tally
from lumi_box.tables.base import database, retried, transaction

OPERATIONS = ("submit", "poll", "fetch", "cancel", "write", "check")  # of the seam in providers/base.py
COSTLY = ("submit", "write")  # what a vendor may charge for
OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (Busy, "busy"),
    (AnswerLost, "lost"),
    (Unavailable, "unavailable"),
    (Refused, "refused"),
)
WRITE_SECONDS, AGAIN_SECONDS = 1.0, 5.0

_Provider = TypeVar("_Provider")
_Key = tuple[tuple[str, ...], str]

logger = logging.getLogger(__name__)

_guard = threading.Lock()
_unwritten: dict[_Key, list[int]] = {}  # how many, and their microseconds


def counted(provider: _Provider) -> _Provider:
    """The same provider, each of whose operations counts itself from now on."""
    for operation in OPERATIONS:
        if hasattr(provider, operation):
            setattr(provider, operation, _counting(provider, operation))
    return provider


def _counting(provider: Any, operation: str) -> Callable[..., Any]:
    original = getattr(type(provider), operation)

    @functools.wraps(original)
    def call(*args: Any, **named: Any) -> Any:
        started, outcome = time.monotonic(), "error"
        try:
            answer = original(provider, *args, **named)
            outcome = "ok"
            return answer
        except Exception as error:
            outcome = next((name for kind, name in OUTCOMES if isinstance(error, kind)), outcome)
            raise
        finally:
            _tell(provider.name, operation, outcome, time.monotonic() - started)

    return call


def _tell(provider: str, operation: str, outcome: str, seconds: float) -> None:
    note(provider, operation, outcome, seconds)
    level = logging.INFO if operation in COSTLY else logging.DEBUG
    told = (provider, operation, outcome, seconds * 1000)
    logger.log(level, "asked provider=%s operation=%s outcome=%s ms=%.0f", *told)


def note(provider: str, operation: str, outcome: str, seconds: float) -> None:
    key = ((provider, operation, outcome), families.bucket(families.PROVIDER_SECONDS, seconds))
    _add({key: [1, round(seconds * 1_000_000)]})


def write() -> None:
    """What has been counted since the last time, in one transaction; kept where that fails."""
    with _guard:
        taken = dict(_unwritten)
        _unwritten.clear()
    try:
        if taken:
            _write(taken)
    except BaseException:
        _add(taken)
        raise


@contextmanager
def written() -> Iterator[None]:
    """While the block runs, and once more when it ends."""
    stop = threading.Event()
    thread = threading.Thread(target=_write_until, args=(stop,), name="provider-counters", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _write_until(stop: threading.Event) -> None:
    pause, ending = WRITE_SECONDS, False
    while not ending:
        ending = stop.wait(pause)
        if not _unwritten:
            continue
        try:
            with database.connection_context():
                write()
            pause = WRITE_SECONDS
        except PeeweeException as error:  # the database is away: what was counted waits
            logger.warning("counters not written; trying again error=%s", error)
            pause = AGAIN_SECONDS


@retried
def _write(taken: dict[_Key, list[int]]) -> None:
    with transaction():
        for (labels, bucket), (count, amount) in sorted(taken.items()):  # in one order on every node
            tally.add(tally.PROVIDER, labels, bucket=bucket, count=count, amount=amount)


def _add(more: dict[_Key, list[int]]) -> None:
    with _guard:
        for key, (count, amount) in more.items():
            have = _unwritten.setdefault(key, [0, 0])
            have[0] += count
            have[1] += amount

"""This machine's clock, against those of the other nodes, the database server, and somebody outside.

Signed addresses, leases and the vendors' signatures need a clock that is right, and that all nodes share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from peewee import PeeweeException

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.config import Config
from lumi_box.doctor.finding import Sick
from lumi_box.doctor.hints import KEEP_TIME
from lumi_box.errors import UpstreamError
from lumi_box.providers.http import Client
from lumi_box.tables import base
from lumi_box.tables.heartbeat import Heartbeat

FIRST_YEAR = 2026
NODE_SECONDS = 20.0  # leases last ten seconds
SERVER_SECONDS = 20.0
OUTSIDE_SECONDS = 60.0  # Tencent's signatures allow 300, S3's 900
ASK_SECONDS = 2.0


def check_clock(box: Box) -> str:
    if datetime.fromtimestamp(now_ms() / 1000, UTC).year < FIRST_YEAR:
        raise Sick(f"The clock is set before {FIRST_YEAR}.", KEEP_TIME)
    told = []
    for whose, most, ahead in _comparisons(box.config):
        if abs(ahead) > most:
            raise Sick(f"The clock here is {abs(ahead):.0f} seconds {_side(ahead)} {whose}.", KEEP_TIME)
        told.append(f"{max(0.0, abs(ahead) - 1.0):.0f} s from {whose}")  # a Date header tells whole seconds
    return f"The clock is right: {', '.join(told)}." if told else "The clock is plausible; no other could be asked."


def _comparisons(config: Config) -> Iterator[tuple[str, float, float]]:
    """Whose clock, how far the two may be apart, and by how many seconds ours is ahead."""
    with suppress(PeeweeException):  # the database check says what is wrong with it
        newest = Heartbeat.select(Heartbeat.seen_at).where(Heartbeat.role != "doctor")
        seen = newest.order_by(Heartbeat.seen_at.desc()).limit(1).scalar()
        if seen is not None and seen > now_ms():
            yield "a worker's", NODE_SECONDS, (now_ms() - seen) / 1000
        if base.on_server():
            (theirs,) = base.database.execute_sql("SELECT UNIX_TIMESTAMP(NOW(3))").fetchone()
            yield "the database server's", SERVER_SECONDS, now_ms() / 1000 - float(theirs)
        base.release()
    for url in _outside(config):
        ahead = _ahead_of(url)
        if ahead is not None:
            yield f"that of {url}", OUTSIDE_SECONDS, ahead
            return


def _outside(config: Config) -> Iterator[str]:
    """Hosts that answer anyway, and tell the time with whatever they answer."""
    providers = config.providers
    if config.storage.kind == "s3" and config.storage.s3.endpoint:
        yield config.storage.s3.endpoint
    for name in dict.fromkeys((providers.model3d, providers.image, providers.prompt)):
        if (section := getattr(providers, name, None)) is not None:
            yield section.endpoint


def _ahead_of(url: str) -> float | None:
    """By the Date of an answer without a body, to nobody in particular: it takes no key and costs nothing."""
    client = Client(url, timeout_seconds=ASK_SECONDS, headers={}, vendor="clock", name="clock")
    with closing(client):
        try:
            answer = client.call("HEAD", "")
            theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
        except (UpstreamError, ValueError):  # not there, or no time in its answer
            return None
    return now_ms() / 1000 - theirs.timestamp()


def _side(ahead: float) -> str:
    return "ahead of" if ahead > 0 else "behind"

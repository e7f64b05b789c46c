"""The only place that asks for the time. Rows hold milliseconds since 1970 in UTC; the outside sees ISO 8601."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def iso(milliseconds: int | None) -> str | None:
    """`2026-11-21T08:30:00.123Z`, or None for what has not happened."""
    if milliseconds is None:
        return None
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

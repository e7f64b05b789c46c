"""Pure: when a delivery that failed is tried again."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MINUTE, HOUR = 60.0, 3600.0
DELAYS = (10.0, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 15 * HOUR)  # eight attempts in about a day
MAX_ATTEMPTS = len(DELAYS) + 1
LONGEST = 24 * HOUR  # that a receiver may ask us to wait


def delay_seconds(attempts: int, retry_after: float | None) -> float | None:
    """How long to wait after so many attempts, never shorter than the receiver asked; None when there is no other.

    The jitter spreads what failed together, such as all that a receiver missed while it was away.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    delay = DELAYS[attempts - 1] * random.uniform(0.8, 1.2)  # noqa: S311  spread, not secrecy
    return max(delay, min(retry_after or 0.0, LONGEST))


def asked_seconds(retry_after: str, now: float) -> float | None:
    """What a `Retry-After` header says (RFC 9110, 10.2.3): seconds or a date; None for what is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal() and len(text) <= 10:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000"
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())

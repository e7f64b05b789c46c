"""Pure: (attempt, error) -> delay, or None for a dead letter."""

from __future__ import annotations

import random

from lumi_box.errors import Refused, Unavailable

MAX_DELAY_SECONDS = 300.0
BUSY_FIRST_SECONDS, BUSY_LAST_SECONDS = 1.0, 15.0


def unforeseen(error: BaseException) -> bool:
    """Neither Unavailable nor Refused: it is more often a bug than bad luck."""
    return not isinstance(error, Unavailable | Refused)


def delay_seconds(
    error: BaseException, attempt: int, max_attempts: int, backoff_seconds: float, *, crashed_before: bool = False
) -> float | None:
    """How long to wait before attempt `attempt + 1`; None when there is to be none.

    Exponential back-off with full jitter on its upper half, never sooner than the vendor asked. What nobody foresaw
    gets one more chance, and no third: `crashed_before` says whether an earlier attempt of the job ended so, too.
    """
    if isinstance(error, Refused) or attempt >= max_attempts:
        return None
    if unforeseen(error) and crashed_before:
        return None
    backoff = min(backoff_seconds * 2 ** (attempt - 1), MAX_DELAY_SECONDS)
    asked = getattr(error, "retry_after", None) or 0.0
    return float(max(backoff * random.uniform(0.5, 1.0), asked))  # noqa: S311  spread, not secrecy


def busy_seconds(waited_seconds: float, retry_after: float | None) -> float:
    """How long to leave a busy vendor alone: as it asked, else longer the longer it has been busy, with jitter."""
    if retry_after is not None:
        return retry_after
    return min(max(BUSY_FIRST_SECONDS, waited_seconds / 2), BUSY_LAST_SECONDS) * random.uniform(0.75, 1.25)  # noqa: S311

"""(attempt, error) -> delay, or None for a dead letter."""

import pytest

from lumi_box.errors import Refused, Unavailable
from lumi_box.jobs.retry import MAX_DELAY_SECONDS, delay_seconds


@pytest.mark.parametrize("attempt", range(1, 12))
def test_back_off_doubles_within_its_jitter_and_is_capped(attempt):
    whole = min(2.0 * 2 ** (attempt - 1), MAX_DELAY_SECONDS)
    for _ in range(50):
        delay = delay_seconds(Unavailable("busy"), attempt, 20, 2.0)
        assert whole / 2 <= delay <= whole


def test_the_vendor_is_not_asked_sooner_than_it_wished():
    assert delay_seconds(Unavailable("busy", retry_after=45), 1, 3, 2.0) == 45


@pytest.mark.parametrize(
    ("error", "attempt", "again"),
    [
        (Unavailable("down"), 2, True),
        (Unavailable("down"), 3, False),
        (Refused("bad key"), 1, False),
        (ZeroDivisionError(), 1, True),
        (ZeroDivisionError(), 2, True),
        (ZeroDivisionError(), 3, False),
    ],
)
def test_who_gets_another_attempt(error, attempt, again):
    assert (delay_seconds(error, attempt, 3, 2.0) is not None) is again


def test_nobody_is_surprised_twice():
    assert delay_seconds(ZeroDivisionError(), 2, 9, 2.0, crashed_before=True) is None
    assert delay_seconds(Unavailable("down"), 2, 9, 2.0, crashed_before=True) is not None

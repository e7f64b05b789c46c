"""When what failed is tried again."""

import pytest

from lumi_box.webhooks.retry import DELAYS, LONGEST, MAX_ATTEMPTS, asked_seconds, delay_seconds

NOW = 1_795_000_000.0  # Wed, 18 Nov 2026 11:06:40 GMT


def test_eight_attempts_in_about_a_day_each_farther_from_the_last():
    assert MAX_ATTEMPTS == 8
    assert 20 * 3600 < sum(DELAYS) < 28 * 3600
    for attempts, delay in enumerate(DELAYS, 1):
        drawn = {delay_seconds(attempts, None) for _ in range(50)}
        assert len(drawn) > 10
        assert 0.8 * delay <= min(drawn) <= max(drawn) <= 1.2 * delay
    assert delay_seconds(8, None) is None
    assert delay_seconds(8, 5) is None


def test_a_receiver_may_ask_for_longer_and_not_for_shorter():
    assert delay_seconds(1, 3600) == 3600
    assert delay_seconds(5, 1) > 3600
    assert delay_seconds(1, 10**9) == LONGEST


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Wed, 18 Nov 2026 11:07:40 GMT", 60),
        ("Wed, 18 Nov 2026 11:07:40 -0000", 60),
        ("Wed, 18 Nov 2026 12:07:40 +0100", 60),
        ("Wed, 18 Nov 2020 11:07:40 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 400, None),
        ("Wed, 99 Nov 2026 11:07:40 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nothing_else(header, seconds):
    assert asked_seconds(header, NOW) == seconds

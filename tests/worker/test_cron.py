"""The schedule of the config means what cron(8) says, although the scheduler counts its weekdays from Monday."""

from datetime import UTC, datetime, timedelta

import pytest

from lumi_box.worker.cron import trigger

SATURDAY = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


def firings(expression, count, begin=SATURDAY):
    cron, found, now = trigger(expression), [], begin
    for _ in range(count):
        now = cron.get_next_fire_time(None, now)
        found.append(now)
        now += timedelta(seconds=1)
    return found


def days(expression, count):
    return [each.strftime("%a") for each in firings(expression, count)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 3 * * 0", ["Sun", "Sun"]),
        ("0 3 * * sun", ["Sun", "Sun"]),
        ("0 3 * * 1", ["Mon", "Mon"]),
        ("0 3 * * 6", ["Sat", "Sat"]),
        ("0 3 * * 1-5", ["Mon", "Tue", "Wed", "Thu", "Fri", "Mon"]),
        ("0 3 * * mon-fri", ["Mon", "Tue", "Wed", "Thu", "Fri", "Mon"]),
        ("0 3 * * fri-sun", ["Sun", "Fri", "Sat", "Sun"]),
        ("0 3 * * 0,3", ["Sun", "Wed", "Sun"]),
        ("0 3 * * */2", ["Sun", "Tue", "Thu", "Sat", "Sun"]),
        ("0 3 * * 1-5/2", ["Mon", "Wed", "Fri", "Mon"]),
        ("0 3 * * SAT,Sun", ["Sun", "Sat"]),
        ("0 3 * * *", ["Sun", "Mon", "Tue"]),
    ],
)
def test_weekdays(expression, expected):
    assert days(expression, len(expected)) == expected


def test_a_day_of_the_month_or_of_the_week_will_do_when_both_are_named():
    assert [each.day for each in firings("0 3 1 * 1", 3)] == [23, 30, 1]  # two Mondays, then the first of December


@pytest.mark.parametrize(
    ("expression", "first", "then"),
    [
        ("0 3 * * *", "2026-11-22T03:00", "2026-11-23T03:00"),
        ("*/5 * * * *", "2026-11-21T12:30", "2026-11-21T12:35"),
        ("15 0 1 jan *", "2027-01-01T00:15", "2028-01-01T00:15"),
    ],
)
def test_times_are_utc(expression, first, then):
    assert [each.strftime("%Y-%m-%dT%H:%M") for each in firings(expression, 2)] == [first, then]

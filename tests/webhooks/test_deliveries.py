"""How a delivery goes from due to delivered or given up, and what becomes of its webhook."""

import threading

import pytest
from webhooks.conftest import delivery_of, in_seconds, later, webhook_of

from lumi_box.accounts import local
from lumi_box.clock import now_ms
from lumi_box.tables import base
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.webhooks import deliveries, outbox, register
from lumi_box.webhooks.deliveries import DAY_MS, LEASE_MS, Outcome
from lumi_box.webhooks.retry import MAX_ATTEMPTS

GOOD = Outcome(12, 204, "")
BAD = Outcome(30, 500, "oops", "It did not answer with a status from 200 to 299.")
AWAY = Outcome(10_000, error="There was no answer within 10 seconds.")


@pytest.fixture
def row(hook):
    return delivery_of(hook)


def now(row):
    return WebhookDelivery.get_by_id(row.id)


def attempted(row, outcome):
    claimed = deliveries.claim(now(row))
    assert claimed is not None
    deliveries.record(claimed, outcome)
    return now(row)


def test_what_is_due_comes_by_its_time_and_not_of_those_who_have_enough(hook, bob, alice):
    theirs = webhook_of(bob)
    moment = now_ms()
    rows = [delivery_of(which, due_at=moment - age) for which, age in ((hook, 10), (theirs, 30), (hook, 20))]
    delivery_of(hook, due_at=moment + 60_000)
    delivery_of(hook, status="DELIVERED", due_at=None)
    assert [row.id for row in deliveries.due(9, [])] == [rows[1].id, rows[2].id, rows[0].id]
    assert [row.id for row in deliveries.due(1, [])] == [rows[1].id]
    assert [row.id for row in deliveries.due(9, [bob.id])] == [rows[2].id, rows[0].id]
    assert deliveries.due(9, [bob.id, alice.id]) == []


def test_of_many_workers_one_makes_the_attempt(row):
    claims, start = [], threading.Barrier(6)
    seen = deliveries.due(1, [])[0]

    def worker():
        start.wait()
        claims.append(deliveries.claim(seen))
        base.database.close()

    threads = [threading.Thread(target=worker) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (mine,) = [claim for claim in claims if claim is not None]
    assert (mine.attempts, mine.webhook.user.email) == (1, "alice@example.org")
    assert deliveries.due(1, []) == []


def test_a_success_ends_it(row, hook):
    Webhook.update(failing_since=7).execute()
    done = attempted(row, GOOD)
    assert (done.status, done.attempts, done.due_at, done.lease, done.error) == ("DELIVERED", 1, None, None, None)
    assert (done.response_status, done.milliseconds, done.response) == (204, 12, "")
    assert done.attempted_at <= done.ended_at
    assert Webhook.get().failing_since is None


def test_a_failure_waits_and_tells_why(row):
    failed = attempted(row, BAD)
    assert (failed.status, failed.attempts, failed.lease) == ("PENDING", 1, None)
    assert (failed.response_status, failed.response, failed.error) == (500, "oops", BAD.error)
    assert 7 < in_seconds(row) < 13
    assert Webhook.get().failing_since is not None


def test_the_receiver_may_ask_for_time(row):
    attempted(row, Outcome(5, 429, "", "busy", retry_after=7200))
    assert 7190 < in_seconds(row) < 7201


def test_after_eight_attempts_it_is_given_up(row):
    for attempt in range(1, MAX_ATTEMPTS + 1):
        later(row, DAY_MS)
        after = attempted(row, AWAY)
        assert after.attempts == attempt
    assert (after.status, after.due_at, after.error) == ("FAILED", None, AWAY.error)
    assert after.ended_at is not None
    assert Webhook.get().disabled_at is None  # its webhook is given more time


def test_a_test_is_tried_once(hook):
    row = outbox.test(hook)
    assert attempted(row, BAD).status == "FAILED"


def test_gone_means_gone(row, hook):
    other = delivery_of(hook)
    ended = attempted(row, Outcome(5, 410, "bye", "It did not answer with a status from 200 to 299."))
    assert (ended.status, ended.response_status) == ("FAILED", 410)
    assert (Webhook.get().disabled_reason, now(other).status) == ("gone", "FAILED")


def test_five_days_without_a_success_switch_it_off(row, hook):
    Webhook.update(failing_since=now_ms() - 5 * DAY_MS + 60_000).execute()
    attempted(row, BAD)
    assert Webhook.get().disabled_at is None
    Webhook.update(failing_since=now_ms() - 5 * DAY_MS).execute()
    later(row, DAY_MS)
    ended = attempted(row, BAD)
    assert Webhook.get().disabled_reason == "failing"
    assert (ended.status, ended.due_at) == ("FAILED", None)


def test_a_worker_that_dies_leaves_it_to_another_under_the_same_id(row):
    died = deliveries.claim(now(row))
    assert deliveries.claim(now(row)) is None
    assert deliveries.due(1, []) == []
    later(row, LEASE_MS)
    (found,) = deliveries.due(1, [])
    taken = deliveries.claim(found)
    assert (taken.id, taken.attempts) == (died.id, 2)
    deliveries.record(died, BAD)  # it was only slow: the other's attempt is what counts
    assert now(row).lease == taken.lease
    deliveries.record(taken, GOOD)
    assert now(row).status == "DELIVERED"


def test_what_kills_every_worker_is_given_up(row):
    for _ in range(MAX_ATTEMPTS):
        assert deliveries.claim(now(row)) is not None
        later(row, LEASE_MS)
    assert deliveries.claim(now(row)) is None
    ended = now(row)
    assert (ended.status, ended.attempts, ended.error) == ("FAILED", MAX_ATTEMPTS, deliveries.INTERRUPTED)


@pytest.mark.parametrize("how", ["off", "locked"])
def test_what_was_noted_before_it_was_silenced_is_not_sent(row, hook, alice, how):
    """Whoever noted it did so at the same moment: the row is still waiting."""
    if how == "off":
        Webhook.update(disabled_at=1, disabled_reason="owner").execute()
    else:
        local.disable(alice)
    assert deliveries.claim(deliveries.due(1, [])[0]) is None
    assert (now(row).status, now(row).attempts, now(row).error) == ("FAILED", 0, register.SWITCHED_OFF)


@pytest.mark.parametrize(("outcome", "status"), [(GOOD, "DELIVERED"), (BAD, "FAILED")])
def test_switched_off_while_an_attempt_runs(row, hook, box, outcome, status):
    claimed = deliveries.claim(now(row))
    register.change(box.config, hook, on=False)
    deliveries.record(claimed, outcome)
    assert (now(row).status, now(row).due_at, now(row).response_status) == (status, None, outcome.status)


def test_removed_while_an_attempt_runs(row, hook):
    claimed = deliveries.claim(now(row))
    register.remove(hook)
    deliveries.record(claimed, GOOD)
    assert WebhookDelivery.select().count() == 0


def test_a_log_comes_by_pages_the_newest_first(hook, bob):
    rows = [delivery_of(hook, created_at=number) for number in range(5)]
    delivery_of(webhook_of(bob))
    found, total = deliveries.of(hook.id, 2, 1)
    assert ([row.id for row in found], total) == ([rows[3].id, rows[2].id], 5)


def test_what_ended_a_week_ago_is_forgotten_and_what_waits_is_not(hook, monkeypatch):
    monkeypatch.setattr(deliveries, "BATCH", 2)
    old, young = now_ms() - deliveries.KEEP_MS - 1000, now_ms() - deliveries.KEEP_MS + 60_000
    for _ in range(5):
        delivery_of(hook, status="FAILED", due_at=None, created_at=old, ended_at=old)
    kept = [delivery_of(hook, status="DELIVERED", due_at=None, ended_at=young), delivery_of(hook, created_at=old)]
    assert deliveries.prune() == 5
    assert {row.id for row in WebhookDelivery.select()} == {row.id for row in kept}


def test_the_indexes_serve_the_lists_and_the_look_for_what_is_due(hook, engine):
    if engine != "sqlite":
        pytest.skip("tells its plans in other words")
    queries = {
        "SELECT id FROM webhook_delivery WHERE status = 'PENDING' AND due_at <= 5 ORDER BY due_at LIMIT 4": "due_at",
        "SELECT id FROM webhook_delivery WHERE webhook_id = 'x' ORDER BY created_at DESC, id DESC": "created_at",
        "SELECT id FROM webhook WHERE user_id = 'x' ORDER BY created_at DESC, id DESC": "created_at",
        "SELECT id FROM webhook_delivery WHERE ended_at < 5 LIMIT 4": "ended_at",
    }
    for sql, index in queries.items():
        plan = " ".join(str(line) for line in base.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}").fetchall())
        assert "USING" in plan and index in plan and "TEMP B-TREE" not in plan, plan

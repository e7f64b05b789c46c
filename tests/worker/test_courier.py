"""Deliveries by the worker: soon, once, in turn between users, and never in the way of anything else."""

import dataclasses
import json
import socket
import threading
import time
from collections import Counter

import pytest
from peewee import OperationalError
from process.server import eventually
from providers.raw_server import serving
from webhooks.conftest import delivery_of, later, webhook_of

from lumi_box.accounts import local
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.webhooks import deliver, deliveries, outbox, retry
from lumi_box.worker import courier as module
from lumi_box.worker.courier import AT_ONCE, PER_USER, Courier

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)


@pytest.fixture
def couriers(box):
    """Started ones, each as on a node of its own; ended after the test."""
    started = []

    def start(server, count=1):
        providers = dataclasses.replace(box.config.providers, allowed_hosts=(server.place,))
        box.config = dataclasses.replace(box.config, providers=providers)
        made = [Courier(box) for _ in range(count)]
        started.extend(made)
        for each in made:
            each.start()
        return made

    yield start
    for each in started:
        each.stop()
        each.wait(15)


def ids(server):
    return [request.partition(b"webhook-id: ")[2].partition(b"\r\n")[0].decode() for request in server.requests]


def statuses():
    return Counter(row.status for row in WebhookDelivery.select())


def all_ended():
    return not WebhookDelivery.select().where(WebhookDelivery.status == "PENDING").exists()


def test_what_is_committed_is_delivered_and_written_down(couriers, alice):
    with serving(lambda visit: visit.answer(b"thanks")) as server:
        couriers(server)
        row = outbox.test(webhook_of(alice, server.url("/x")))
        eventually(all_ended, 10, "the delivery")
        done = WebhookDelivery.get_by_id(row.id)
    assert (done.status, done.attempts, done.response_status, done.response) == ("DELIVERED", 1, 200, "thanks")
    assert ids(server) == [row.id]


def test_several_nodes_deliver_each_once(couriers, alice, bob):
    with serving(lambda visit: visit.answer(b"")) as server:
        hooks = [webhook_of(user, server.url()) for user in (alice, bob)]
        rows = [delivery_of(hook) for hook in hooks * 20]
        couriers(server, 3)
        eventually(all_ended, 30, "40 deliveries")
        assert sorted(ids(server)) == sorted(row.id for row in rows)
    assert {row.attempts for row in WebhookDelivery.select()} == {1}


def test_a_failure_is_tried_again_until_it_works(couriers, alice, monkeypatch):
    monkeypatch.setattr(retry, "DELAYS", (0.05,) * 7)
    mishaps = [
        lambda visit: visit.answer(b"oops", "500 Oops"),
        lambda visit: visit.reset(),
        lambda visit: visit.hang(),
        lambda visit: visit.answer(b"", "302 Found", Location="http://169.254.169.254/"),
    ]
    monkeypatch.setattr(deliver, "SECONDS", 0.3)

    def script(visit):
        if mishaps:
            return mishaps.pop(0)(visit)
        return visit.answer(b"at last")

    with serving(script) as server:
        row = delivery_of(webhook_of(alice, server.url()))
        couriers(server)
        eventually(all_ended, 20, "a success")
        assert ids(server) == [row.id] * 5  # the same id each time
    done = WebhookDelivery.get_by_id(row.id)
    assert (done.status, done.attempts, done.response) == ("DELIVERED", 5, "at last")
    assert Webhook.get().failing_since is None


def test_gone_switches_the_webhook_off(couriers, alice):
    with serving(lambda visit: visit.answer(b"", "410 Gone")) as server:
        delivery_of(webhook_of(alice, server.url()))
        couriers(server)
        eventually(all_ended, 10, "the end")
    assert (Webhook.get().disabled_reason, statuses()) == ("gone", {"FAILED": 1})


def test_slow_receivers_of_one_do_not_hold_up_another(couriers, alice, bob):
    """Alice's never answer, in several webhooks; bob's come at once, though they were due later."""
    hanging, most, guard = set(), [], threading.Lock()

    def script(visit):
        if visit.target != "/hang":
            return visit.answer(b"")
        with guard:
            hanging.add(visit)
            most.append(len(hanging))
        visit.hang()
        return None

    with serving(script) as server:
        slow = [webhook_of(alice, server.url("/hang")) for _ in range(3)]
        for hook in slow * 10:
            delivery_of(hook)
        couriers(server)
        eventually(lambda: len(hanging) == PER_USER, 10, "alice's four")
        for _ in range(20):
            delivery_of(webhook_of(bob, server.url("/quick")))
        started = time.monotonic()
        mine = WebhookDelivery.select().join(Webhook).where(Webhook.user == bob, WebhookDelivery.status == "DELIVERED")
        eventually(lambda: mine.count() == 20, deliver.SECONDS - 2, "bob's, while alice's still hang")
        assert time.monotonic() - started < deliver.SECONDS
        assert max(most) <= PER_USER < AT_ONCE
        Webhook.delete().where(Webhook.user == alice).execute()
        for visit in list(hanging):
            visit.connection.shutdown(socket.SHUT_RDWR)


def test_no_more_than_so_many_at_once(couriers, box, alice, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 3)
    monkeypatch.setattr(module, "PER_USER", 2)
    at_once, most, guard = set(), [], threading.Lock()

    def script(visit):
        with guard:
            at_once.add(visit)
            most.append(len(at_once))
        time.sleep(0.05)
        with guard:
            at_once.discard(visit)
        visit.answer(b"")

    with serving(script) as server:
        for number in range(4):
            hook = webhook_of(local.create(f"user{number}@example.org", None), server.url())
            for _ in range(4):
                delivery_of(hook)
        couriers(server)
        eventually(all_ended, 20, "16 deliveries")
    assert 2 <= max(most) <= 3


def test_killed_between_sending_and_recording_it_comes_again_under_the_same_id(couriers, alice, monkeypatch):
    """At least once: the receiver tells the two apart by the id, which is the same."""

    def killed(*_):
        raise OperationalError("the database went")

    with serving(lambda visit: visit.answer(b"")) as server:
        row = delivery_of(webhook_of(alice, server.url()))
        with monkeypatch.context() as broken:
            broken.setattr(deliveries, "record", killed)
            couriers(server)
            eventually(lambda: server.requests, 10, "the first")
            time.sleep(0.3)
            assert len(server.requests) == 1  # its lease holds
            eventually(lambda: not _busy(), 10, "the end of the attempt")
        assert WebhookDelivery.get_by_id(row.id).status == "PENDING"
        later(row, deliveries.LEASE_MS)
        eventually(all_ended, 10, "the second")
        assert ids(server) == [row.id] * 2
    assert WebhookDelivery.get_by_id(row.id).attempts == 2


def _busy():
    return any(thread.name == "delivery" for thread in threading.enumerate())


def test_a_fault_of_ours_counts_as_an_attempt(couriers, alice, monkeypatch, caplog):
    with serving(lambda visit: visit.answer(b"")) as server:
        row = delivery_of(webhook_of(alice, server.url()), data="no JSON")
        couriers(server)
        eventually(lambda: WebhookDelivery.get_by_id(row.id).error, 10, "the attempt's end")
    failed = WebhookDelivery.get_by_id(row.id)
    assert (failed.status, failed.attempts, failed.error) == ("PENDING", 1, deliver.OURS)
    assert "webhook delivery failed" in caplog.text


def test_a_database_that_is_away_only_makes_it_late(couriers, alice, monkeypatch):
    with serving(lambda visit: visit.answer(b"")) as server:
        with monkeypatch.context() as away:
            away.setattr(deliveries, "due", lambda *_: 1 / 0)
            couriers(server)
            row = delivery_of(webhook_of(alice, server.url()))
            time.sleep(0.2)
        eventually(all_ended, 10, "the delivery")
        assert ids(server) == [row.id]


def test_stopping_begins_nothing_and_waits_for_what_runs(couriers, alice):
    let_go = threading.Event()

    def script(visit):
        let_go.wait(10)
        visit.answer(b"")

    with serving(script) as server:
        hook = webhook_of(alice, server.url())
        first = delivery_of(hook)
        (courier,) = couriers(server)
        eventually(lambda: server.requests, 10, "the first")
        courier.stop()
        second = delivery_of(hook)
        assert not courier.wait(0.1)
        let_go.set()
        assert courier.wait(10)
        assert WebhookDelivery.get_by_id(first.id).status == "DELIVERED"
        assert WebhookDelivery.get_by_id(second.id).attempts == 0
        assert json.loads(server.requests[0].partition(b"\r\n\r\n")[2])["id"] == first.id

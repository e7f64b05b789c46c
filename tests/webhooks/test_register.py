"""Who may have which webhooks, and what their addresses may be."""

import socket
import threading

import pytest
from webhooks.conftest import URL, delivery_of, webhook_of

from lumi_box.errors import Conflict, Invalid
from lumi_box.tables import base
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.webhooks import register
from lumi_box.webhooks.names import EVENTS


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """A name server of the test's own; a name that it does not know cannot be resolved just now."""
    known, real = {"hooks.example.com": "93.184.215.14"}, socket.getaddrinfo

    def look_up(host, port, *arguments, **options):
        if host in known:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in known[host].split()]
        if str(host).endswith(".com"):
            raise socket.gaierror(-2, "Name or service not known")
        return real(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


def rule(config, url):
    with pytest.raises(Invalid) as caught:
        register.create(config, "nobody", url, EVENTS)
    return caught.value.fields["url"]


def test_a_webhook_is_made_for_its_owner_and_knows_its_secret_by_heart(allow, alice):
    config = allow()
    hook = register.create(config, alice.id, URL, ["model.failed", "task.completed", "model.failed"])
    row = Webhook.get()
    assert (row.user_id, row.url, row.events, row.disabled_at) == (alice.id, URL, "task.completed model.failed", None)
    secret = register.secret(config, hook)
    assert secret.startswith("whsec_") and len(secret) == 50
    assert secret not in str(row.__data__) and secret == register.secret(config, row)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.com/", "https://"),
        ("ftp://hooks.example.com/", "such as"),
        ("hooks.example.com", "such as"),
        ("https://", "such as"),
        ("https://user:password@hooks.example.com/", "user name"),
        ("https://hooks.example.com:22/", "port 443"),
        ("https://hooks.example.com:99999/", "such as"),
        ("https://hooks.example.com/a b", "such as"),
        ("https://hooks.example.com\\@127.0.0.1/", "such as"),
        ("https://hooks.example.com/" + "x" * 1000, "1000 characters"),
        ("https://127.0.0.1/", "private"),
        ("https://10.1.2.3/", "private"),
        ("https://169.254.169.254/latest/meta-data/", "private"),
        ("https://100.100.100.200/", "private"),
        ("https://[::1]/", "private"),
        ("https://[::ffff:169.254.169.254]/", "private"),
        ("https://[fd00::1]/", "private"),
        ("https://inside.example.com/", "private"),
        ("https://both.example.com/", "private"),
    ],
)
def test_what_an_address_may_not_be(allow, names, url, words):
    names.update({"inside.example.com": "192.168.0.7", "both.example.com": "93.184.215.14 10.0.0.1"})
    assert words in rule(allow(), url)[0]
    assert Webhook.select().count() == 0


def test_what_the_operator_named_may_be_private_plain_and_at_any_port(allow, alice, names):
    names["receiver.lan"] = "192.168.0.7"
    config = allow("receiver.lan:8080", "10.0.0.8")
    for url in ("http://receiver.lan:8080/x", "https://10.0.0.8/x", "http://10.0.0.8/"):
        register.create(config, alice.id, url, EVENTS)
    assert "port" in rule(config, "https://10.0.0.8:8443/")[0]
    assert "https://" in rule(config, "http://receiver.lan/")[0]
    assert "private" in rule(config, "https://receiver.lan/")[0]


def test_in_development_plain_http_will_do_and_private_addresses_will_not(box, alice):
    assert box.config.development
    register.create(box.config, alice.id, "http://hooks.example.com/", EVENTS)
    assert "private" in rule(box.config, "http://127.0.0.1/")[0]


def test_a_name_that_is_not_known_now_is_looked_up_when_it_is_needed(allow, alice):
    register.create(allow(), alice.id, "https://not-yet.example.com/", EVENTS)
    assert Webhook.select().count() == 1


def test_ten_and_no_more_also_at_once(allow, alice, bob):
    config = allow()
    for _ in range(8):
        webhook_of(alice)
    outcomes, start = [], threading.Barrier(4)

    def another():
        start.wait()
        try:
            register.create(config, alice.id, URL, EVENTS)
            outcomes.append("made")
        except Conflict:
            outcomes.append("refused")
        finally:
            base.database.close()

    threads = [threading.Thread(target=another) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "made", "refused", "refused"]
    register.create(config, bob.id, URL, EVENTS)


def test_what_is_not_given_stays_as_it_is(allow, hook):
    config = allow()
    register.change(config, hook, events=["model.failed"])
    assert (Webhook.get().url, Webhook.get().events) == (URL, "model.failed")
    Webhook.update(failing_since=5).execute()
    register.change(config, hook, events=["model.failed"])
    assert Webhook.get().failing_since == 5
    register.change(config, hook, url="https://hooks.example.com/other")
    assert Webhook.get().failing_since is None  # it was the other address that failed
    assert (Webhook.get().url, Webhook.get().events) == ("https://hooks.example.com/other", "model.failed")
    with pytest.raises(Invalid):
        register.change(config, hook, url="https://127.0.0.1/")
    assert Webhook.get().url == "https://hooks.example.com/other"


def test_switched_off_gives_up_what_waits_and_on_begins_anew(allow, hook):
    config, waiting, done = allow(), delivery_of(hook), delivery_of(hook, status="DELIVERED", due_at=None)
    Webhook.update(failing_since=5).execute()
    register.change(config, hook, on=False)
    assert (Webhook.get().disabled_reason, Webhook.get().disabled_at is None) == ("owner", False)
    row = WebhookDelivery.get_by_id(waiting.id)
    assert (row.status, row.error, row.due_at) == ("FAILED", register.SWITCHED_OFF, None)
    assert WebhookDelivery.get_by_id(done.id).status == "DELIVERED"
    register.change(config, hook, on=True)
    again = Webhook.get()
    assert (again.disabled_at, again.disabled_reason, again.failing_since) == (None, None, None)
    assert WebhookDelivery.get_by_id(waiting.id).status == "FAILED"


def test_why_it_was_switched_off_first_is_what_is_told(hook):
    register.switch_off(hook.id, "gone")
    register.switch_off(hook.id, "owner")
    assert Webhook.get().disabled_reason == "gone"


def test_a_new_secret_leaves_the_old_one_for_a_day(allow, hook, monkeypatch):
    config, before = allow(), register.signing_keys(allow(), hook)
    register.rotate(hook)
    row = Webhook.get()
    new, old = register.signing_keys(config, row)
    assert ([old], new != old) == (before, True)
    Webhook.update(old_salt_until=Webhook.old_salt_until - register.OVERLAP_MS).execute()
    assert register.signing_keys(config, Webhook.get()) == [new]
    register.rotate(row)
    assert register.signing_keys(config, Webhook.get())[1] == new


def test_a_removed_webhook_takes_its_log_with_it(hook, bob):
    delivery_of(hook)
    kept = delivery_of(webhook_of(bob))
    register.remove(hook)
    assert [row.id for row in WebhookDelivery.select()] == [kept.id]

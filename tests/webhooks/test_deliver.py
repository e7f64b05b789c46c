"""One attempt against real receivers on loopback, well-behaved and hostile ones."""

import json
import logging
import socket
import time

import pytest
from providers.raw_server import CERTIFICATE, serving
from standardwebhooks.webhooks import Webhook as Verifier
from webhooks.conftest import delivery_of, webhook_of

from lumi_box.clock import iso
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.providers import pinned
from lumi_box.tables.generation import Image
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.webhooks import deliver, register


@pytest.fixture
def names(monkeypatch):
    """A name server of the test's own: each name's answers in the order in which it gives them."""
    known, real = {}, socket.getaddrinfo

    def look_up(host, port, *arguments, **options):
        if host not in known:
            return real(host, port, *arguments, **options)
        answers = known[host]
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.fixture
def send(allow, alice):
    """One attempt at a delivery to the server; answers how it went and the delivery."""

    def send(server, path="/", host="", scheme="http", **columns):
        place = f"{host or '127.0.0.1'}:{server.port}"
        config = send.config = allow(place)
        made = delivery_of(webhook_of(alice, f"{scheme}://{place}{path}"), **columns)
        delivery = (
            WebhookDelivery.select(WebhookDelivery, Webhook).join(Webhook).where(WebhookDelivery.id == made.id).get()
        )
        return deliver.attempt(config, delivery), delivery

    return send


def parts(request):
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return lines[0], dict(line.split(": ", 1) for line in lines[1:]), body


def test_what_arrives_is_signed_and_verified_by_another_implementation(box, alice, allow, drain):
    hook = webhook_of(alice)
    request = accept_prompt(box, alice.id, "一只小猫")
    drain()
    with serving(lambda visit: visit.answer(b"thanks")) as server:
        config = allow(server.place)
        Webhook.update(url=server.url("/lumi?key=x%2Fy")).execute()
        row = WebhookDelivery.select(WebhookDelivery, Webhook).join(Webhook).get()
        outcome = deliver.attempt(config, row)
        (raw,) = server.requests
    line, headers, body = parts(raw)
    assert (outcome.status, outcome.error, outcome.response) == (200, None, "thanks")
    assert line == "POST /lumi?key=x%2Fy HTTP/1.1"
    told = Verifier(register.secret(config, hook)).verify(body, headers)
    assert (told["id"], told["type"], told["createdAt"]) == (row.id, "task.completed", iso(row.created_at))
    assert headers["webhook-id"] == row.id
    task = told["data"]["task"]
    assert (task["id"], task["prompt"], task["status"]) == (request.id, "一只小猫", "IMAGE_COMPLETED")
    key = Image.get(Image.position == 0).object_key
    assert task["images"][0]["imageUrl"].startswith(f"{config.public_url}/files/s/")
    assert task["images"][0]["imageUrl"].endswith(f"/{key}")
    expected = {"Host", "User-Agent", "Content-Type", "Connection", "Accept-Encoding", "Content-Length"}
    assert set(headers) == expected | {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["Content-Type"] == "application/json"


def test_over_https_the_certificate_must_be_that_of_the_address(send, names, monkeypatch):
    names.update({"files.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})
    with serving(lambda visit: visit.answer(b"safe"), secure=True) as server:
        assert send(server, host="files.test", scheme="https")[0].error == deliver.NOT_TRUSTED
        monkeypatch.setattr(pinned.requests.utils, "DEFAULT_CA_BUNDLE_PATH", str(CERTIFICATE))
        pinned.tls.cache_clear()
        try:
            assert send(server, host="files.test", scheme="https")[0].status == 200
            assert send(server, host="other.test", scheme="https")[0].error == deliver.NOT_TRUSTED
        finally:
            pinned.tls.cache_clear()
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        ("204 No Content", {}, (204, None, None)),
        ("202 Accepted", {}, (202, None, None)),
        ("500 Oops", {}, (500, deliver.NOT_TAKEN, None)),
        ("404 Not Found", {}, (404, deliver.NOT_TAKEN, None)),
        ("410 Gone", {}, (410, deliver.NOT_TAKEN, None)),
        ("429 Slow down", {"Retry_After": "77"}, (429, deliver.NOT_TAKEN, 77.0)),
        ("503 Busy", {"Retry_After": "rubbish"}, (503, deliver.NOT_TAKEN, None)),
        ("301 Moved", {"Location": "https://hooks.example.com/"}, (301, deliver.REDIRECT, None)),
    ],
)
def test_only_200_to_299_is_a_success(send, status, headers, expected):
    with serving(lambda visit: visit.answer(b"", status, **headers)) as server:
        outcome, _ = send(server)
    assert (outcome.status, outcome.error, outcome.retry_after) == expected


def test_a_redirect_to_the_metadata_service_leads_nowhere(send, monkeypatch):
    with serving(
        lambda visit: visit.answer(b"", "307 Temporary", Location="http://169.254.169.254/latest/meta-data/")
    ) as server:
        connected, opening = [], pinned.connect
        monkeypatch.setattr(
            pinned, "connect", lambda found, deadline: connected.append(found) or opening(found, deadline)
        )
        outcome, _ = send(server)
        assert (outcome.status, outcome.error) == (307, deliver.REDIRECT)
        assert len(connected) == len(server.requests) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.100.100.200", "192.168.1.1"])
def test_a_name_that_leads_inside_by_now_is_not_called(allow, alice, names, address):
    """It was public when it was registered, and its owner turns it round."""
    names["hooks.example.com"] = ["93.184.215.14", address]
    config = allow()
    hook = register.create(config, alice.id, "https://hooks.example.com/", ["task.completed"])
    made = delivery_of(hook)
    assert deliver.attempt(config, made).error == deliver.FORBIDDEN


def test_a_name_that_turns_round_after_the_check_is_called_where_it_was_checked(allow, alice, names):
    """Looked up once: there is no second answer to believe."""
    with serving(lambda visit: visit.answer(b"")) as server:
        names["hooks.example.com"] = ["127.0.0.1", "203.0.113.9"]
        config = allow(f"hooks.example.com:{server.port}")
        made = delivery_of(webhook_of(alice, f"http://hooks.example.com:{server.port}/"))
        assert deliver.attempt(config, made).status == 200
        assert names["hooks.example.com"] == ["203.0.113.9"]
        assert parts(server.requests[0])[1]["Host"] == f"hooks.example.com:{server.port}"


def test_what_the_operator_allows_no_longer_is_called_no_longer(send, allow):
    with serving(lambda visit: visit.answer(b"")) as server:
        outcome, delivery = send(server)
        assert outcome.status == 200
        assert deliver.attempt(allow(), delivery).error == deliver.FORBIDDEN
        assert len(server.requests) == 1


def test_a_receiver_that_is_not_there(send):
    with serving(lambda visit: visit.answer(b"")) as server:
        _, made = send(server)
        config = send.config
    outcome = deliver.attempt(config, made)
    assert (outcome.status, outcome.error) == (None, deliver.BROKEN)


def test_a_name_that_nobody_knows(allow, alice, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    config, made = allow(), delivery_of(webhook_of(alice))
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert deliver.attempt(config, made).error == deliver.UNKNOWN_NAME


def drip(visit):
    visit.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n" + b"x: y\r\n" * 10_000)


def flood_of_hints(visit):
    for _ in range(100_000):
        visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.001)


MISCHIEF = {
    "resets": (lambda visit: visit.reset(), deliver.BROKEN),
    "hangs up": (lambda visit: visit.connection.close(), deliver.BROKEN),
    "hangs": (lambda visit: visit.hang(), deliver.TOO_SLOW),
    "drips its head": (drip, deliver.TOO_SLOW),
    "goes on for ever before it answers": (flood_of_hints, deliver.TOO_SLOW),
    "is no web server": (lambda visit: visit.send(b"220 mail.example.com ESMTP\r\n"), deliver.NOT_HTTP),
    "endless head": (lambda visit: visit.send(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200), deliver.NOT_HTTP),
    "endless line": (lambda visit: visit.send(b"HTTP/1.1 200 " + b"x" * 70_000), deliver.NOT_HTTP),
}


@pytest.mark.parametrize("what", MISCHIEF)
def test_a_receiver_that_does_not_answer_properly_fails_in_time(send, monkeypatch, what):
    monkeypatch.setattr(deliver, "SECONDS", 0.5)
    script, expected = MISCHIEF[what]
    started = time.monotonic()
    with serving(script) as server:
        outcome, _ = send(server)
        assert (outcome.status, outcome.error) == (None, expected)
        assert server.connections == 1
    assert time.monotonic() - started < 5


def endless(visit):
    visit.send(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(10_000):
        visit.send(b"x" * 65_536)


def slow_body(visit):
    visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    visit.drip(b"slowly " * 1000)


@pytest.mark.parametrize("script", [endless, slow_body])
def test_an_answer_without_end_is_cut_and_its_status_counts(send, monkeypatch, script):
    monkeypatch.setattr(deliver, "SECONDS", 0.5)
    with serving(script) as server:
        started = time.monotonic()
        outcome, _ = send(server)
        assert time.monotonic() - started < 5
    assert (outcome.status, outcome.error) == (200, None)
    assert 0 < len(outcome.response) <= deliver.KEPT_CHARACTERS


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b"<script>alert(1)</script>\x1b[31m\r\n\0", "<script>alert(1)</script> [31m"),
        ("太长了".encode() * 1000, "太长了" * 166 + "太长"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("\u202egnp.exe".encode(), "gnp.exe"),
        (b"", ""),
    ],
)
def test_of_an_answer_is_kept_what_can_be_shown(send, said, kept):
    with serving(lambda visit: visit.answer(said, "400 Bad")) as server:
        outcome, made = send(server)
    assert outcome.response == kept
    WebhookDelivery.update(response=outcome.response).where(WebhookDelivery.id == made.id).execute()
    assert WebhookDelivery.get_by_id(made.id).response == kept


def test_slow_receivers_get_ten_seconds():
    assert deliver.SECONDS == 10


def test_no_log_line_holds_a_prompt_an_address_or_a_secret(box, alice, allow, drain, caplog):
    caplog.set_level(logging.DEBUG, logger="lumi_box")
    webhook_of(alice)
    accept_prompt(box, alice.id, "a very private paper crane")
    drain()
    with serving(lambda visit: visit.answer(b"what they said", "500 Oops")) as server:
        config = allow(server.place)
        Webhook.update(url=server.url("/token-in-a-path")).execute()
        row = WebhookDelivery.select(WebhookDelivery, Webhook).join(Webhook).get()
        deliver.attempt(config, row)
    deliver.attempt(config, row)
    assert "webhook not reached" in caplog.text
    for secret in ("a very private paper crane", "token-in-a-path", "what they said", "whsec_", "webhook-signature"):
        assert secret not in caplog.text
    assert json.loads(row.data)["task"]["prompt"] == "a very private paper crane"

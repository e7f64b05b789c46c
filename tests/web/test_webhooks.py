"""Webhooks over HTTP: made, shown, changed, tested, removed, each by its owner."""

import dataclasses
import time

import jsonschema
import pytest
from conftest import bearer
from markupsafe import escape
from standardwebhooks.webhooks import Webhook as Verifier
from web.test_openapi import assert_described
from webhooks.conftest import URL, delivery_of, webhook_of

from lumi_box.accounts.rates import MINUTE_MS
from lumi_box.clock import now_ms
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.tables import window
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.webhooks import payload, register, sign
from lumi_box.webhooks.names import EVENTS

ROOT = "/api/v1/users/webhooks"


@pytest.fixture(autouse=True)
def resolved(monkeypatch):
    """No name server is asked: whether an address may be called is tested in tests/webhooks/test_register.py."""
    known = [(2, 1, 6, "", ("93.184.215.14", 443))]
    monkeypatch.setattr("lumi_box.webhooks.place.resolve", lambda *_: known)


@pytest.fixture
def headers(alice):
    return bearer(alice)


@pytest.fixture
def hook(alice):
    return webhook_of(alice)


@pytest.fixture
def document(client):
    return client.get("/api/openapi.json").json


def data(answer, status=200):
    assert answer.status_code == status, answer.json
    return answer.json["data"]


def test_the_secret_is_shown_when_it_is_made_and_never_again(client, headers, box):
    answer = client.post(ROOT, json={"url": f" {URL} "}, headers=headers)
    made = data(answer, 201)
    assert answer.headers["Cache-Control"] == "no-store"
    assert (made["url"], made["events"], made["enabled"]) == (URL, list(EVENTS), True)
    secret = made.pop("secret")
    assert secret == register.secret(box.config, Webhook.get())
    for path in (ROOT, f"{ROOT}/{made['id']}", f"{ROOT}/{made['id']}/deliveries"):
        assert secret not in client.get(path, headers=headers).get_data(as_text=True)
    assert data(client.get(ROOT, headers=headers))["items"] == [made]
    assert data(client.get(f"{ROOT}/{made['id']}", headers=headers)) == made


def test_a_new_secret_signs_beside_the_old_one_for_a_day(client, headers, hook, box):
    old = register.secret(box.config, hook)
    answer = client.post(f"{ROOT}/{hook.id}/rotate-secret", headers=headers)
    assert answer.headers["Cache-Control"] == "no-store"
    made = data(answer)
    assert made["secret"] != old and made["oldSecretUntil"] is not None
    keys = register.signing_keys(box.config, Webhook.get())
    signed = sign.headers(keys, "id", int(time.time()), b"{}")
    for secret in (old, made["secret"]):
        Verifier(secret).verify(b"{}", signed)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "url", "required"),
        ({"url": ""}, "url", "1 to 1000"),
        ({"url": "x" * 1001}, "url", "1 to 1000"),
        ({"url": "not an address"}, "url", "such as https://"),
        ({"url": "https://hooks.example.com:22/"}, "url", "port 443"),
        ({"url": URL + "\0"}, "url", "NUL"),
        ({"url": URL, "events": []}, "events", "1 to 5"),
        ({"url": URL, "events": ["task.begun"]}, "events.0", "task.completed"),
        ({"url": URL, "events": "task.completed"}, "events", "list"),
        ({"url": URL, "secret": "mine"}, "secret", "Unknown"),
    ],
)
def test_what_is_wrong_is_told_by_field_and_rule(client, headers, body, field, words):
    answer = client.post(ROOT, json=body, headers=headers)
    assert (answer.status_code, answer.json["data"]["code"]) == (400, "VALIDATION_ERROR")
    assert words in answer.json["data"]["details"][field][0]
    assert Webhook.select().count() == 0


def test_a_private_address_is_refused_in_production(client, headers, box, monkeypatch):
    box.config = dataclasses.replace(box.config, mode="production")
    monkeypatch.setattr("lumi_box.webhooks.place.resolve", lambda *_: [(2, 1, 6, "", ("169.254.169.254", 443))])
    answer = client.post(ROOT, json={"url": URL}, headers=headers)
    assert "private address" in answer.json["data"]["details"]["url"][0]
    assert "https://" in client.post(ROOT, json={"url": "http://x.example/"}, headers=headers).json["data"]["message"]


def test_the_eleventh_is_one_too_many(client, headers, alice):
    for _ in range(10):
        webhook_of(alice)
    answer = client.post(ROOT, json={"url": URL}, headers=headers)
    assert (answer.status_code, answer.json["data"]["code"]) == (409, "INVALID_STATE")
    assert "10 webhooks" in answer.json["data"]["message"]


def test_it_is_changed_switched_off_and_on_and_removed(client, headers, hook):
    path = f"{ROOT}/{hook.id}"
    changed = data(client.patch(path, json={"events": ["model.completed"]}, headers=headers))
    assert (changed["events"], changed["url"]) == (["model.completed"], URL)
    off = data(client.patch(path, json={"enabled": False}, headers=headers))
    assert (off["enabled"], off["disabledReason"], off["disabledAt"] is None) == (False, "owner", False)
    assert client.post(f"{path}/test", headers=headers).status_code == 409
    on = data(client.patch(path, json={"enabled": True, "url": URL + "/2"}, headers=headers))
    assert (on["enabled"], on["disabledReason"], on["url"]) == (True, None, URL + "/2")
    assert data(client.patch(path, json={}, headers=headers)) | {"updatedAt": 0} == on | {"updatedAt": 0}
    assert client.patch(path, json={"url": "ftp://x/"}, headers=headers).status_code == 400
    data(client.delete(path, headers=headers))
    assert client.get(path, headers=headers).status_code == 404


def test_the_log_tells_how_each_delivery_stands(client, headers, hook):
    now = now_ms()
    told = {"attempts": 3, "response_status": 500, "milliseconds": 12, "error": "x", "attempted_at": now}
    waiting = delivery_of(hook, created_at=1, **told)
    running = delivery_of(hook, created_at=2, lease="lease", attempts=1)
    ended = delivery_of(hook, created_at=3, status="DELIVERED", due_at=None, ended_at=now, response="<b>ok</b>")
    found = data(client.get(f"{ROOT}/{hook.id}/deliveries", headers=headers))
    assert found["total"] == 3
    assert [each["id"] for each in found["items"]] == [ended.id, running.id, waiting.id]
    assert [each["nextAttemptAt"] is None for each in found["items"]] == [True, True, False]
    assert found["items"][2]["responseStatus"] == 500
    assert found["items"][0]["response"] == "<b>ok</b>"
    page = data(client.get(f"{ROOT}/{hook.id}/deliveries?limit=1&offset=1", headers=headers))
    assert [each["id"] for each in page["items"]] == [running.id]


def test_a_test_and_another_delivery_may_be_asked_for(client, headers, hook):
    tested = data(client.post(f"{ROOT}/{hook.id}/test", headers=headers), 202)
    assert (tested["type"], tested["status"], tested["attempts"]) == ("webhook.test", "PENDING", 0)
    again = f"{ROOT}/{hook.id}/deliveries/{tested['id']}/redeliver"
    assert client.post(again, headers=headers).status_code == 409  # it has not ended
    WebhookDelivery.update(status="FAILED", due_at=None).execute()
    assert data(client.post(again, headers=headers), 202)["status"] == "PENDING"
    assert client.post(f"{ROOT}/{hook.id}/deliveries/other/redeliver", headers=headers).status_code == 404


def test_a_delivery_of_another_webhook_is_not_found(client, headers, hook, alice):
    other = delivery_of(webhook_of(alice), status="FAILED", due_at=None)
    answer = client.post(f"{ROOT}/{hook.id}/deliveries/{other.id}/redeliver", headers=headers)
    assert answer.status_code == 404


def test_by_hand_it_is_called_twenty_times_a_minute_and_no_more(client, headers, hook, alice):
    window.take(f"webhook-calls:{alice.id}", MINUTE_MS, 20, 19)
    statuses = [client.post(f"{ROOT}/{hook.id}/test", headers=headers).status_code for _ in range(3)]
    assert 429 in statuses and statuses.count(202) <= 2  # a minute of the clock may begin in between
    assert WebhookDelivery.select().count() == statuses.count(202)


def test_the_number_of_queries_does_not_grow_with_the_rows(client, headers, alice, queries):
    counts = []
    client.get(ROOT, headers=headers)  # notes that the token was used
    for _ in range(2):
        hooks = [webhook_of(alice) for _ in range(4)]
        for _ in range(5):
            delivery_of(hooks[0])
        queries.clear()
        assert client.get(ROOT, headers=headers).status_code == 200
        client.get(f"{ROOT}/{hooks[0].id}/deliveries", headers=headers)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


def test_what_is_sent_is_what_the_api_shows_and_what_the_document_says(
    client, headers, alice, box, drain, document, hook
):
    request = accept_prompt(box, alice.id, "a paper crane")
    drain()
    pick_image(box, request, 0)
    task = data(client.get(f"/api/v1/tasks/{request.id}", headers=headers))
    drain()
    now = data(client.get(f"/api/v1/tasks/{request.id}", headers=headers))
    bodies = {row.type: payload.body(row, lambda key: f"https://box.example/files/{key}") for row in _deliveries()}
    assert set(bodies) == {"task.completed", "model.completed"}
    for event, body in bodies.items():
        told = payload.json.loads(body)
        schema = document["webhooks"][event]["post"]["requestBody"]["content"]["application/json"]["schema"]
        whole = schema | {"components": document["components"]}
        jsonschema.validate(told, whole, jsonschema.Draft202012Validator, format_checker=jsonschema.FormatChecker())
    told_task = payload.json.loads(bodies["task.completed"])["data"]["task"]
    told_model = payload.json.loads(bodies["model.completed"])["data"]["model"]
    assert _without_addresses(told_model) == _without_addresses(now["model"])
    assert told_task.keys() == task.keys()
    assert _without_addresses(told_task["images"]) == _without_addresses(task["images"])
    assert set(document["webhooks"]) == set(EVENTS)


def _deliveries():
    return list(WebhookDelivery.select())


def _without_addresses(value):
    if isinstance(value, list):
        return [_without_addresses(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _without_addresses(each) for name, each in value.items() if not name.lower().endswith("url")}


def test_answers_are_as_described(client, headers, hook, document):
    delivery = delivery_of(hook, status="FAILED", due_at=None)
    one, told = "/users/webhooks/{webhook_id}", {"webhook_id": hook.id, "delivery_id": delivery.id}
    calls = [
        ("GET", "/users/webhooks", None),
        ("POST", "/users/webhooks", {"url": URL}),
        ("POST", "/users/webhooks", {"url": "x"}),
        ("GET", one, None),
        ("PATCH", one, {"enabled": True}),
        ("POST", f"{one}/rotate-secret", None),
        ("GET", f"{one}/deliveries", None),
        ("POST", f"{one}/deliveries/{{delivery_id}}/redeliver", None),
        ("POST", f"{one}/deliveries/{{delivery_id}}/redeliver", None),
        ("POST", f"{one}/test", None),
        ("PATCH", one, {"enabled": False}),
        ("POST", f"{one}/test", None),
        ("DELETE", one, None),
        ("DELETE", one, None),
    ]
    for method, path, body in calls:
        answer = client.open(f"/api/v1{path.format(**told)}", method=method, json=body, headers=headers)
        assert_described(document, answer, method, path)


@pytest.fixture
def page(client, bob):
    """Reads pages and posts their forms, as a browser of bob's does."""
    headers = bearer(bob)

    def read(path):
        return client.get(path, headers=headers).get_data(as_text=True)

    def post(path, **fields):
        token = read("/account/webhooks").split('name="csrf-token" content="')[1].split('"')[0]
        return client.post(path, data=fields | {"csrf_token": token}, headers=headers)

    post.user, post.read = bob, read
    return post


def test_the_pages_make_show_change_and_remove_a_webhook(page, box):
    assert "/account/webhooks" in page.read("/account")
    made = page("/account/webhooks", url=URL, events=["task.completed", "model.completed"])
    hook = Webhook.get()
    assert (made.status_code, made.headers["Cache-Control"]) == (200, "no-store")
    secret = escape(register.secret(box.config, hook))
    assert secret in made.get_data(as_text=True)
    path = f"/account/webhooks/{hook.id}"
    assert URL in page.read("/account/webhooks")
    assert secret not in page.read(path)
    assert page(path, url=URL + "/2", events=["model.failed"]).status_code == 303
    assert (Webhook.get().url, Webhook.get().events) == (URL + "/2", "model.failed")
    page(f"{path}/switch", enabled="no")
    assert "You switched it off" in page.read(path)
    page(f"{path}/switch", enabled="yes")
    assert "You switched it off" not in page.read(path)
    rotated = page(f"{path}/rotate")
    assert (rotated.status_code, rotated.headers["Cache-Control"]) == (200, "no-store")
    assert "whsec_" in rotated.get_data(as_text=True)
    assert page(f"{path}/remove").status_code == 303
    assert Webhook.select().count() == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "ftp://example.com", "events": ["task.completed"]}, "Address: must be an address such as"),
        ({"url": URL}, "Choose at least one event."),
    ],
)
def test_a_form_that_breaks_a_rule_comes_back_as_it_was_typed(page, fields, words):
    for path in ("/account/webhooks", f"/account/webhooks/{webhook_of(page.user, 'https://old.example/').id}"):
        answer = page(path, **fields)
        text = answer.get_data(as_text=True)
        assert answer.status_code == 400
        assert words in text and f'value="{fields["url"]}"' in text
    assert [row.url for row in Webhook.select()] == ["https://old.example/"]


def test_the_page_shows_what_a_receiver_said_as_text(page):
    hook = webhook_of(page.user)
    ended = {"status": "FAILED", "due_at": None, "attempts": 8, "response_status": 500, "milliseconds": 7}
    row = delivery_of(hook, response="<script>alert(1)</script>", error="The connection failed.", **ended)
    path = f"/account/webhooks/{hook.id}"
    text = page.read(path)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text and "<script>alert" not in text
    assert "The connection failed." in text and "Deliver again" in text
    assert page(f"{path}/deliveries/{row.id}/redeliver").status_code == 303
    assert WebhookDelivery.get().status == "PENDING"
    page(f"{path}/deliveries/{row.id}/redeliver")
    assert "It is being delivered already." in page.read(path)
    page(f"{path}/test")
    assert "A test" in page.read(path)


def test_a_page_of_anothers_webhook_is_not_found(page, alice, hook):
    assert page.read(f"/account/webhooks/{hook.id}").count("404")
    for tail in ("", "/switch", "/rotate", "/remove", "/test"):
        assert page(f"/account/webhooks/{hook.id}{tail}", url=URL, events=["task.failed"]).status_code == 404
    assert (Webhook.get().salt, Webhook.get().disabled_at) == ("salt", None)


def test_the_eleventh_is_refused_by_the_page_too(page):
    for _ in range(10):
        webhook_of(page.user)
    assert "as many as one account can have" in page.read("/account/webhooks")
    assert page("/account/webhooks", url=URL, events=["task.completed"]).status_code == 409


def test_the_pages_speak_chinese(client, page):
    hook = webhook_of(page.user, disabled_at=1, disabled_reason="failing")
    delivery_of(hook, status="FAILED", due_at=None, attempts=1, error="There was no answer within 10 seconds.")
    client.set_cookie("lang", "zh")
    text = page.read(f"/account/webhooks/{hook.id}")
    assert "10 秒内没有回应" in text and "连续五天都无法送达" in text
    refused = page("/account/webhooks", url="http://[::1", events=["task.completed"]).get_data(as_text=True)
    assert "地址：必须是类似" in refused

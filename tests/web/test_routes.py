"""Every route of the application, as nobody, as a stranger, as the owner and as an administrator."""

import re

import pytest
from conftest import bearer
from webhooks.conftest import delivery_of, webhook_of

from lumi_box.tables.base import new_id

OPEN = {
    "GET /",
    "GET /about",
    "GET /login",
    "POST /login",
    "POST /login/code",
    "GET /register",
    "POST /register",
    "GET /setup",
    "POST /setup",
    "POST /language",
    "GET /gallery",
    "GET /models/<>",
    "GET /files/<>",
    "GET /files/s/<>/<>",
    "GET /static/<>",
    "GET /api/openapi.json",
    "GET /api/docs",
    "GET /health",
    "GET /metrics",
    "GET /health/detailed",
    "GET /api/health",
    "GET /api/health/detailed",
    "POST /api/auth/send-code",
    "POST /api/auth/register",
    "POST /api/auth/login",
    "POST /api/auth/logout",
    "GET /api/auth/me",
    "GET /api/models/<>",
    "GET /api/models/<>/print-report",
    "GET /api/gallery/models",
    "GET /api/gallery/models/<>",
    "GET /api/gallery/models/<>/interactions",
    "POST /api/gallery/models/batch-interactions",
    "GET /api/workers/status",
}
ADMINS = {"GET /admin", "GET /admin/storage", "GET /admin/health", "GET /admin/gallery"}


def routes(app):
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield method, rule


def name_of(method, rule):
    path = re.sub(r"<[^>]*>", "<>", rule.rule).replace("/api/v1/", "/api/")
    return f"{method} {path}"


def fill(rule, values):
    return re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", lambda found: str(values.get(found[1], "0")), rule.rule)


def test_exactly_the_routes_of_the_table_are_open(app):
    marked = {
        name_of(method, rule)
        for method, rule in routes(app)
        if rule.endpoint == "static"
        or getattr(app.view_functions[rule.endpoint], "access", "users") in ("all", "anonymous")
    }
    assert marked == OPEN


def test_nobody_is_let_into_a_closed_route(app, client, finished):
    values = {"task_id": finished.request_id, "model_id": finished.id, "index": 0}
    for method, rule in routes(app):
        if name_of(method, rule) in OPEN:
            continue
        answer = client.open(fill(rule, values), method=method, json={} if rule.rule.startswith("/api") else None)
        if rule.rule.startswith("/api"):
            assert answer.status_code == 401, rule
            assert answer.json["data"]["code"] == "UNAUTHORIZED"
            assert answer.json["data"]["message"]
        elif method == "GET":
            assert answer.status_code == 302, rule
            assert answer.headers["Location"].startswith("/login?next=")
        else:
            assert answer.status_code == 403, rule  # no CSRF token: refused before anything is looked at


BODIES = {
    "PATCH /api/tasks/<>": {"selectedImageIndex": 0},
    "PATCH /api/models/<>": {"name": "mine"},
    "PATCH /api/models/<>/visibility": {"visibility": "PUBLIC"},
    "POST /api/gallery/models/<>/interactions": {"type": "LIKE"},
    "POST /api/gallery/models/<>/report": {"reason": "not theirs"},
    "PATCH /api/users/webhooks/<>": {"enabled": False},
}


def test_trap_2_a_strangers_request_for_anothers_things_finds_nothing(app, client, finished, alice, bob, admin):
    """The owner used never to be checked on read, select or delete. Administrators are strangers here, too."""
    hook = webhook_of(alice)
    values = {"task_id": finished.request_id, "model_id": finished.id, "index": 0, "webhook_id": hook.id}
    values["delivery_id"] = delivery_of(hook).id
    checked = 0
    for method, rule in routes(app):
        if not re.search(r"<(?:task_id|model_id|webhook_id|delivery_id)>", rule.rule):
            continue
        name = name_of(method, rule)
        path = fill(rule, values) + ("?format=stl" if name.endswith("/download") else "")
        if not rule.rule.startswith("/api") and method != "GET":
            continue  # forms: held by the CSRF token, and by the same loading functions
        for user in (bob, admin):
            answer = client.open(path, method=method, json=BODIES.get(name), headers=bearer(user))
            assert answer.status_code == 404, name
            checked += 1
    assert checked > 40


def test_what_is_not_there_and_what_is_anothers_answer_alike(client, finished, bob):
    theirs = client.get(f"/api/v1/tasks/{finished.request_id}", headers=bearer(bob))
    nothing = client.get(f"/api/v1/tasks/{new_id()}", headers=bearer(bob))
    assert (theirs.status_code, theirs.json) == (nothing.status_code, nothing.json)


def test_the_owner_is_let_in(client, finished, alice):
    headers = bearer(alice)
    for path in (f"tasks/{finished.request_id}", f"models/{finished.id}", "tasks", "users/models", "users/my-models"):
        assert client.get(f"/api/v1/{path}", headers=headers).status_code == 200


@pytest.mark.parametrize("path", sorted(name.split()[1] for name in ADMINS))
def test_admin_pages_are_for_administrators(client, path, alice, admin):
    assert client.get(path, headers=bearer(alice)).status_code == 403
    assert client.get(path, headers=bearer(admin)).status_code == 200


def test_every_api_path_is_served_with_and_without_the_version(app):
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    versioned = {rule for rule in rules if rule.startswith("/api/v1/")}
    assert len(versioned) > 15
    assert {rule.replace("/api/v1/", "/api/") for rule in versioned} <= rules

"""Errors as bodies and as pages."""

import logging

import pytest
from conftest import bearer
from peewee import OperationalError

from lumi_box.tables import base


def test_every_answer_carries_a_request_id(client):
    ids = {client.get(path).headers["X-Request-Id"] for path in ("/health", "/api/v1/nothing", "/nothing", "/")}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
        ("GET", "/api/nothing", 404, "NOT_FOUND"),
        ("PUT", "/api/v1/tasks", 405, "VALIDATION_ERROR"),
        ("GET", "/files/nothing", 404, "NOT_FOUND"),
    ],
)
def test_failures_are_jsend(client, method, path, status, code):
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.json["status"], answer.json["data"]["code"]) == (status, "fail", code)
    assert answer.json["data"]["message"]


def test_an_address_or_method_that_is_not_there_tells_where_to_look(client):
    missing, wrong = client.get("/api/v1/nothing"), client.put("/api/v1/tasks")
    assert "/api/docs" in missing.json["data"]["message"]
    assert "Allow" in wrong.json["data"]["message"]
    assert {"GET", "POST"} <= set(wrong.headers["Allow"].split(", "))


def test_a_body_that_is_too_large(client, alice):
    answer = client.post("/api/v1/tasks", data=b"x" * (2 << 20), content_type="application/json", headers=bearer(alice))
    assert (answer.status_code, answer.json["data"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_an_error_of_ours_has_an_id_that_the_log_knows(client, alice, box, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(box, "enqueue", broken)
    answer = client.post("/api/v1/tasks", json={"prompt": "x"}, headers=bearer(alice))
    assert answer.status_code == 500
    assert set(answer.json) == {"status", "message", "code", "errorId"}
    assert (answer.json["status"], answer.json["code"]) == ("error", "INTERNAL_ERROR")
    assert "secret" not in answer.get_data(as_text=True)
    assert any(record.exc_info for record in caplog.records if record.levelno == logging.ERROR)


def test_pages_fail_as_pages(client, box):
    answer = client.get("/nothing")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert answer.headers["X-Request-Id"] in answer.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/", "/gallery", "/api/v1/gallery/models"])
def test_without_its_database_the_service_says_so(client, box, monkeypatch, path):
    def locked(*_, **__):
        raise OperationalError("database is locked")

    monkeypatch.setattr(base.database.obj, "execute_sql", locked)
    answer = client.get(path)
    assert answer.status_code == 503
    assert "locked" not in answer.get_data(as_text=True)
    assert client.get("/health").status_code == 200


def test_policy_headers(client, box):
    page = client.get("/login")
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"]
    assert "Strict-Transport-Security" not in page.headers
    assert "Strict-Transport-Security" in client.get("/login", base_url="https://localhost").headers

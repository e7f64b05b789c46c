"""What nobody foresaw is reported, in web and worker, with the ids of the log and without anybody's words."""

import logging
from dataclasses import replace

import pytest
import sentry_sdk
from conftest import PASSWORD, bearer
from envelopes import receiving

from lumi_box import redaction, reporting
from lumi_box.config import secret_values
from lumi_box.errors import Refused
from lumi_box.flow.accept_prompt import accept_prompt

PROMPT = "a lighthouse keeper who knits a scarf for the moon"


@pytest.fixture
def receiver(box, monkeypatch):
    monkeypatch.setattr(reporting, "_started", False)
    handlers = logging.root.handlers[:]
    with receiving() as made:
        box.config = replace(box.config, sentry=replace(box.config.sentry, dsn=made.dsn))
        redaction.know(secret_values(box.config))
        reporting.start(box.config)
        yield made
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)
        redaction.know(())
        logging.root.handlers[:] = handlers


def fail(*_, **__):
    local_value = f"not to be seen {PASSWORD}"  # noqa: F841
    raise RuntimeError(f"cannot take {PROMPT} with Bearer lumi_0123456789")


def reported(receiver):
    reporting.flush()
    return receiver.events


def test_an_error_of_the_web_role_is_reported_with_the_id_of_its_answer(client, alice, receiver, monkeypatch, witness):
    monkeypatch.setattr("lumi_box.web.actions.accept_prompt", fail)
    headers = bearer(alice) | {"Cookie": "lumi_session=a-cookie-of-somebody", "X-Said": "a header of somebody"}
    address = "/api/v1/tasks?wish=a-query-of-somebody"
    answer = client.post(address, json={"prompt": PROMPT, "optimizePrompt": True}, headers=headers)
    (event,) = reported(receiver)
    (error,) = event["exception"]["values"]
    assert error["type"] == "RuntimeError" and error["value"] == "cannot take *** with Bearer ***"
    assert event["tags"]["error_id"] == answer.json["errorId"]
    assert event["tags"]["request_id"] == answer.headers["X-Request-Id"]
    assert event["release"].startswith("lumi-box@") and event["environment"] == "development"
    frames = error["stacktrace"]["frames"]
    assert frames[-1]["function"] == "fail"
    assert not any("vars" in frame for frame in frames)
    assert not {"request", "user", "modules", "extra"} & {name for name, value in event.items() if value}
    assert not event.get("breadcrumbs", {}).get("values")
    everything = "\n".join(receiver.raw)
    for secret in (PROMPT, "of somebody", headers["Authorization"].split()[1], "with correct horse", alice.email):
        assert secret not in everything
    witness.lines.clear()  # it was logged like this on purpose


def test_an_error_of_the_worker_is_reported_with_the_ids_of_its_job(box, alice, drain, images, receiver, witness):
    images.fail_next(RuntimeError(f"cannot paint {PROMPT}"))
    request = accept_prompt(box, alice.id, PROMPT)
    drain()
    (event,) = reported(receiver)
    assert event["exception"]["values"][0]["value"] == "cannot paint ***"
    assert event["tags"]["task_id"] == request.id and event["tags"]["job_id"] and event["tags"]["error_id"]
    assert PROMPT not in "\n".join(receiver.raw)
    witness.lines.clear()  # it was logged like this on purpose


def test_what_was_foreseen_is_not_reported(box, client, alice, drain, images, receiver):
    images.fail_next(Refused("No.", alert=True))
    accept_prompt(box, alice.id, PROMPT)
    drain()
    assert client.get("/api/v1/tasks/nope", headers=bearer(alice)).status_code == 404
    assert reported(receiver) == []


def test_without_a_dsn_nothing_is_loaded(box, monkeypatch):
    monkeypatch.setattr(sentry_sdk, "init", lambda **_: pytest.fail("started"))
    handlers = logging.root.handlers[:]
    reporting.start(box.config)
    reporting.flush()
    assert logging.root.handlers == handlers

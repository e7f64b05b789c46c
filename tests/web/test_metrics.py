"""/metrics as Prometheus reads it."""

import time
from dataclasses import replace

import pytest
from conftest import bearer
from prometheus_client.parser import text_string_to_metric_families

from lumi_box.clock import now_ms
from lumi_box.errors import Refused
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.metrics import calls, exposition, families
from lumi_box.storage import sweep
from lumi_box.tables import base
from lumi_box.tables.job import Job
from lumi_box.tables.setting import Setting
from lumi_box.tables.stored_object import StoredObject
from lumi_box.web.app import create_app

TOKEN = "a token for scraping only"


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch):
    monkeypatch.setattr(exposition, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(exposition, "STORAGE_SECONDS", 0.0)
    monkeypatch.setattr(exposition, "SHARE_OF_TIME", float("inf"))


def scrape(client, **headers):
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return list(text_string_to_metric_families(answer.get_data(as_text=True)))


def value(found, name, **labels):
    """Of the sample with exactly these labels; None where there is none."""
    samples = [sample for family in found for sample in family.samples]
    return next((each.value for each in samples if each.name == name and each.labels == labels), None)


@pytest.fixture
def with_metrics(box):
    """A client of an application whose metrics are configured otherwise."""
    made = []

    def make(**changes):
        box.config = replace(box.config, metrics=replace(box.config.metrics, **changes))
        made.append(create_app(box))
        made[-1].testing = False
        return made[-1].test_client()

    yield make
    for app in made:
        app.extensions["lumi_follower"].close(wait=True)


def test_every_metric_and_no_other_is_told_with_its_labels(client, box, alice, drain, images, finished):
    images.fail_next(Refused("No."))
    accept_prompt(box, alice.id, "a crane")
    drain()
    calls.note("acme", "submit", "ok", 1)
    calls.write()
    Setting.insert(name="backup.last_success", value="1795298457257").execute()
    sweep.sweep(box.storage, box.config.sweep)
    found = {family.name: family for family in scrape(client)}
    promised = {each.name.removesuffix("_total"): each for each in families.ALL}
    assert set(found) == set(promised)
    for name, family in found.items():
        each = promised[name]
        assert family.type == each.kind and family.documentation == each.text
        assert family.samples, name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(each.labels), sample


def test_figures_of_the_jobs_are_those_of_the_database(client, box, alice, drain, images):
    images.fail_next(Refused("No."))
    accept_prompt(box, alice.id, "a crane")
    drain()
    accept_prompt(box, alice.id, "a crane")
    Job.update(queued_at=now_ms() - 90_000).where(Job.status == "PENDING").execute()
    found = scrape(client)
    assert value(found, "lumibox_jobs", kind="image", status="COMPLETED") == 3
    assert value(found, "lumibox_jobs", kind="image", status="FAILED") == 1
    assert value(found, "lumibox_jobs", kind="image", status="PENDING") == 4
    assert value(found, "lumibox_jobs", kind="model3d", status="PENDING") == 0
    assert value(found, "lumibox_dead_letter_jobs") == 1
    assert 90 <= value(found, "lumibox_oldest_queued_seconds", kind="image") < 100
    assert value(found, "lumibox_oldest_queued_seconds", kind="model3d") == 0
    finished = "lumibox_jobs_finished_total"
    assert value(found, finished, kind="image", provider="scripted", outcome="completed") == 3
    assert value(found, finished, kind="image", provider="scripted", outcome="failed") == 1
    assert value(found, finished, kind="model3d", provider="builtin", outcome="failed") == 0
    assert value(found, "lumibox_job_duration_seconds_count", kind="image", outcome="completed") == 3
    assert value(found, "lumibox_job_duration_seconds_bucket", kind="image", outcome="completed", le="+Inf") == 3


def test_one_that_is_due_later_does_not_wait_yet(client, box, alice):
    accept_prompt(box, alice.id, "a crane")
    Job.update(status="RETRYING", queued_at=now_ms() + 60_000).execute()
    assert value(scrape(client), "lumibox_oldest_queued_seconds", kind="image") == 0


def test_histograms_add_up(client, box):
    for seconds in (0.01, 0.3, 0.3, 400):
        calls.note("acme", "poll", "ok", seconds)
    calls.note("acme", "poll", "busy", 0.3)
    calls.write()
    found = scrape(client)
    name, labels = "lumibox_provider_request_duration_seconds", {"provider": "acme", "operation": "poll"}
    assert [value(found, f"{name}_bucket", **labels, le=le) for le in ("0.05", "0.25", "0.5", "120.0", "+Inf")] == [
        *(1, 1, 4, 4, 5)
    ]
    assert value(found, f"{name}_count", **labels) == 5
    assert value(found, f"{name}_sum", **labels) == pytest.approx(400.91)
    assert value(found, "lumibox_provider_requests_total", **labels, outcome="ok") == 4


def test_the_store_the_sweep_and_the_backup(client, box, finished):
    before = scrape(client)
    stored = sum(row.size for row in StoredObject.select().where(StoredObject.state == "stored"))
    assert value(before, "lumibox_storage_bytes") == stored > 0
    for name in ("orphan_objects", "sweep_last_success_timestamp_seconds", "backup_last_success_timestamp_seconds"):
        assert value(before, f"lumibox_{name}") is None
    started = time.time()
    sweep.sweep(box.storage, box.config.sweep, dry_run=True)
    assert value(scrape(client), "lumibox_sweep_last_success_timestamp_seconds") is None
    StoredObject.delete().where(StoredObject.key.endswith(".png")).execute()
    sweep.sweep(box.storage, box.config.sweep)
    Setting.insert(name="backup.last_success", value="1795298457257").execute()
    after = scrape(client)
    assert value(after, "lumibox_orphan_objects") > 0
    assert started - 1 <= value(after, "lumibox_sweep_last_success_timestamp_seconds") <= time.time()
    assert value(after, "lumibox_backup_last_success_timestamp_seconds") == 1795298457.257


def test_requests_are_counted_by_template_of_route(client, finished, alice):
    for _ in range(3):
        client.get(f"/api/v1/models/{finished.id}", headers=bearer(alice))
    client.get("/api/v1/models/nope", headers=bearer(alice))
    found, name = scrape(client), "lumibox_http_requests_total"
    assert value(found, name, method="GET", route="/api/v1/models/<model_id>", status="200") == 3
    assert value(found, name, method="GET", route="/api/v1/models/<model_id>", status="404") == 1
    assert value(found, "lumibox_http_request_duration_seconds_count") == 4
    assert value(scrape(client), name, method="GET", route="/metrics", status="200") == 1


def test_nobody_can_make_up_labels(client):
    for number in range(200):
        client.open(f"/made/up/{number}", method=f"MADE{number}")
        client.get(f"/api/v1/tasks/{number}?x={number}", headers={"X-User-Id": str(number)})
        client.open("/gallery", method=f"UP{number}")
    text = client.get("/metrics").get_data(as_text=True)
    series = [line for line in text.splitlines() if line.startswith("lumibox_http_requests_total{")]
    assert len(series) <= 5
    assert value(scrape(client), "lumibox_http_requests_total", method="other", route="unknown", status="404") == 200


def test_an_open_stream_is_counted_while_it_is_open(client, box, alice):
    task = accept_prompt(box, alice.id, "a crane").id
    answer = client.get(f"/api/v1/tasks/{task}/events", headers=bearer(alice), buffered=False)
    words = iter(answer.response)
    next(words)
    assert value(scrape(client), "lumibox_sse_connections") == 1
    answer.close()
    assert value(scrape(client), "lumibox_sse_connections") == 0


def test_without_metrics_there_is_nothing_to_see(with_metrics):
    client = with_metrics(enabled=False)
    assert client.get("/metrics").status_code == 404
    assert client.get("/health").status_code == 200


def test_with_a_token_only_its_holder_may_read(with_metrics, admin):
    client = with_metrics(token=TOKEN)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}, bearer(admin)):
        answer = client.get("/metrics", headers=headers)
        assert (answer.status_code, answer.json["data"]["code"]) == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "lumibox" not in answer.get_data(as_text=True)
    assert scrape(client, Authorization=f"Bearer {TOKEN}")


def test_without_the_database_the_requests_are_still_told(client, monkeypatch):
    client.get("/health")

    def away(*_, **__):
        raise base.OperationalError("away")

    monkeypatch.setattr(exposition.figures, "jobs", away)
    names = {family.name for family in scrape(client)}
    assert "lumibox_http_requests" in names and "lumibox_jobs" not in names


def test_many_scrapes_ask_the_database_once(client, queries, monkeypatch):
    monkeypatch.setattr(exposition, "FRESH_SECONDS", 60.0)
    for _ in range(10):
        scrape(client)
    assert 0 < len(queries) < 20


def test_a_slow_database_is_asked_less_often(client, queries, monkeypatch):
    monkeypatch.setattr(exposition, "SHARE_OF_TIME", 0.0001)
    scrape(client)
    asked = len(queries)
    scrape(client)
    assert len(queries) == asked

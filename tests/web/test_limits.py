"""How much one may ask for: requests a minute, creations a day, creations at work."""

import dataclasses
import threading

import pytest
from conftest import bearer

from lumi_box.accounts import rates
from lumi_box.accounts.rates import RequestRate
from lumi_box.errors import TooMany
from lumi_box.flow import quota
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.tables import window
from lumi_box.tables.base import database
from lumi_box.tables.generation import GenerationRequest
from lumi_box.tables.window import Window
from lumi_box.web.app import create_app

NOON = 1_800_000_000_000 // 60_000 * 60_000 + 1000


@pytest.fixture(autouse=True)
def one_minute(monkeypatch):
    """No test runs over the end of a minute."""
    clock = {"now": NOON}
    monkeypatch.setattr(window, "now_ms", lambda: clock["now"])
    return clock


@pytest.fixture
def limited(box):
    made = []

    def make(*, proxies=0, **limits):
        config = box.config
        box.config = dataclasses.replace(
            config,
            limits=dataclasses.replace(config.limits, **limits),
            server=dataclasses.replace(config.server, trusted_proxies=proxies),
        )
        made.append(create_app(box))
        return made[-1].test_client()

    yield make
    for app in made:
        app.extensions["lumi_follower"].close(wait=True)


def statuses(client, times, path="/api/v1/gallery/models", **options):
    return [client.get(path, buffered=True, **options).status_code for _ in range(times)]


def test_past_the_limit_comes_429_with_when_to_come_back(limited):
    client = limited(requests_per_minute=5)
    answers = [client.get("/api/v1/gallery/models") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0", "0"]
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"5"}
    last = answers[-1]
    assert last.json["data"]["code"] == "RATE_LIMITED"
    assert last.headers["Retry-After"] == last.headers["RateLimit-Reset"] == "59"


def test_a_new_minute_begins_anew(limited, one_minute):
    client = limited(requests_per_minute=2)
    assert statuses(client, 3) == [200, 200, 429]
    one_minute["now"] += 60_000
    assert statuses(client, 3) == [200, 200, 429]
    assert Window.select().count() == 1


def test_trap_21_a_client_cannot_reset_its_limit_with_another_x_forwarded_for(limited):
    """Trap 21: the limit used to be counted against whatever address the client named."""
    client = limited(requests_per_minute=3)
    seen = []
    for number in range(6):
        headers = {
            "X-Forwarded-For": f"203.0.113.{number}",
            "X-Real-Ip": f"203.0.113.{number}",
            "Forwarded": f"for=203.0.113.{number}",
        }
        seen.append(client.get("/api/v1/gallery/models", headers=headers).status_code)
    assert seen == [200] * 3 + [429] * 3
    assert [row.subject for row in Window.select()] == ["address:127.0.0.1"]


def test_behind_a_trusted_proxy_only_what_it_added_counts(limited):
    client = limited(requests_per_minute=2, proxies=1)
    for forged in ("9.9.9.9, ", "8.8.8.8, "):
        assert (
            client.get("/api/v1/gallery/models", headers={"X-Forwarded-For": f"{forged}203.0.113.7"}).status_code == 200
        )
    assert statuses(client, 1, headers={"X-Forwarded-For": "7.7.7.7, 203.0.113.7"}) == [429]
    assert statuses(client, 1, headers={"X-Forwarded-For": "203.0.113.8"}) == [200]


def test_users_are_counted_apart_wherever_they_come_from(limited, alice, bob):
    client = limited(requests_per_minute=2)
    assert statuses(client, 3, "/api/v1/tasks", headers=bearer(alice)) == [200, 200, 429]
    assert statuses(client, 3, "/api/v1/tasks", headers=bearer(bob)) == [200, 200, 429]
    assert statuses(client, 3) == [200, 200, 429]


def test_an_ipv6_household_is_one_subject(limited):
    client = limited(requests_per_minute=2)
    seen = [
        client.get("/api/v1/gallery/models", environ_overrides={"REMOTE_ADDR": f"2001:db8:1:2::{number}"}).status_code
        for number in range(1, 4)
    ]
    assert seen == [200, 200, 429]
    other = {"REMOTE_ADDR": "2001:db8:1:3::1"}
    assert client.get("/api/v1/gallery/models", environ_overrides=other).status_code == 200


def test_health_files_and_static_files_are_not_counted(limited):
    client = limited(requests_per_minute=1)
    for path, expected in {"/health": 200, "/api/v1/health": 200, "/static/img/mark.svg": 200, "/files/x": 404}.items():
        assert statuses(client, 3, path) == [expected] * 3
    assert Window.select().count() == 0


def test_signed_out_guessing_counts_too_and_pages_say_it_kindly(limited):
    client = limited(requests_per_minute=2)
    assert statuses(client, 3, "/api/v1/tasks") == [401, 401, 429]
    page = client.get("/gallery")
    assert page.status_code == 429
    assert "<h1>" in page.get_data(as_text=True)


def test_the_limit_holds_over_processes(box):
    """Two nodes with a memory of their own, one database: together they pass not one request too many."""
    nodes = [RequestRate(100), RequestRate(100)]
    passed = sum(nodes[number % 2].spend("user:a").allowed for number in range(160))
    assert passed == 100


def test_one_process_gives_all_of_the_limit_and_not_one_more(box):
    rate = RequestRate(600)
    spent = [rate.spend("user:a") for _ in range(620)]
    assert [each.allowed for each in spent] == [True] * 600 + [False] * 20
    assert [each.remaining for each in spent[:600]] == list(range(599, -1, -1))


def test_an_idle_process_keeps_back_no_more_than_it_says(box):
    idle, busy = RequestRate(600), RequestRate(600)
    idle.spend("user:a")
    passed = sum(busy.spend("user:a").allowed for _ in range(700))
    assert 600 - rates.BATCH <= passed <= 599


def test_threads_of_many_processes_pass_no_more_than_the_limit(box):
    nodes, passed, start = [RequestRate(90) for _ in range(3)], [], threading.Barrier(6)

    def ask(number):
        start.wait()
        passed.extend(nodes[number % 3].spend("user:a").allowed for _ in range(40))
        database.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 90


def test_most_requests_write_nothing(box, queries):
    rate = RequestRate(600)
    for _ in range(300):
        rate.spend("user:a")
    writes = [sql for sql in queries if not sql.startswith("SELECT")]
    assert len(writes) < 30


def test_a_days_creations_and_when_the_next_day_begins(limited, alice, one_minute):
    client = limited(generations_per_day=2)
    headers = bearer(alice)
    for _ in range(2):
        made = client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=headers)
        assert made.status_code == 201
        client.delete(f"/api/v1/tasks/{made.json['data']['id']}", headers=headers)  # gives nothing back
    answer = client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=headers)
    assert (answer.status_code, answer.json["data"]["code"]) == (429, "QUOTA_EXCEEDED")
    assert int(answer.headers["Retry-After"]) == window.seconds_left(quota.DAY_MS)
    one_minute["now"] += int(answer.headers["Retry-After"]) * 1000
    assert client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=headers).status_code == 201


def test_pictures_painted_again_are_bounded_too(limited, alice, drain):
    client = limited(generations_per_day=1)
    headers = bearer(alice)
    task = client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=headers).json["data"]["id"]
    statuses = []
    for _ in range(5):
        drain()
        answer = client.post(f"/api/v1/tasks/{task}/images/2/redo", json={}, headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [200] * 4 + [429]
    assert answer.json["data"]["code"] == "QUOTA_EXCEEDED"


def test_creations_at_work_end_the_wait(limited, alice, drain):
    client = limited(active_generations=2)
    headers = bearer(alice)
    made = [client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in made] == [201, 201, 429]
    assert made[-1].json["data"]["code"] == "QUOTA_EXCEEDED"
    assert int(made[-1].headers["Retry-After"]) > 0
    drain()
    assert client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=headers).status_code == 201


def test_the_same_key_again_costs_nothing(limited, alice):
    client = limited(generations_per_day=1, active_generations=1)
    headers = bearer(alice) | {"Idempotency-Key": "k"}
    answers = [client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert GenerationRequest.select().count() == 1


@pytest.mark.parametrize("limit", ["generations_per_day", "active_generations"])
def test_posts_sent_at_once_cannot_pass(box, alice, bob, limit):
    box.config = dataclasses.replace(box.config, limits=dataclasses.replace(box.config.limits, **{limit: 3}))
    outcomes, start = [], threading.Barrier(8)

    def post():
        start.wait()
        try:
            accept_prompt(box, alice.id, "a crane")
            outcomes.append("accepted")
        except TooMany as error:
            outcomes.append("quota" if error.quota else "rate")
        finally:
            database.close()

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted"] * 3 + ["quota"] * 5
    accept_prompt(box, bob.id, "a crane")
    assert GenerationRequest.select().count() == 4


def test_what_is_refused_for_its_limit_counts_for_nothing(box, alice):
    limits = dataclasses.replace(box.config.limits, generations_per_day=5, active_generations=1)
    box.config = dataclasses.replace(box.config, limits=limits)
    accept_prompt(box, alice.id, "a crane")
    for _ in range(3):
        with pytest.raises(TooMany):
            accept_prompt(box, alice.id, "a crane")
    assert window.used(f"day:{alice.id}", quota.DAY_MS) == 1

"""Sessions and API tokens: listed, revoked, shown once."""

import threading
import time

import pytest
from conftest import PASSWORD, bearer

from lumi_box.accounts import local, tokens
from lumi_box.errors import NotAllowed, TooMany
from lumi_box.tables.account import AccessToken, LoginFailure
from lumi_box.tables.base import database


@pytest.fixture
def carol(box):
    return local.create("carol@example.org", PASSWORD)


def csrf(client, path="/login"):
    return client.get(path).get_data(as_text=True).split('name="csrf-token" content="')[1].split('"')[0]


@pytest.fixture
def browser(client, carol):
    form = {"email": carol.email, "password": PASSWORD, "csrf_token": csrf(client)}
    assert client.post("/login", data=form, headers={"User-Agent": "Firefox"}).status_code == 303
    return client


def test_sessions_are_listed_and_can_be_ended(app, browser, carol):
    program = app.test_client()
    told = program.post("/api/v1/auth/login", json={"email": carol.email, "password": PASSWORD}).json["data"]
    headers = {"Authorization": told["token"]}
    items = browser.get("/api/v1/auth/sessions").json["data"]["items"]
    assert sorted((item["kind"], item["current"]) for item in items) == [("browser", True), ("program", False)]
    mine = next(item["id"] for item in items if item["current"])
    assert program.delete(f"/api/v1/auth/sessions/{mine}", headers=headers).status_code == 200
    assert browser.get("/api/v1/auth/me").json["data"]["user"] is None
    assert program.get("/api/v1/tasks", headers=headers).status_code == 200


def test_nobody_ends_anothers_session_or_token(client, carol, bob):
    session, _ = tokens.issue(carol, tokens.SESSION)
    token, _ = tokens.issue(carol, tokens.API)
    for path in (f"sessions/{session.id}", f"tokens/{token.id}", f"sessions/{token.id}", f"tokens/{session.id}"):
        assert client.delete(f"/api/v1/auth/{path}", headers=bearer(bob)).status_code == 404
    assert AccessToken.select().where(AccessToken.revoked_at.is_null(False)).count() == 0


def test_a_token_is_shown_once_and_works_until_it_is_revoked(client, carol):
    headers = bearer(carol)
    made = client.post("/api/v1/auth/tokens", json={"name": "printer", "days": 7}, headers=headers)
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    token, data = made.json["data"]["token"], made.json["data"]
    assert client.get("/api/v1/tasks", headers={"Authorization": token}).status_code == 200
    listed = client.get("/api/v1/auth/tokens", headers=headers).json["data"]["items"]
    item = next(item for item in listed if item["id"] == data["id"])
    assert item["name"] == "printer"
    assert item["lastUsedAt"]
    assert item["expiresAt"]
    assert "token" not in item
    assert client.delete(f"/api/v1/auth/tokens/{data['id']}", headers=headers).status_code == 200
    assert client.get("/api/v1/tasks", headers={"Authorization": token}).status_code == 401


@pytest.mark.parametrize("body", [{"days": 0}, {"days": "x"}, {"days": 1.5}, {"name": "x" * 101}, {"admin": True}])
def test_tokens_have_rules(client, carol, body):
    assert client.post("/api/v1/auth/tokens", json=body, headers=bearer(carol)).status_code == 400


def test_the_account_page_makes_and_revokes_tokens_and_sessions(browser, carol):
    token = csrf(browser, "/account")
    page = browser.post("/account/tokens", data={"csrf_token": token, "name": "slicer", "days": "30"})
    text = page.get_data(as_text=True)
    secret = text.split('id="new-token">')[1].split("<")[0]
    assert page.headers["Cache-Control"] == "no-store"
    assert browser.get("/api/v1/tasks", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    shown = browser.get("/account").get_data(as_text=True)
    assert secret not in shown
    assert "slicer" in shown
    assert "Firefox" in shown
    row = AccessToken.get(AccessToken.kind == tokens.API)
    assert browser.post(f"/account/tokens/{row.id}/revoke", data={"csrf_token": token}).status_code == 303
    assert browser.get("/api/v1/tasks", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    mine = AccessToken.get(AccessToken.kind == tokens.SESSION)
    assert browser.post(f"/account/sessions/{mine.id}/revoke", data={"csrf_token": token}).status_code == 303
    assert browser.get("/account").status_code == 302


def test_guessers_who_come_at_once_get_no_more_tries(box, carol):
    """Counted before they are judged: a count that is read first and written later lets all of them pass."""
    outcomes, start = [], threading.Barrier(16)

    def guess():
        start.wait()
        try:
            local.authenticate(carol.email, "wrong guess", "10.1.1.1")
        except (NotAllowed, TooMany) as error:
            outcomes.append(type(error).__name__)
        finally:
            database.close()

    threads = [threading.Thread(target=guess) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["NotAllowed"] * 10 + ["TooMany"] * 6


def test_what_was_right_is_not_counted(box, carol):
    for _ in range(15):
        local.authenticate(carol.email, PASSWORD, "10.1.1.1")
    assert LoginFailure.select().count() == 0


def test_an_address_that_guesses_at_many_accounts_is_stopped(box):
    for number in range(30):
        with pytest.raises(NotAllowed):
            local.authenticate(f"a{number}@example.org", "wrong guess", "10.1.1.1")
    with pytest.raises(TooMany):
        local.authenticate("another@example.org", "wrong guess", "10.1.1.1")


def test_an_unknown_address_takes_as_long_as_a_known_one(box, carol):
    def fastest(email):
        times = []
        for number in range(5):
            begun = time.perf_counter()
            with pytest.raises(NotAllowed):
                local.authenticate(email, "wrong guess", f"10.2.{len(email)}.{number}")
            times.append(time.perf_counter() - begun)
        return min(times)

    known, unknown = fastest(carol.email), fastest("nobody@example.org")
    assert 0.5 < known / unknown < 2

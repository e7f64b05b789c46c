"""Who is asking, and what that opens."""

import pytest
from conftest import PASSWORD, bearer

from lumi_box.accounts import local, tokens
from lumi_box.clock import now_ms
from lumi_box.tables.account import AccessToken

FORGED = {
    "X-User-Id": "{id}",
    "X-External-User-Id": "{id}",
    "X-User-Email": "{email}",
    "X-Forwarded-User": "{email}",
    "Remote-User": "{email}",
    "X-Lumi-User": "{id}",
}


def sign_in(client, email, password=PASSWORD):
    page = client.get("/login").get_data(as_text=True)
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    return client.post("/login", data={"email": email, "password": password, "csrf_token": token}), token


@pytest.fixture
def carol(box):
    return local.create("carol@example.org", PASSWORD)


def test_a_bearer_token_identifies(client, alice):
    answer = client.get("/api/v1/auth/me", headers=bearer(alice)).json
    assert answer == {
        "status": "success",
        "data": {
            "status": "authenticated",
            "user": {"id": alice.id, "email": alice.email, "userName": "alice", "nickName": "alice", "avatar": None},
        },
    }


@pytest.mark.parametrize("header", FORGED)
def test_trap_1_forged_headers_change_nothing(client, alice, bob, finished, header):
    """Identity used to be copied into request headers that a client can send."""
    forged = {header: FORGED[header].format(id=alice.id, email=alice.email)}
    assert client.get("/api/v1/tasks", headers=forged).status_code == 401
    assert client.get("/api/v1/auth/me", headers=forged).json["data"]["user"] is None
    answer = client.get("/api/v1/auth/me", headers=forged | bearer(bob)).json
    assert answer["data"]["user"]["id"] == bob.id
    assert client.get(f"/api/v1/tasks/{finished.request_id}", headers=forged | bearer(bob)).status_code == 404


def test_dead_tokens_are_nobody(client, alice):
    row, secret = tokens.issue(alice, tokens.API)
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/tasks", headers=headers).status_code == 200
    for dead in (
        lambda: AccessToken.update(expires_at=now_ms() - 1).where(AccessToken.id == row.id).execute(),
        lambda: AccessToken.update(expires_at=None, revoked_at=1).where(AccessToken.id == row.id).execute(),
        lambda: AccessToken.delete().execute(),
    ):
        dead()
        answer = client.get("/api/v1/tasks", headers=headers)
        assert (answer.status_code, answer.json["data"]["code"]) == (401, "UNAUTHORIZED")
        assert client.get("/api/v1/auth/me", headers=headers).json["data"]["status"] == "unauthenticated"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer  x", "Bearer \u00ff"])
def test_broken_authorization_headers_are_nobody(client, box, value):
    assert client.get("/api/v1/tasks", headers={"Authorization": value}).status_code == 401


def test_a_disabled_account_is_out_at_once(client, alice):
    headers = bearer(alice)
    local.disable(alice)
    assert client.get("/api/v1/tasks", headers=headers).status_code == 401


def test_login_gives_a_token_that_is_sent_back_verbatim(client, carol):
    answer = client.post("/api/v1/auth/login", json={"email": "Carol@Example.org ", "password": PASSWORD})
    token = answer.json["data"]["token"]
    assert token.startswith("Bearer ")
    assert client.get("/api/tasks", headers={"Authorization": token}).status_code == 200
    assert client.post("/api/v1/auth/logout", headers={"Authorization": token}).status_code == 200
    assert client.get("/api/tasks", headers={"Authorization": token}).status_code == 401


@pytest.mark.slow
def test_wrong_passwords_are_refused_and_slowed_down(client, carol):
    for _ in range(10):
        answer = client.post("/api/v1/auth/login", json={"email": carol.email, "password": "wrong"})
        assert answer.status_code == 403
    answer = client.post("/api/v1/auth/login", json={"email": carol.email, "password": PASSWORD})
    assert (answer.status_code, answer.json["data"]["code"]) == (429, "RATE_LIMITED")
    assert int(answer.headers["Retry-After"]) > 0


def test_the_session_cookie_identifies_and_is_guarded(client, carol):
    answer, _ = sign_in(client, carol.email)
    assert answer.status_code == 303
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("lumi_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert client.get("/api/v1/auth/me").json["data"]["user"]["id"] == carol.id


def test_a_cookie_alone_changes_nothing_without_the_csrf_token(client, carol):
    sign_in(client, carol.email)
    answer = client.post("/api/v1/tasks", json={"prompt": "a crane"})
    assert (answer.status_code, answer.json["data"]["code"]) == (403, "FORBIDDEN")
    token = client.get("/api/v1/auth/me").headers["X-CSRF-Token"]
    headers = {"X-CSRF-Token": token}
    assert client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=headers).status_code == 201
    assert client.post("/api/v1/tasks", json={"prompt": "a"}, headers={"X-CSRF-Token": "x"}).status_code == 403


def test_a_tampered_or_foreign_cookie_is_nobody(app, client, carol):
    sign_in(client, carol.email)
    value = client.get_cookie("lumi_session").value
    stranger = app.test_client()
    for forged in (value[:-4] + "AAAA", "x" + value, value.split(".")[0], ""):
        stranger.set_cookie("lumi_session", forged)
        assert stranger.get("/api/v1/auth/me").json["data"]["user"] is None
    stranger.set_cookie("lumi_session", value)
    assert stranger.get("/api/v1/auth/me").json["data"]["user"]["id"] == carol.id


def test_signing_out_revokes_the_cookie_everywhere(app, client, carol):
    sign_in(client, carol.email)
    value = client.get_cookie("lumi_session").value
    token = client.get("/api/v1/auth/me").headers["X-CSRF-Token"]
    assert client.post("/logout", data={"csrf_token": token}).status_code == 303
    thief = app.test_client()
    thief.set_cookie("lumi_session", value)
    assert thief.get("/api/v1/auth/me").json["data"]["user"] is None


def test_a_session_planted_before_signing_in_is_dropped(client, carol):
    page_token = client.get("/login").get_data(as_text=True).split('name="csrf-token" content="')[1].split('"')[0]
    before = client.get_cookie("lumi_session").value
    client.post("/login", data={"email": carol.email, "password": PASSWORD, "csrf_token": page_token})
    assert client.get_cookie("lumi_session").value != before


def test_registration_is_closed_by_default(client, box):
    answer = client.post("/api/v1/auth/register", json={"email": "new@example.org", "password": PASSWORD})
    assert (answer.status_code, answer.json["data"]["code"]) == (403, "FORBIDDEN")


def test_mail_codes_say_that_they_are_not_set_up(client, box):
    answer = client.post("/api/v1/auth/send-code", json={"email": "new@example.org", "type": "login"})
    assert (answer.status_code, answer.json["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert "e-mail" in answer.json["message"]

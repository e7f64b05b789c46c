"""Accounts that an external service keeps: what it proves, and what its failures must not do."""

import dataclasses
import time

import pytest
from conftest import PASSWORD
from emulators.user_service import UserServiceEmulator

from lumi_box import doctor
from lumi_box.accounts import local, tokens
from lumi_box.accounts.user_service import NOBODY_SECONDS, UserService, bare
from lumi_box.tables.account import User
from lumi_box.web.app import create_app

EMAIL = "fox@example.cn"
OUTAGES = {
    "down": None,
    "hangs": ("hang-before", {}),
    "drips": ("drip", {}),
    "not json": ("not-json", {}),
    "empty": ("empty-body", {}),
    "gateway": ("gateway-502", {}),
    "resets": ("reset-before", {}),
    "cut short": ("cut-short", {}),
    "endless": ("endless", {}),
    "5xx with an envelope": ("answer", {"status": 500, "body": {"code": 401, "msg": "x"}}),
    "no code": ("answer", {"status": 200, "body": {"msg": "ok", "data": {"user_id": "admin"}}}),
    "a list": ("answer", {"status": 200, "body": [1]}),
    "a user without id": ("answer", {"status": 200, "body": {"code": 200, "msg": "", "data": {"user_name": "x"}}}),
    "another error": ("answer", {"status": 200, "body": {"code": 500, "msg": "内部错误"}}),
    "404 page": ("answer", {"status": 404, "body": "not found"}),
    "redirect": ("redirect-loop", {}),
}


@pytest.fixture
def service():
    with UserServiceEmulator() as running:
        running.vendor.add(EMAIL, "fox password", avatar="https://cdn.example.cn/fox.png")
        yield running


@pytest.fixture
def app(box, service):
    accounts = dataclasses.replace(
        box.config.accounts, mode="user_service", user_service_url=service.url, user_service_cache_seconds=60
    )
    box.config = dataclasses.replace(box.config, accounts=accounts)
    app = create_app(box)
    yield app
    app.extensions["lumi_follower"].close(wait=True)


@pytest.fixture
def client(app):
    return app.test_client()


def forget(app):
    """As if the cache's seconds had passed."""
    service = app.extensions["lumi_people"].service
    service._known._found.clear()
    service._nobody._found.clear()


def break_down(service, outage):
    if OUTAGES[outage] is None:
        service.stop()
    else:
        name, options = OUTAGES[outage]
        service.fault("any", name, **options)


def bearer_of(service, email=EMAIL):
    return {"Authorization": f"Bearer {service.vendor.token(email)}"}


def page_token(client):
    return client.get("/login").get_data(as_text=True).split('name="csrf-token" content="')[1].split('"')[0]


def log_in_page(client, email, password):
    form = {"email": email, "password": password, "csrf_token": page_token(client)}
    return client.post("/login", data=form)


@pytest.mark.parametrize("prefixed", [True, False])
def test_a_login_by_code_gives_the_services_token_with_the_word_bearer_once(client, service, prefixed):
    service.settings.prefixed = prefixed
    assert client.post("/api/auth/send-code", json={"email": EMAIL, "type": "login"}).status_code == 200
    code = service.people.codes[EMAIL, "login"]
    answer = client.post("/api/auth/login", json={"email": EMAIL, "code": code})
    token = answer.json["data"]["token"]
    assert token.startswith("Bearer eyJ")
    me = client.get("/api/auth/me", headers={"Authorization": token}).json["data"]
    assert me["status"] == "authenticated"
    assert me["user"] == {
        "id": User.get(User.external_id == "u_1024").id,
        "email": EMAIL,
        "userName": "fox",
        "nickName": "Fox",
        "avatar": "https://cdn.example.cn/fox.png",
    }
    assert client.post("/api/tasks", json={"prompt": "a fox"}, headers={"Authorization": token}).status_code == 201


def test_registering_goes_through_and_the_services_words_come_back(client, service):
    refused = client.post("/api/auth/send-code", json={"email": EMAIL, "type": "register"})
    assert (refused.status_code, refused.json["data"]["message"]) == (403, "该邮箱已注册")
    new = "new@example.cn"
    assert client.post("/api/auth/send-code", json={"email": new, "type": "register"}).status_code == 200
    code = service.people.codes[new, "register"]
    assert client.post("/api/auth/register", json={"email": new, "code": code}).status_code == 201
    assert new in service.people.users
    again = client.post("/api/auth/register", json={"email": new, "code": code})
    assert (again.status_code, again.json["data"]["message"]) == (403, "验证码错误或已过期")
    assert client.post("/api/auth/register", json={"email": new, "password": PASSWORD}).status_code == 400


@pytest.mark.parametrize("http_errors", [False, True])
def test_a_token_that_the_service_does_not_know_is_nobody(client, service, http_errors):
    service.settings.http_errors = http_errors
    for token in ("Bearer nonsense", "Bearer ", "Bearer a\u00ffb", "Bearer x y", f"Bearer {'x' * 5000}"):
        headers = {"Authorization": token}
        assert client.get("/api/tasks", headers=headers).status_code == 401
        assert client.get("/api/auth/me", headers=headers).json["data"] == {"status": "unauthenticated", "user": None}


def test_the_answer_is_remembered_and_the_row_is_made_once(app, client, service):
    headers = bearer_of(service)
    for _ in range(5):
        assert client.get("/api/tasks", headers=headers).status_code == 200
    assert service.people.calls == ["info"]
    service.people.users[EMAIL]["nick_name"] = "Vixen"
    forget(app)
    assert client.get("/api/auth/me", headers=headers).json["data"]["user"]["nickName"] == "Vixen"
    assert User.select().count() == 1


def test_a_bad_token_is_asked_about_once_in_a_few_seconds(app, client, service):
    headers = {"Authorization": "Bearer nonsense"}
    for _ in range(20):
        assert client.get("/api/tasks", headers=headers).status_code == 401
    assert service.people.calls == ["info"]
    assert client.get("/api/tasks", headers={"Authorization": "Bearer other"}).status_code == 401
    assert client.get("/api/tasks", headers=bearer_of(service)).status_code == 200
    assert service.people.calls == ["info"] * 3


def test_a_token_that_becomes_valid_waits_no_longer_than_those_seconds(app, client, service, monkeypatch):
    """It was used before the service knew it, as may happen right after somebody has signed in there."""
    clock = [1000.0]
    monkeypatch.setattr("lumi_box.accounts.user_service.time.monotonic", lambda: clock[0])
    headers = {"Authorization": "Bearer eyJearly"}
    assert client.get("/api/tasks", headers=headers).status_code == 401
    service.people.tokens["eyJearly"] = EMAIL
    clock[0] += NOBODY_SECONDS - 0.01
    assert client.get("/api/tasks", headers=headers).status_code == 401
    clock[0] += 0.01
    assert client.get("/api/tasks", headers=headers).status_code == 200
    assert service.people.calls == ["info"] * 2


def test_a_failure_of_the_service_is_not_remembered_as_nobody(client, service):
    headers = bearer_of(service)
    service.fault("info", "gateway-502", times=1)
    assert client.get("/api/tasks", headers=headers).status_code == 503
    assert client.get("/api/tasks", headers=headers).status_code == 200


def test_signing_in_is_believed_at_once_whatever_was_remembered(client, service, monkeypatch):
    def same_token(email, *_):
        service.people.tokens["eyJsame"] = email
        return "eyJsame"

    monkeypatch.setattr(service.vendor, "token", same_token)
    headers = {"Authorization": "Bearer eyJsame"}
    assert client.get("/api/tasks", headers=headers).status_code == 401
    answer = client.post("/api/auth/login", json={"email": EMAIL, "password": "fox password"})
    assert answer.json["data"]["token"] == "Bearer eyJsame"
    assert client.get("/api/tasks", headers=headers).status_code == 200


def test_without_a_cache_every_use_is_asked_about(box, service):
    accounts = dataclasses.replace(
        box.config.accounts, mode="user_service", user_service_url=service.url, user_service_cache_seconds=0
    )
    people = UserService(accounts)
    assert [people.user_of("nonsense") for _ in range(3)] == [None] * 3
    assert service.people.calls == ["info"] * 3


@pytest.mark.parametrize("name", ["_known", "_nobody"])
def test_what_is_remembered_is_bounded_and_ends(app, name):
    memory = getattr(app.extensions["lumi_people"].service, name)
    for number in range(10_050):
        memory.put(str(number), "u")
    assert len(memory._found) == 10_000
    assert memory.get("0") is None
    memory._seconds = -1
    memory.put("late", "u")
    assert memory.get("late") is None


def test_signing_out_kills_the_token_on_every_node_even_if_the_service_does_not_hear(app, box, client, service):
    headers = bearer_of(service)
    other = create_app(box)
    assert other.test_client().get("/api/tasks", headers=headers).status_code == 200
    assert client.get("/api/tasks", headers=headers).status_code == 200
    service.fault("logout", "gateway-502")
    assert client.post("/api/auth/logout", headers=headers).status_code == 200
    assert client.get("/api/tasks", headers=headers).status_code == 401
    assert other.test_client().get("/api/tasks", headers=headers).status_code == 401
    other.extensions["lumi_follower"].close(wait=True)


def test_the_service_cannot_take_a_local_account_over(client, service, box):
    root = local.create("root@example.cn", PASSWORD, admin=True)
    service.vendor.add("root@example.cn", "theirs")
    me = client.get("/api/auth/me", headers=bearer_of(service, "root@example.cn")).json["data"]["user"]
    assert me["id"] != root.id
    assert me["email"] is None
    assert client.get("/admin", headers=bearer_of(service, "root@example.cn")).status_code == 403
    taken = client.post("/api/auth/login", json={"email": "root@example.cn", "password": "theirs"})
    assert taken.status_code == 403
    assert "login" not in service.people.calls


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_is_503_within_three_seconds_and_lets_nobody_in_or_out(app, client, service, outage):
    """Down, slow, or talking nonsense: not an answer about anybody."""
    headers = bearer_of(service)
    session = app.test_client()
    assert log_in_page(session, EMAIL, "fox password").status_code == 303
    root = local.create("root@example.cn", PASSWORD, admin=True)
    own = {"Authorization": f"Bearer {tokens.issue(root, tokens.API)[1]}"}
    break_down(service, outage)
    begun = time.monotonic()
    answer = client.get("/api/tasks", headers=headers)
    assert time.monotonic() - begun < 3
    assert (answer.status_code, answer.json["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert "user service" in answer.json["message"]
    assert client.get("/api/auth/me", headers=headers).json["data"] == {"status": "error", "user": None}
    assert session.get("/api/tasks").status_code == 200
    assert client.get("/api/tasks", headers=own).status_code == 200
    service.faults.clear()
    if OUTAGES[outage] is not None:
        assert client.get("/api/tasks", headers=headers).status_code == 200


@pytest.mark.parametrize("outage", ["down", "hangs", "not json"])
def test_signing_in_during_an_outage_is_503_and_the_page_says_so(client, service, outage):
    local.create("root@example.cn", PASSWORD, admin=True)
    break_down(service, outage)
    for path, body in {
        "send-code": {"email": EMAIL, "type": "login"},
        "login": {"email": EMAIL, "password": "fox password"},
        "register": {"email": "new@example.cn", "code": "123456"},
    }.items():
        begun = time.monotonic()
        answer = client.post(f"/api/auth/{path}", json=body)
        assert time.monotonic() - begun < 3
        assert (answer.status_code, answer.json["code"]) == (503, "SERVICE_UNAVAILABLE"), path
    page = log_in_page(client, EMAIL, "fox password")
    assert page.status_code == 503
    assert "The user service does not answer" in page.get_data(as_text=True)
    assert client.get("/api/auth/me").json["data"]["user"] is None
    assert log_in_page(client, "root@example.cn", PASSWORD).status_code == 303


def test_what_is_open_to_all_does_not_take_an_unproven_bearer_for_nobody(client, service):
    headers = bearer_of(service)
    assert client.get("/api/gallery/models").status_code == 200
    service.stop()
    assert client.get("/api/gallery/models").status_code == 200
    assert client.get("/health", headers=headers).status_code == 200
    assert client.get("/", headers=headers).status_code == 503


def test_the_doctor_really_asks(app, box, service):
    assert doctor.examine(box, ["user-service"])[0].healthy
    assert service.people.calls == ["info"]
    service.fault("info", "answer", status=200, body={"code": 200, "data": {"user_id": "u", "user_name": "x"}})
    assert not doctor.examine(box, ["user-service"])[0].healthy  # it lets anybody in
    service.stop()
    found = doctor.examine(box, ["user-service"])[0]
    assert not found.healthy
    assert found.hint
    assert "user-service" in doctor.CRITICAL


@pytest.mark.parametrize(("given", "expected"), [("Bearer x", "x"), ("x", "x"), ("bearer  x ", "x"), ("Bearer", "")])
def test_the_word_bearer_is_never_doubled(given, expected):
    assert bare(given) == expected

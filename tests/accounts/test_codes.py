"""Codes by e-mail, against a real SMTP server on loopback."""

import dataclasses
import email
import email.policy
import re
import socket
import threading

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from conftest import PASSWORD

from lumi_box.accounts import codes, local
from lumi_box.accounts.mail import TIMEOUT_SECONDS
from lumi_box.clock import now_ms
from lumi_box.errors import NotAllowed
from lumi_box.tables import window
from lumi_box.tables.account import LoginFailure, OneTimeCode, User
from lumi_box.web.app import create_app

NEW = "new@example.org"


class Taking:
    """What aiosmtpd calls; it looks at every attribute, so that there is only this one."""

    def __init__(self, mailbox):
        self._mailbox = mailbox

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  # the name that aiosmtpd calls
        if self._mailbox.refuse:
            return self._mailbox.refuse
        self._mailbox.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"


class Mailbox:
    """What the server was given; `refuse` makes it say no."""

    def __init__(self):
        self.mails, self.refuse = [], ""

    @property
    def last(self):
        return self.mails[-1].get_content()

    @property
    def code(self):
        return re.search(r"\b\d{6}\b", self.last)[0]


def serving(mailbox, **options):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Controller(Taking(mailbox), hostname="127.0.0.1", port=port, **options)


@pytest.fixture
def mailbox():
    box = Mailbox()
    controller = serving(box)
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


def with_mail(box, url, **more):
    accounts = dataclasses.replace(
        box.config.accounts, smtp_url=url, mail_from="Lumi <lumi@example.org>", registration="open", **more
    )
    box.config = dataclasses.replace(box.config, accounts=accounts)
    return create_app(box)


@pytest.fixture
def app(box, mailbox):
    app = with_mail(box, f"smtp://127.0.0.1:{mailbox.port}")
    yield app
    app.extensions["lumi_follower"].close(wait=True)


@pytest.fixture
def client(app):
    return app.test_client()


def send(client, address, purpose="login", **options):
    return client.post("/api/v1/auth/send-code", json={"email": address, "type": purpose}, **options)


def login(client, address, code):
    return client.post("/api/v1/auth/login", json={"email": address, "code": code})


def later(milliseconds=codes.PAUSE_MS):
    """As if so much time had passed for the codes that are there."""
    OneTimeCode.update(
        created_at=OneTimeCode.created_at - milliseconds, expires_at=OneTimeCode.expires_at - milliseconds
    ).execute()


def wrong(code):
    return f"{(int(code) + 1) % 10**6:06}"


def test_a_code_signs_in_once(client, alice, mailbox):
    assert send(client, "Alice@Example.org ").status_code == 200
    assert mailbox.mails[-1]["To"] == alice.email
    assert mailbox.mails[-1]["From"] == "Lumi <lumi@example.org>"
    answer = login(client, alice.email, mailbox.code)
    token = answer.json["data"]["token"]
    assert client.get("/api/v1/tasks", headers={"Authorization": token}).status_code == 200
    again = login(client, alice.email, mailbox.code)
    assert (again.status_code, again.json["data"]["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("code", ["000000", "111111", "123456", "666666", "888888", "999999"])
def test_trap_17_no_code_is_built_in(client, alice, mailbox, code):
    """Well-known codes let anybody in as an administrator."""
    User.update(is_admin=True).where(User.id == alice.id).execute()
    assert login(client, alice.email, code).status_code == 403  # none was asked for
    send(client, alice.email)
    if code != mailbox.code:  # once in a million runs it is the one that was sent
        assert login(client, alice.email, code).status_code == 403


def test_a_code_registers_once(client, box, mailbox):
    assert send(client, NEW, "register").status_code == 200
    body = {"email": NEW, "code": mailbox.code}
    assert client.post("/api/v1/auth/register", json=body | {"code": wrong(mailbox.code)}).status_code == 403
    answer = client.post("/api/v1/auth/register", json=body)
    assert (answer.status_code, answer.json["data"]["user"]["email"]) == (201, NEW)
    assert not User.get(User.email == NEW).is_admin
    assert client.post("/api/v1/auth/register", json=body).status_code == 403


@pytest.mark.parametrize(("language", "words"), [("en", "within ten minutes"), ("zh-CN", "十分钟")])
def test_the_mail_speaks_the_readers_language(client, alice, mailbox, language, words):
    send(client, alice.email, headers={"Accept-Language": language})
    assert words in mailbox.last


def test_the_code_of_one_purpose_or_address_does_not_serve_another(client, alice, bob, mailbox):
    send(client, alice.email)
    code = mailbox.code
    assert login(client, bob.email, code).status_code == 403
    assert client.post("/api/v1/auth/register", json={"email": alice.email, "code": code}).status_code == 403
    assert login(client, alice.email, code).status_code == 200


def test_five_tries_and_no_more(client, alice, mailbox):
    send(client, alice.email)
    for _ in range(5):
        assert login(client, alice.email, wrong(mailbox.code)).status_code == 403
    assert login(client, alice.email, mailbox.code).status_code == 403


def test_ten_minutes_and_no_more(client, alice, mailbox):
    send(client, alice.email)
    later(codes.LIFETIME_MS - 2000)
    OneTimeCode.update(tries=0).execute()
    later(2001)
    assert login(client, alice.email, mailbox.code).status_code == 403


def test_a_new_code_ends_the_one_before(client, alice, mailbox):
    send(client, alice.email)
    first = mailbox.code
    later()
    assert send(client, alice.email).status_code == 200
    assert mailbox.code != first or len(mailbox.mails) == 2
    if mailbox.code != first:
        assert login(client, alice.email, first).status_code == 403
    assert OneTimeCode.select().count() == 1
    assert login(client, alice.email, mailbox.code).status_code == 200


def test_asking_again_at_once_is_refused_also_for_an_unknown_address(client, alice, mailbox):
    for address in (alice.email, "nobody@example.org"):
        assert send(client, address).status_code == 200
        answer = send(client, address)
        assert (answer.status_code, answer.json["data"]["code"]) == (429, "RATE_LIMITED")
        assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_an_address_gets_six_an_hour_and_an_origin_thirty(client, alice, mailbox):
    statuses = []
    for _ in range(8):
        statuses.append(send(client, alice.email).status_code)
        later()
    assert statuses == [200] * 6 + [429] * 2
    spread = [send(client, f"a{number}@example.org").status_code for number in range(30)]
    assert spread.count(200) == 30 - 6
    assert spread[-1] == 429


def test_nobody_learns_from_the_answer_who_has_an_account(client, alice, mailbox):
    known, unknown = send(client, alice.email), send(client, "nobody@example.org")
    assert (known.status_code, known.json) == (unknown.status_code, unknown.json)
    assert len(mailbox.mails) == 2
    assert not re.search(r"\d{6}", mailbox.last)
    register_known = send(client, alice.email, "register")
    register_new = send(client, NEW, "register")
    assert (register_known.status_code, register_known.json) == (register_new.status_code, register_new.json)
    assert not re.search(r"\d{6}", mailbox.mails[-2].get_content())
    answers = [login(client, address, "000000").json for address in (alice.email, "nobody@example.org")]
    assert answers[0] == answers[1]


def test_a_disabled_account_gets_no_code(client, alice, mailbox):
    send(client, alice.email)
    code = mailbox.code
    local.disable(alice)
    assert login(client, alice.email, code).status_code == 403
    later()
    send(client, alice.email)
    assert not re.search(r"\b\d{6}\b", mailbox.last)


def test_the_code_is_stored_as_a_keyed_hash(client, alice, mailbox, box):
    send(client, alice.email)
    row = OneTimeCode.get()
    assert mailbox.code not in str(row.__data__)
    assert row.secret_hash == codes._hash(box.config.security.cookie_secret, alice.email, "login", mailbox.code)
    assert row.secret_hash != codes._hash("another", alice.email, "login", mailbox.code)


def test_no_log_line_holds_a_code_or_an_address(client, alice, mailbox, caplog):
    caplog.set_level("DEBUG", logger="lumi_box")
    send(client, alice.email)
    mailbox.refuse = "550 no such user alice@example.org"
    later()
    send(client, alice.email)
    assert mailbox.code not in caplog.text
    assert alice.email not in caplog.text


def test_a_mail_that_cannot_be_sent_is_503_and_may_be_tried_again(client, alice, mailbox):
    mailbox.refuse = "451 try later"
    answer = send(client, alice.email)
    assert (answer.status_code, answer.json["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert OneTimeCode.select().count() == 0
    mailbox.refuse = ""
    assert send(client, alice.email).status_code == 200


def test_a_server_that_is_down_is_503(box, alice):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        app = with_mail(box, f"smtp://127.0.0.1:{taken.getsockname()[1]}")
        assert send(app.test_client(), alice.email).status_code == 503
        app.extensions["lumi_follower"].close(wait=True)
    assert TIMEOUT_SECONDS <= 5


def test_a_password_never_goes_in_the_clear_to_another_machine(monkeypatch, box, alice, mailbox):
    monkeypatch.setattr("lumi_box.accounts.mail._is_this_machine", lambda _: False)
    app = with_mail(box, f"smtp://lumi:secret@127.0.0.1:{mailbox.port}")
    assert send(app.test_client(), alice.email).status_code == 503
    assert mailbox.mails == []
    app.extensions["lumi_follower"].close(wait=True)


def test_user_and_password_are_decoded_and_sent(box, alice):
    seen, mailbox = [], Mailbox()

    def check(server, session, envelope, mechanism, given):
        seen.append((given.login, given.password))
        return AuthResult(success=True)

    controller = serving(mailbox, authenticator=check, auth_require_tls=False)
    controller.start()
    app = with_mail(box, f"smtp://lumi%40example.org:p%40ss@127.0.0.1:{controller.port}")
    assert send(app.test_client(), alice.email).status_code == 200
    controller.stop()
    app.extensions["lumi_follower"].close(wait=True)
    assert seen == [(b"lumi@example.org", b"p@ss")]
    assert len(mailbox.mails) == 1


def test_registration_that_is_closed_is_closed_to_codes_too(app, box, mailbox):
    closed = dataclasses.replace(box.config.accounts, registration="closed")
    box.config = dataclasses.replace(box.config, accounts=closed)
    other = create_app(box)
    assert send(other.test_client(), NEW, "register").status_code == 403
    body = {"email": NEW, "code": "123456"}
    assert other.test_client().post("/api/v1/auth/register", json=body).status_code == 403
    assert mailbox.mails == []
    other.extensions["lumi_follower"].close(wait=True)


def test_of_many_at_once_one_uses_the_code(box):
    code = codes.make("key", "a@example.org", "login", "10.0.0.1")
    outcomes, start = [], threading.Barrier(5)

    def use():
        start.wait()
        try:
            codes.redeem("key", "a@example.org", "login", code)
            outcomes.append("in")
        except NotAllowed:
            outcomes.append("out")
        finally:
            OneTimeCode._meta.database.close()

    threads = [threading.Thread(target=use) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in"] + ["out"] * 4


def test_the_pages_sign_in_and_register_with_a_code(client, alice, mailbox):
    def page_token(path):
        return client.get(path).get_data(as_text=True).split('name="csrf-token" content="')[1].split('"')[0]

    form = {"csrf_token": page_token("/login"), "email": NEW, "purpose": "register", "next": "/gallery"}
    page = client.post("/login/code", data=form).get_data(as_text=True)
    assert 'autocomplete="one-time-code"' in page
    assert client.post("/register", data=form | {"code": wrong(mailbox.code)}).status_code == 401
    answer = client.post("/register", data=form | {"code": mailbox.code})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/gallery")
    assert client.get("/api/v1/auth/me").json["data"]["user"]["email"] == NEW
    client.post("/logout", data={"csrf_token": page_token("/account")})
    form = {"csrf_token": page_token("/login"), "email": alice.email}
    client.post("/login/code", data=form)
    assert client.post("/login", data=form | {"code": mailbox.code}).status_code == 303
    assert client.get("/api/v1/auth/me").json["data"]["user"]["id"] == alice.id


def test_wrong_codes_count_as_wrong_passwords(client, alice, mailbox):
    for _ in range(2):
        send(client, alice.email)
        for _ in range(5):
            login(client, alice.email, wrong(mailbox.code))
        later()
    assert LoginFailure.select().where(LoginFailure.at > now_ms() - 60_000).count() == 20
    send(client, alice.email)
    assert login(client, alice.email, mailbox.code).status_code == 429


def test_new_accounts_from_one_origin_are_bounded(client, box, mailbox):
    window.take("accounts-by:127.0.0.1", 3_600_000, 20, 20)
    answer = client.post("/api/v1/auth/register", json={"email": NEW, "password": PASSWORD})
    assert answer.status_code == 429

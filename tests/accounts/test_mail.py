"""One mail to real servers on loopback: over TLS of both kinds, and never for longer than ten seconds."""

import dataclasses
import email
import email.policy
import logging
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from lumi_box.accounts import mail
from lumi_box.errors import Unavailable

CERTIFICATE = Path(__file__).with_name("localhost_test.pem")  # of localhost, signed by itself


class Taking:
    """What aiosmtpd calls."""

    def __init__(self, kept):
        self._kept = kept

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  # the name that aiosmtpd calls
        encrypted = session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self._kept.append((encrypted, message["Subject"], session.host_name))
        return "250 OK"


def server_side():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.fixture
def serve():
    """An SMTP server with these options; answers its port, and what it will have been given."""
    running = []

    def start(**options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        kept = []
        controller = Controller(Taking(kept), hostname="127.0.0.1", port=port, **options)
        controller.start()
        running.append(controller)
        return port, kept

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture
def trusted(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


@pytest.fixture
def send(box):
    def send(url):
        accounts = dataclasses.replace(box.config.accounts, smtp_url=url, mail_from="Lumi <lumi@example.org>")
        mail.send(accounts, "alice@example.org", "A code", "123456")

    return send


def test_smtps_speaks_tls_from_the_first_byte(serve, send, trusted):
    port, kept = serve(ssl_context=server_side())
    send(f"smtps://localhost:{port}")
    assert [each[:2] for each in kept] == [(True, "A code")]


def test_starttls_is_used_where_it_is_offered_and_before_the_password(serve, send, trusted):
    seen = []

    def check(server, session, envelope, mechanism, given):
        seen.append((session.ssl is not None, given.login, given.password))
        return AuthResult(success=True)

    port, kept = serve(tls_context=server_side(), require_starttls=True, authenticator=check, auth_required=True)
    send(f"smtp://lumi:p%40ss@localhost:{port}")
    assert seen == [(True, b"lumi", b"p@ss")]
    assert [each[:2] for each in kept] == [(True, "A code")]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_that_nobody_vouches_for_gets_neither_mail_nor_password(serve, send, scheme, caplog):
    seen = []
    tls = {"ssl_context": server_side()} if scheme == "smtps" else {"tls_context": server_side()}
    port, kept = serve(**tls, authenticator=lambda *given: seen.append(given) or AuthResult(success=True))
    with pytest.raises(Unavailable):
        send(f"{scheme}://lumi:secret@localhost:{port}")
    assert (kept, seen) == ([], [])
    assert "SSLCertVerificationError" in caplog.text


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_of_another_name_is_not_accepted(serve, send, trusted, scheme):
    tls = {"ssl_context": server_side()} if scheme == "smtps" else {"tls_context": server_side()}
    port, kept = serve(**tls)
    with pytest.raises(Unavailable):
        send(f"{scheme}://127.0.0.1:{port}")
    assert kept == []


def test_it_introduces_itself_without_asking_the_name_server(serve, send, monkeypatch):
    def never(*_):
        raise AssertionError("asked")

    monkeypatch.setattr(socket, "getfqdn", never)
    monkeypatch.setattr(socket, "gethostbyname", never)
    for name, told in (("box.example.org", "box.example.org"), ("box", "[127.0.0.1]"), ("kästchen.lan", "[127.0.0.1]")):
        monkeypatch.setattr(socket, "gethostname", lambda name=name: name)
        port, kept = serve(server_hostname="mail.test")
        send(f"smtp://127.0.0.1:{port}")
        assert kept[0][2] == told


class Script:
    """A server that says these words, one after each line that it hears, and then does as `last` does."""

    def __init__(self, words, last):
        self._words, self._last = words, last
        self.heard = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._listener.close()
        self._thread.join(10)

    def _serve(self):
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as lines:
            try:
                for word in self._words:
                    connection.sendall(word)
                    if word.startswith(b"354"):
                        while lines.readline() != b".\r\n":
                            pass
                    else:
                        self.heard.append(lines.readline())
                self._last(connection)
            except OSError:
                return


def drip(connection):
    for _ in range(1000):
        connection.sendall(b"2")
        time.sleep(0.02)


def silence(connection):
    while connection.recv(1000):
        pass


TAKEN = [b"220 hello\r\n", b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n", b"250 taken\r\n"]


@pytest.fixture
def script():
    made = []

    def start(words, last):
        made.append(Script(words, last))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.mark.parametrize("last", [drip, silence])
@pytest.mark.parametrize(("scheme", "answers"), [("smtps", 0), *(("smtp", number) for number in range(6))])
def test_a_server_that_drips_or_falls_silent_is_given_up_in_time(script, send, monkeypatch, last, answers, scheme):
    """Whatever each single wait may take: the sum is bounded, TLS included."""
    monkeypatch.setattr(mail, "SECONDS", 0.4)
    server = script(TAKEN[:answers], last)
    started = time.monotonic()
    with pytest.raises(Unavailable):
        send(f"{scheme}://127.0.0.1:{server.port}")
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("last", [drip, silence, lambda connection: connection.sendall(b"500 what?\r\n")])
def test_what_has_been_taken_is_sent_however_the_farewell_goes(script, send, monkeypatch, last):
    monkeypatch.setattr(mail, "SECONDS", 0.4)
    server = script(TAKEN, last)
    send(f"smtp://127.0.0.1:{server.port}")
    assert server.heard[-1].upper() == b"QUIT\r\n"


def test_a_name_that_is_not_answered_is_given_up_in_time(send, monkeypatch):
    let_go = threading.Event()

    def slow(*_, **__):
        let_go.wait(10)
        raise socket.gaierror(-3, "later")

    monkeypatch.setattr(mail, "SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    started = time.monotonic()
    with pytest.raises(Unavailable):
        send("smtp://mail.example.org")
    assert time.monotonic() - started < 3
    let_go.set()


def test_a_mail_takes_ten_seconds_at_most():
    assert (mail.SECONDS, mail.TIMEOUT_SECONDS) == (10, 5)


def test_no_log_line_holds_the_recipient_the_text_or_the_password(script, send, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG, logger="lumi_box")
    server = script([*TAKEN[:2], b"550 no alice@example.org with secret here\r\n"], silence)
    monkeypatch.setattr(mail, "SECONDS", 1.0)
    with pytest.raises(Unavailable) as caught:
        send(f"smtp://127.0.0.1:{server.port}")
    assert "mail not sent" in caplog.text
    for word in ("alice", "123456", "secret"):
        assert word not in caplog.text and word not in str(caught.value)

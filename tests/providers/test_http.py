import gzip
import json
import logging
import socket
import threading
import time
import traceback

import pytest
from providers.raw_server import serving

from lumi_box.errors import Refused, Unavailable
from lumi_box.providers import http, transport
from lumi_box.providers.http import AnswerLost, Client

SECRET = "sk-very-secret"
TOKEN, WISH = "abc" * 3, "a fox " * 3


def client_of(server, *, timeout=2.0, headers=None, **named):
    return Client(server.url(), timeout_seconds=timeout, headers=headers or {}, vendor="acme", **named)


def failure_of(script, *, timeout=2.0, expected=AnswerLost, **named):
    """What a call ends with, and how long it took."""
    started = time.monotonic()
    with serving(script) as server:
        client = client_of(server, timeout=timeout, name="picture service", **named)
        with pytest.raises(Unavailable) as caught:
            client.call("POST", "/images?signature=abc", json={"prompt": "a fox"})
        client.close()
    assert type(caught.value) is expected
    return caught.value, time.monotonic() - started


def test_json_goes_out_as_the_bytes_that_were_signed():
    signed = []

    def sign(body):
        signed.append(body)
        return {"Authorization": SECRET}

    with serving(lambda visit: visit.answer(b'{"id": 7}')) as server:
        answer = client_of(server, headers=sign).call("POST", "/jobs", json={"prompt": "狐狸"}, headers={"X-Step": "1"})
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert answer.status == 200 and answer.body == {"id": 7} and answer.text == '{"id": 7}'
    assert signed == [body] and json.loads(body) == {"prompt": "狐狸"}
    assert head.startswith(b"POST /jobs HTTP/1.1\r\n")
    for line in (b"Content-Type: application/json", b"X-Step: 1", b"Authorization: sk-very-secret"):
        assert line in head.split(b"\r\n")


def test_data_goes_out_untouched():
    with serving(lambda visit: visit.answer(b"{}")) as server:
        client_of(server).call("POST", "/", data=b'{ "a" :1}', headers={"Content-Type": "application/json"})
        assert server.requests[0].endswith(b'\r\n\r\n{ "a" :1}')


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b'"Invalid token"', "Invalid token"),
        (b"[1, 2]", [1, 2]),
        (b"<html>Bad gateway</html>", None),
        (b"", None),
        (b"{'half':", None),
        (b"\xff\xfe\xfa", None),
        (b"[" * 200_000, None),
    ],
)
def test_an_answer_of_any_shape_and_status_is_handed_on(content, body):
    with serving(lambda visit: visit.answer(content, "502 Bad Gateway", X_Request_Id="r-1")) as server:
        answer = client_of(server).call("GET", "/")
    assert (answer.status, answer.body, answer.request_id) == (502, body, "r-1")
    assert len(answer.text) <= 2000


def test_the_request_id_is_found_in_the_body_too():
    with serving(lambda visit: visit.answer(b'{"Response": {"RequestId": "5b1f6cbe-1"}}')) as server:
        assert client_of(server).call("GET", "/").request_id == "5b1f6cbe-1"


def test_a_refused_connection_was_certainly_not_accepted():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}", timeout_seconds=2, headers={}, vendor="acme", name="picture service")
    with pytest.raises(Unavailable, match=r"^The picture service cannot be reached\.$") as caught:
        client.call("POST", "/jobs", json={})
    assert type(caught.value) is Unavailable and caught.value.code == "connect"
    assert "refused" in caught.value.vendor_text


def test_a_name_that_cannot_be_resolved_is_a_failed_connection(monkeypatch):
    def fail(*args, **named):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unavailable) as caught:
        Client("https://api.test/v1", timeout_seconds=2, headers={}, vendor="acme").call("GET", "/x")
    assert caught.value.code == "connect"


def test_slow_name_resolution_ends_with_the_connect_timeout(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **named: release.wait(5))
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.1)
    started = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        Client("http://api.test", timeout_seconds=9, headers={}, vendor="acme").call("GET", "/x")
    release.set()
    assert caught.value.code == "connect" and time.monotonic() - started < 1


def test_tls_that_never_comes_and_a_strange_certificate_are_failed_connections(monkeypatch):
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.2)
    with serving(lambda visit: None) as server:  # waits for a request that never comes
        with pytest.raises(Unavailable) as caught:
            Client(f"https://{server.place}", timeout_seconds=9, headers={}, vendor="acme").call("GET", "/x")
        assert type(caught.value) is Unavailable and caught.value.code == "connect"
    with serving(lambda visit: visit.answer(b"{}"), secure=True) as server:
        with pytest.raises(Unavailable) as caught:
            Client(f"https://{server.place}", timeout_seconds=9, headers={}, vendor="acme").call("GET", f"/x?{TOKEN}")
        assert type(caught.value) is Unavailable and caught.value.code == "connect" and server.requests == []
        assert TOKEN not in "".join(traceback.format_exception(caught.value)) + caught.value.vendor_text
        assert "CERTIFICATE_VERIFY_FAILED" in caught.value.vendor_text


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda visit: visit.reset(), id="reset"),
        pytest.param(lambda visit: visit.connection.close(), id="closed"),
        pytest.param(
            lambda visit: visit.send(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a"') or visit.reset(), id="cut"
        ),
        pytest.param(lambda visit: visit.answer(b'{"a"', Content_Length="9") or visit.connection.close(), id="short"),
        pytest.param(lambda visit: visit.send(b"SMTP ready\r\n\r\n") or visit.connection.close(), id="not-http"),
        pytest.param(
            lambda visit: visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{") or visit.reset(),
            id="cut-chunk",
        ),
        pytest.param(lambda visit: visit.answer(b"no gzip", Content_Encoding="gzip"), id="not-gzip"),
        pytest.param(lambda visit: visit.answer(gzip.compress(b"{}")[:-4], Content_Encoding="gzip"), id="cut-gzip"),
    ],
)
def test_an_answer_that_breaks_after_sending_is_lost(script):
    error, _ = failure_of(script)
    assert error.code == "answer_lost" and str(error) == "The picture service did not answer in full."


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda visit: visit.hang(), id="hang"),
        pytest.param(lambda visit: visit.drip(b"HTTP/1.1 200 OK\r\n" * 99), id="dripping-head"),
        pytest.param(
            lambda visit: visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n") or visit.drip(b" " * 999),
            id="dripping-body",
        ),
        pytest.param(
            lambda visit: (
                visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") or visit.drip(b"1\r\n \r\n" * 99)
            ),
            id="dripping-chunks",
        ),
        pytest.param(lambda visit: [visit.drip(b"HTTP/1.1 100 Continue\r\n\r\n", 0.001) for _ in range(99)], id="100s"),
    ],
)
def test_the_deadline_holds_however_the_server_dawdles(script):
    error, seconds = failure_of(script, timeout=0.3)
    assert error.code == "answer_lost" and "Timeout" in error.vendor_text
    assert 0.25 < seconds < 1


def test_a_server_that_stops_reading_cannot_hold_a_large_upload():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=0.3, headers={}, vendor="acme")
        started = time.monotonic()
        with pytest.raises(AnswerLost):
            client.call("POST", "/", data=bytes(30_000_000))
        client.close()
        assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda visit: visit.answer(b" " * 2000), id="as-announced"),
        pytest.param(
            lambda visit: (
                visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b" " * 1024)
                or visit.send(b"\r\n400\r\n" + b" " * 1024 + b"\r\n0\r\n\r\n")
            ),
            id="in-chunks",
        ),
        pytest.param(
            lambda visit: visit.answer(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip"), id="gzip-bomb"
        ),
    ],
)
def test_a_longer_answer_than_allowed_is_lost(script):
    error, _ = failure_of(script, limit_bytes=1500)
    assert "longer than 1500 bytes" in error.vendor_text


def test_a_compressed_answer_is_read():
    with serving(lambda visit: visit.answer(gzip.compress(b'{"a": 1}'), Content_Encoding="gzip")) as server:
        assert client_of(server).call("GET", "/").body == {"a": 1}


def test_a_redirect_is_not_followed():
    with serving(lambda visit: visit.answer(b"{}")) as elsewhere:
        error, _ = failure_of(
            lambda visit: visit.answer(b"", "307 Temporary Redirect", Location=elsewhere.url()), expected=Unavailable
        )
        assert error.code == "redirect" and elsewhere.connections == 0


def test_proxies_and_netrc_of_the_environment_are_ignored(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login maker password hidden")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with serving(lambda visit: visit.answer(b"{}")) as proxy, serving(lambda visit: visit.answer(b"{}")) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        monkeypatch.setenv("ALL_PROXY", proxy.url())
        client_of(server).call("GET", "/")
        assert proxy.connections == 0 and b"authorization" not in server.requests[0].lower()


def test_cookies_are_not_kept():
    with serving(lambda visit: visit.answer(b"{}", Set_Cookie="a=b; Path=/")) as server:
        client = client_of(server)
        for _ in range(2):
            client.call("GET", "/")
        assert b"cookie" not in server.requests[1].lower()
        client.close()


def test_a_connection_is_used_again_unless_it_has_idled_too_long(monkeypatch):
    with serving(lambda visit: visit.answer(b"{}")) as server:
        client = client_of(server)
        client.call("GET", "/")
        client.call("GET", "/")
        assert server.connections == 1
        monkeypatch.setattr(http, "IDLE_SECONDS", 0.0)
        client.call("GET", "/")
        assert server.connections == 2
        client.close()


def test_a_connection_that_the_server_closed_is_not_used_again():
    with serving(lambda visit: visit.answer(b"{}") or visit.connection.shutdown(socket.SHUT_RDWR)) as server:
        client = client_of(server)
        client.call("GET", "/")
        time.sleep(0.05)
        assert client.call("GET", "/").status == 200
        client.close()


def test_the_deadline_of_one_call_does_not_weigh_on_the_next():
    with serving(lambda visit: visit.answer(b"{}")) as server:
        client = client_of(server, timeout=0.3)
        client.call("GET", "/")
        time.sleep(0.4)
        assert client.call("GET", "/").status == 200
        assert server.connections == 1
        client.close()


def test_many_threads_share_a_client():
    answers = []
    with serving(lambda visit: visit.answer(b'{"path": "%s"}' % visit.target.encode())) as server:
        client = client_of(server, timeout=5)
        threads = [
            threading.Thread(target=lambda n=n: answers.append((n, client.call("GET", f"/{n}").body["path"])))
            for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
    assert sorted(answers) == [(number, f"/{number}") for number in range(20)]


def test_nothing_secret_reaches_the_log_or_the_error(caplog):
    caplog.set_level(logging.DEBUG, "lumi_box")
    path, order = f"/jobs?token={TOKEN}", {"prompt": WISH}
    with serving(lambda visit: visit.answer(b"{}", X_Request_Id="r-9")) as server:
        client = client_of(server, headers={"Authorization": SECRET})
        client.call("POST", path, json=order)
    with pytest.raises(Unavailable) as caught:
        client.call("POST", path, json=order)
    text = caplog.text + "".join(traceback.format_exception(caught.value)) + caught.value.vendor_text
    assert "acme POST /jobs: 200 in" in caplog.text and "r-9" in caplog.text and "failed in" in caplog.text
    assert not [word for word in (SECRET, TOKEN, WISH) if word in text]


@pytest.mark.parametrize("key", ["sk-secret…", "sk-secret\nX: 1", " sk-secret"])
def test_a_malformed_key_is_refused_without_being_quoted(key):
    client = Client("http://127.0.0.1:9", timeout_seconds=1, headers={"Authorization": key}, vendor="acme")
    with pytest.raises(Refused) as caught:
        client.call("GET", "/")
    assert caught.value.code == "bad_header"
    assert "sk-secret" not in "".join(traceback.format_exception(caught.value)) + caught.value.vendor_text

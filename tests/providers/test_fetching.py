import gzip
import logging
import socket
import time
import traceback

import pytest
from providers.raw_server import CERTIFICATE, serving

from lumi_box.errors import Refused, Unavailable
from lumi_box.providers import fetching, pinned, transport
from lumi_box.providers.fetching import Fetched, fetch

KILOBYTE = 1 << 10
PRESIGNED = "/a?signature=" + "abc" * 3


@pytest.fixture
def names(monkeypatch):
    """A name server of the test's own: each name's addresses in the order in which it gives them out."""
    known, asked = {}, []

    def look_up(host, port, **named):
        asked.append(host)
        if host not in known:
            raise socket.gaierror(-2, "Name or service not known")
        answers = known[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found.split()]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known, asked


def fetched(server, folder, target="/", **named):
    options = {"limit_bytes": KILOBYTE, "deadline_seconds": 2.0, "allowed_hosts": [server.place]} | named
    return fetch(server.url(target), folder / "result", **options)


def failure_of(script, folder, expected, **named):
    """What a fetch ends with, and how long it took; nothing may be left behind."""
    started = time.monotonic()
    with serving(script) as server, pytest.raises(expected) as caught:
        fetched(server, folder, PRESIGNED, **named)
    assert list(folder.iterdir()) == []
    assert "abcabc" not in "".join(traceback.format_exception(caught.value)) + caught.value.vendor_text
    return caught.value, time.monotonic() - started


def test_a_result_is_written_whole(tmp_path):
    with serving(lambda visit: visit.answer(b"a mesh", Content_Type="Model/OBJ; charset=x")) as server:
        assert fetched(server, tmp_path) == Fetched(6, "model/obj")
    assert (tmp_path / "result").read_bytes() == b"a mesh"
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


@pytest.mark.parametrize(
    "target", ["/a%2fb%2Fc/%7e/./../d.png?X-Sig=a%2Bb/+%3d&empty=&Z", "/%E7%8B%90//x;y='(1)'!*?a?b", "/?q"]
)
def test_a_presigned_url_is_sent_byte_for_byte(target, tmp_path):
    with serving(lambda visit: visit.answer(b"x")) as server:
        fetched(server, tmp_path, target + "#part")
        assert server.requests[0].startswith(b"GET " + target.encode() + b" HTTP/1.1\r\n")


def test_the_request_carries_nothing_of_ours(tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login maker password hidden")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with serving(lambda visit: visit.answer(b"x")) as server, serving(lambda visit: visit.answer(b"x")) as proxy:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        fetched(server, tmp_path)
        names = [line.split(b":")[0] for line in server.requests[0].splitlines()[1:] if line]
        assert sorted(names) == [b"Accept-Encoding", b"Connection", b"Host", b"User-Agent"]
        assert f"Host: {server.place}\r\n".encode() in server.requests[0] and proxy.connections == 0


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "410 Gone"])
def test_an_expired_result_is_refused(status, tmp_path):
    error, _ = failure_of(lambda visit: visit.answer(b"<Error/>", status), tmp_path, Refused)
    assert error.code == "result_expired"


def test_other_statuses_pass_or_will_not_pass(tmp_path):
    error, _ = failure_of(lambda visit: visit.answer(b"", "503 Busy", Retry_After="7"), tmp_path, Unavailable)
    assert error.code == "http_503" and error.retry_after == 7
    for status in ("500 Oops", "429 Slow down", "206 Partial Content", "204 No Content"):
        failure_of(lambda visit, status=status: visit.answer(b"", status), tmp_path, Unavailable)
    for status in ("400 Bad Request", "401 Unauthorized", "416 Range"):
        failure_of(lambda visit, status=status: visit.answer(b"", status), tmp_path, Refused)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param(lambda visit: visit.reset(), "connection", id="reset"),
        pytest.param(lambda visit: visit.connection.close(), "connection", id="closed"),
        pytest.param(
            lambda visit: visit.send(b"220 mail ready\r\n") or visit.connection.close(), "connection", id="not-http"
        ),
        pytest.param(
            lambda visit: visit.answer(b"abc", Content_Length="9") or visit.connection.shutdown(2),
            "truncated",
            id="short",
        ),
        pytest.param(
            lambda visit: (
                visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
                or visit.connection.shutdown(2)
            ),
            "truncated",
            id="cut-chunk",
        ),
        pytest.param(
            lambda visit: visit.answer(gzip.compress(b"abc")[:-4], Content_Encoding="gzip"), "truncated", id="cut-gzip"
        ),
        pytest.param(lambda visit: visit.answer(b"abc", Content_Encoding="br"), "connection", id="odd-encoding"),
        pytest.param(
            lambda visit: visit.send(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 999 + b"\r\n"), "connection", id="headers"
        ),
    ],
)
def test_a_broken_answer_may_pass(script, code, tmp_path):
    error, _ = failure_of(script, tmp_path, Unavailable)
    assert error.code == code


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
        pytest.param(lambda visit: time.sleep(0.15) or visit.answer(b"", "302 Found", Location="/"), id="slow-hops"),
    ],
)
def test_the_deadline_holds_however_the_server_dawdles(script, tmp_path):
    error, seconds = failure_of(script, tmp_path, Unavailable, deadline_seconds=0.3)
    assert error.code == "timeout" and 0.25 < seconds < 1


def test_a_server_that_falls_silent_is_given_up_before_the_deadline(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "READ_SECONDS", 0.2)
    error, seconds = failure_of(lambda visit: visit.hang(), tmp_path, Unavailable, deadline_seconds=30)
    assert error.code == "timeout" and seconds < 1


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda visit: visit.answer(b"", Content_Length=str(1 << 30)), id="announced"),
        pytest.param(
            lambda visit: [visit.send(b"HTTP/1.1 200 OK\r\n\r\n"), *(visit.send(bytes(512)) for _ in range(9999))],
            id="endless",
        ),
        pytest.param(
            lambda visit: [
                visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                *(visit.send(b"200\r\n" + bytes(512) + b"\r\n") for _ in range(9999)),
            ],
            id="endless-chunks",
        ),
        pytest.param(
            lambda visit: visit.answer(gzip.compress(bytes(1 << 24)), Content_Encoding="gzip"), id="gzip-bomb"
        ),
    ],
)
def test_too_large_is_refused_before_it_is_here(script, tmp_path):
    limit = 1 << 15  # the compressed bomb is smaller than that
    error, seconds = failure_of(script, tmp_path, Refused, limit_bytes=limit)
    assert error.code == "too_large" and seconds < 1


def test_exactly_the_limit_is_allowed_and_compression_undone(tmp_path):
    packed = gzip.compress(bytes(KILOBYTE))
    with serving(lambda visit: visit.answer(packed, Content_Encoding="gzip")) as server:
        assert fetched(server, tmp_path).size == KILOBYTE
    assert (tmp_path / "result").read_bytes() == bytes(KILOBYTE)


def test_a_connection_kept_open_by_the_server_does_not_hold_us(tmp_path):
    with serving(lambda visit: visit.answer(b"abc") or visit.hang()) as server:
        started = time.monotonic()
        assert fetched(server, tmp_path).size == 3
        assert time.monotonic() - started < 1


def test_three_redirects_are_followed_and_a_fourth_is_not(tmp_path):
    def script(visit):
        left = int(visit.target.partition("?")[0][1:])
        if left:
            visit.answer(b"moved", "302 Found", Location=f"/{left - 1}?sig=%2f")
        else:
            visit.answer(visit.target.encode())

    with serving(script) as server:
        fetched(server, tmp_path, "/3")
        assert (tmp_path / "result").read_bytes() == b"/0?sig=%2f"
        for start in ("/4", "/99"):
            with pytest.raises(Refused) as caught:
                fetched(server, tmp_path, start)
            assert caught.value.code == "redirects"
        assert len(server.requests) == 4 + 4 + 4


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://a@127.0.0.1/", "javascript:1"])
def test_a_redirect_to_something_else_than_the_web_is_refused(location, tmp_path):
    error, _ = failure_of(lambda visit: visit.answer(b"", "302 Found", Location=location), tmp_path, Refused)
    assert error.code == "forbidden_address"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "[::ffff:127.0.0.1]",
        "0",
        "①②⑦.0.0.1",
    ],
)
def test_no_spelling_of_a_private_address_is_connected_to(host, tmp_path, monkeypatch):
    monkeypatch.setattr(pinned, "check_port", lambda *given: None)
    with serving(lambda visit: visit.answer(b"secret")) as private:
        url = f"http://{host}:{private.port}/"
        with pytest.raises((Refused, Unavailable)) as caught:  # Unavailable: no such name here
            fetch(url, tmp_path / "x", limit_bytes=9, deadline_seconds=2, allowed_hosts=["evil.test"])
        assert caught.value.code in ("forbidden_address", "connection")
        with (
            serving(lambda visit: visit.answer(b"", "302 Found", Location=url)) as public,
            pytest.raises((Refused, Unavailable)),
        ):
            fetched(public, tmp_path)
        time.sleep(0.02)
        assert private.connections == 0


def test_a_port_that_nobody_named_is_refused(tmp_path):
    with serving(lambda visit: visit.answer(b"x")) as server:
        with pytest.raises(Refused) as caught:
            fetched(server, tmp_path, allowed_hosts=["127.0.0.1"])
        assert caught.value.code == "forbidden_address" and server.connections == 0


def test_a_name_is_looked_up_once_and_the_checked_address_used(names, tmp_path):
    known, asked = names
    with serving(lambda visit: visit.answer(b"x")) as server:
        known["files.test"] = ["127.0.0.1", "127.99.99.99"]  # changes its mind after the first question
        fetch(
            f"http://files.test:{server.port}/",
            tmp_path / "x",
            limit_bytes=9,
            deadline_seconds=2,
            allowed_hosts=[f"files.test:{server.port}"],
        )
        assert asked == ["files.test"] and f"Host: files.test:{server.port}".encode() in server.requests[0]


def test_a_name_with_one_private_address_is_refused(names, tmp_path):
    names[0]["files.test"] = ["93.184.216.34 127.0.0.1"]
    with pytest.raises(Refused) as caught:
        fetch("http://files.test/", tmp_path / "x", limit_bytes=9, deadline_seconds=2, allowed_hosts=[])
    assert caught.value.code == "forbidden_address"


def secure_fetch(server, host, folder):
    url = f"https://{host}:{server.port}/"
    return fetch(url, folder / "x", limit_bytes=99, deadline_seconds=2, allowed_hosts=[f"{host}:{server.port}"])


def test_https_goes_to_the_checked_address_and_still_proves_the_name(names, tmp_path, monkeypatch):
    names[0].update({"files.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})
    monkeypatch.setattr(pinned.requests.utils, "DEFAULT_CA_BUNDLE_PATH", str(CERTIFICATE))
    pinned.tls.cache_clear()
    with serving(lambda visit: visit.answer(b"safe"), secure=True) as server:
        assert secure_fetch(server, "files.test", tmp_path).size == 4
        with pytest.raises(Unavailable) as caught:
            secure_fetch(server, "other.test", tmp_path)
        assert "CERTIFICATE_VERIFY_FAILED" in caught.value.vendor_text and len(server.requests) == 1
    pinned.tls.cache_clear()


def test_a_certificate_of_nobody_we_know_is_not_accepted(names, tmp_path):
    names[0]["files.test"] = ["127.0.0.1"]
    with serving(lambda visit: visit.answer(b"x"), secure=True) as server:
        with pytest.raises(Unavailable):
            secure_fetch(server, "files.test", tmp_path)
        assert server.requests == []


def test_tls_that_never_comes_ends_with_the_connect_timeout(names, tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.2)
    names[0]["files.test"] = ["127.0.0.1"]
    with serving(lambda visit: None) as server:
        started = time.monotonic()
        with pytest.raises(Unavailable):
            secure_fetch(server, "files.test", tmp_path)
        assert time.monotonic() - started < 1


def test_plain_http_can_be_forbidden_also_after_a_redirect(tmp_path):
    error, _ = failure_of(lambda visit: visit.answer(b"x"), tmp_path, Refused, allow_http=False)
    assert error.code == "forbidden_address"


def test_a_full_disk_is_not_taken_for_the_network(tmp_path):
    with serving(lambda visit: visit.answer(b"x")) as server, pytest.raises(Unavailable) as caught:
        fetched(server, tmp_path / "no such folder")
    assert caught.value.code == "storage"


def test_the_log_names_the_host_and_never_the_url(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with serving(lambda visit: visit.answer(b"x")) as server:
        fetched(server, tmp_path, "/path?signature=abc")
    assert "fetched 1 bytes from 127.0.0.1" in caplog.text and "signature" not in caplog.text

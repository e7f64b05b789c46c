"""Requests begin in their turn, and one that waits for somebody else holds nobody up."""

import contextlib
import itertools
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from process.server import Server

from lumi_box.web.gunicorn_worker import RECEIVE_SECONDS, TAKE_SECONDS

pytestmark = pytest.mark.process

HUNG = 40
THREADS = 4
LARGE = 50_000_000
USER_SERVICE = """
[accounts]
mode = "user_service"
user_service_url = "http://127.0.0.1:{port}"
"""


@pytest.fixture
def hanging_port():
    """Where connections are taken and nothing is ever answered."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(HUNG * 2)
        yield listening.getsockname()[1]


def test_requests_that_hang_hold_up_neither_each_other_nor_anybody_else(tmp_path, hanging_port):
    with Server(tmp_path, more=USER_SERVICE.format(port=hanging_port)) as server:
        server.start("web")

        def ask_as(number):
            began = time.monotonic()
            status = server.get(
                "/api/v1/tasks", headers={"Authorization": f"Bearer someone-elses-{number}"}
            ).status_code
            return status, time.monotonic() - began

        with ThreadPoolExecutor(HUNG) as crowd:
            asked = [crowd.submit(ask_as, number) for number in range(HUNG)]
            time.sleep(1)  # what follows comes while they hang
            began = time.monotonic()
            assert requests.get(f"{server.url}/health", timeout=10).status_code == 200
            assert time.monotonic() - began < 1
            assert not all(each.done() for each in asked)
            answers = [each.result() for each in asked]
        assert {status for status, _ in answers} == {503}
        assert max(seconds for _, seconds in answers) < 8  # two at once would have taken 20


@pytest.mark.parametrize(
    "begun",
    [b"GET /health HTTP/1.1\r\nHost: a\r\nX: ", b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n"],
    ids=["headers", "body"],
)
def test_whoever_never_sends_a_request_to_its_end_does_not_keep_its_thread(tmp_path, begun):
    with Server(tmp_path, more=f"threads = {THREADS}\n") as server, contextlib.ExitStack() as stack:
        server.start("web")
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(THREADS)]
        for each in slow:
            each.sendall(begun)
        over = threading.Event()
        dripping = threading.Thread(target=drip, args=(slow, over))
        dripping.start()
        stack.callback(dripping.join)
        stack.callback(over.set)
        time.sleep(1)
        with pytest.raises(requests.ReadTimeout):  # they have taken all threads
            requests.get(f"{server.url}/health", timeout=2)
        assert requests.get(f"{server.url}/health", timeout=RECEIVE_SECONDS + 5).status_code == 200
        assert "Traceback" not in server.log


def test_whoever_takes_nothing_of_an_answer_does_not_keep_its_thread(tmp_path):
    with Server(tmp_path, more=f"threads = {THREADS}\n") as server, contextlib.ExitStack() as stack:
        server.start("web")
        store_large(server, "images/a/0.png")
        ask = f"GET /files/images/a/0.png HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {server.token}\r\n\r\n"
        for _ in range(THREADS):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            idle.sendall(ask.encode())
            assert idle.recv(12) == b"HTTP/1.1 200"
        with pytest.raises(requests.ReadTimeout):  # they have taken all threads
            requests.get(f"{server.url}/health", timeout=2)
        assert requests.get(f"{server.url}/health", timeout=TAKE_SECONDS * 2).status_code == 200
        assert "Traceback" not in server.log


def store_large(server, key):
    """An object of the administrator's that no buffer of the system takes in."""
    path = server.folder / "data" / "objects" / key
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(LARGE))
    columns = "key, state, user_id, request_id, media_type, size, sha256, created_at, changed_at"
    with contextlib.closing(sqlite3.connect(server.folder / "data" / "lumi.db")) as rows, rows:
        rows.execute(
            f"INSERT INTO stored_object ({columns}) SELECT ?, 'stored', id, 'r', 'image/png', ?, '', 1, 1 FROM account",
            (key, LARGE),
        )


def drip(connections, over):
    """A byte a second to each, for as long as it takes it."""
    for count in itertools.count():
        if over.wait(1):
            return
        for each in connections:
            with contextlib.suppress(OSError):
                each.sendall(b"%d" % (count % 10))

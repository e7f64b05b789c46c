"""What gunicorn lets us say about its workers and its log."""

from __future__ import annotations

import json
import logging
import secrets
import signal
import socket
import time
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import Any

from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.workers.gthread import TConn, ThreadWorker

from lumi_box import logs
from lumi_box.metrics import calls
from lumi_box.web.stream_hub import Detached

GOODBYE_SECONDS = 2.0
AT_ONCE = 2  # requests: Python computes one at a time, and threads that contend for that slow each other down
PATIENCE_SECONDS = 0.01  # a request that takes longer waits for a disk, a server or its client, and is in nobody's way
RECEIVE_SECONDS = 20.0  # for a whole request, of which the largest is 1 MiB
TAKE_SECONDS = 30  # a client that takes nothing of its answer for so long is taken for gone
REFUSED: dict[type[Exception], tuple[str, str]] = {
    LimitRequestLine: ("414 URI Too Long", "The address is too long."),
    LimitRequestHeaders: ("431 Request Header Fields Too Large", "The headers are too many or too long."),
}

logger = logging.getLogger(__name__)


class StreamingWorker(ThreadWorker):
    """Lets the stream hub take connections over, and ends them when it is told to stop.

    Requests begin in their turn, a few at once, and more as soon as one of those takes its time: all threads are there
    for requests that wait, without all of them contending for the processor when none does. Whoever sends a request
    too slowly is not listened to any longer, and whoever takes nothing of an answer is cut off, so that nobody keeps
    a thread by doing nothing.
    """

    stopping = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line: deque[TConn] = deque()
        self._begun: dict[TConn, float] = {}  # when; the newest last. Both are the main thread's alone

    def enqueue_req(self, conn: TConn) -> None:
        self._line.append(conn)
        self._begin_next()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        super().wait_for_and_dispatch_events(min(timeout, PATIENCE_SECONDS) if self._line else timeout)
        self._begin_next()

    def _begin_next(self) -> None:
        while self._line and not self._busy():
            conn = self._line.popleft()
            self._begun[conn] = time.monotonic()
            super().enqueue_req(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """In each turn of the main loop. An answer that is still being sent goes on."""
        super().murder_keepalived(force)
        late = time.monotonic() - RECEIVE_SECONDS
        for conn in [conn for conn, begun in self._begun.items() if begun < late]:
            with suppress(OSError):  # gone already
                conn.sock.shutdown(socket.SHUT_RD)

    def _busy(self) -> bool:
        newest = list(islice(reversed(self._begun.values()), AT_ONCE))
        return len(newest) == AT_ONCE and newest[-1] > time.monotonic() - PATIENCE_SECONDS

    def handle(self, conn: TConn) -> Any:
        try:
            return super().handle(conn)
        except Detached:
            return Detached

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """What is refused before the application sees it is answered as the application answers."""
        refused = next((answer for kind, answer in REFUSED.items() if isinstance(exc, kind)), None)
        if refused is None:
            super().handle_error(req, client, addr, exc)
            return
        status, message = refused
        request_id = secrets.token_hex(8)
        with logs.bind(request_id=request_id):
            logger.warning("request refused status=%s", status[:3])
        with suppress(OSError):  # gone already
            util.write_nonblock(client, _refusal(status, message, request_id))

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """In the main thread. A connection that was taken over is neither closed nor waited for."""
        self._begun.pop(conn, None)
        if not fs.cancelled() and fs.exception() is None and fs.result() is Detached:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def run(self) -> None:
        for listener in self.sockets:  # each connection has it from here
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TAKE_SECONDS * 1000)
        with calls.written():
            super().run()
        self.wsgi.extensions["lumi_stream_hub"].join(GOODBYE_SECONDS)

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self.stopping:
            return  # a second signal must not interrupt the first inside `close`, which takes locks
        self.stopping = True
        self.wsgi.extensions["lumi_follower"].close()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Ctrl-C reaches every process at once: it ends this one as SIGTERM does."""
        self.handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """A killed arbiter cannot say that it stops: its open streams must not keep the address from the next one."""
        alive: bool = super().is_parent_alive()
        if not alive:
            self.handle_exit(signal.SIGTERM, None)
        return alive


def _refusal(status: str, message: str, request_id: str) -> bytes:
    body = json.dumps({"status": "fail", "data": {"message": message, "code": "VALIDATION_ERROR"}})
    lines = (
        f"HTTP/1.1 {status}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"X-Request-Id: {request_id}",
    )
    return "\r\n".join((*lines, "", body)).encode()


class QuietLogger(Logger):
    """Writes through our own handlers; requests are logged by the application, which knows their routes."""

    def setup(self, cfg: Any) -> None:
        self.loglevel = logging.INFO
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)

    def access(self, *args: Any, **kwargs: Any) -> None:
        """The application writes the access log."""

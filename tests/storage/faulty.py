"""A proxy before an S3 server that spoils requests as it is told: SlowDown, cuts in either direction, silence."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType

SLOW_DOWN = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
)
BODY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
PIECE = 1 << 16


class FaultyProxy:
    """Each request has a connection of its own. `spoil(times, fault)` breaks the next requests that match."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._lock = threading.Lock()
        self._faults: list[tuple[str, Callable[[socket.socket, bytes, socket.socket], None]]] = []
        self._open: list[socket.socket] = []
        self.seen: list[str] = []

    def __enter__(self) -> FaultyProxy:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.close()

    def slow_down(self, times: int, method: str = "") -> None:
        """Answers 503 SlowDown instead of the server."""

        def answer(client: socket.socket, head: bytes, _: socket.socket) -> None:
            _drain(client, head)
            client.sendall(SLOW_DOWN % (len(BODY), BODY))

        self._spoil(times, method, answer)

    def cut_upload(self, times: int, after: int, method: str = "PUT") -> None:
        """Hands on so many bytes of the request's body, then drops both connections."""

        def cut(client: socket.socket, head: bytes, server: socket.socket) -> None:
            text, _, body = head.partition(b"\r\n\r\n")
            server.sendall(text + b"\r\n\r\n" + body[:after])
            left = after - len(body)
            while left > 0 and (piece := client.recv(min(PIECE, left))):
                server.sendall(piece)
                left -= len(piece)

        self._spoil(times, method, cut)

    def cut_download(self, times: int, after: int) -> None:
        """Hands on so many bytes of the answer, its head included, then drops both connections."""

        def cut(client: socket.socket, head: bytes, server: socket.socket) -> None:
            server.sendall(head)
            left = after
            while left > 0 and (piece := server.recv(min(PIECE, left))):
                client.sendall(piece)
                left -= len(piece)

        self._spoil(times, "GET", cut)

    def hang(self, times: int, method: str = "") -> None:
        """Takes the request and never answers."""

        def keep(client: socket.socket, _: bytes, __: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while client.recv(PIECE):
                    pass

        self._spoil(times, method, keep)

    def _spoil(self, times: int, method: str, fault: Callable[[socket.socket, bytes, socket.socket], None]) -> None:
        with self._lock:
            self._faults += [(method, fault)] * times

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._target) as server:
            self._open.append(server)
            head = _head(client)
            method = head.split(b" ", 1)[0].decode()
            with self._lock:
                self.seen.append(head.split(b"\r\n", 1)[0].decode())
                found = next((each for each in self._faults if method.startswith(each[0])), None)
                if found is not None:
                    self._faults.remove(found)
            if found is not None:
                found[1](client, head, server)
                return
            server.sendall(head)
            back = threading.Thread(target=_pipe, args=(client, server), daemon=True)
            back.start()
            _pipe(server, client)


def _head(client: socket.socket) -> bytes:
    """The head of the request, told to close afterwards, and what came of its body already."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := client.recv(PIECE)):
            raise OSError("the client has gone")
        data += piece
    first, rest = data.split(b"\r\n", 1)
    return first + b"\r\nConnection: close\r\n" + rest


def _drain(client: socket.socket, head: bytes) -> None:
    """Take the request's body, so that the answer is read instead of a reset. `Expect` is answered as servers do."""
    text, _, body = head.partition(b"\r\n\r\n")
    fields = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in text.split(b"\r\n"))
    }
    if b"expect" in fields:
        return
    left = int(fields.get(b"content-length", b"0")) - len(body)
    while left > 0 and (piece := client.recv(PIECE)):
        left -= len(piece)


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)

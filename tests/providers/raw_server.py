"""A server on loopback that speaks raw bytes, so that it can misbehave in every way."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

CERTIFICATE = Path(__file__).with_name("files_test.pem")  # of files.test, signed by itself

Script = Callable[["Visit"], None]


class Visit:
    """One request that came in, and ways to treat it."""

    def __init__(self, connection: socket.socket, request: bytes) -> None:
        self.connection, self.request = connection, request

    @property
    def target(self) -> str:
        return self.request.split(b" ", 2)[1].decode()

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, body: bytes = b"", status: str = "200 OK", **headers: str) -> None:
        fields = {"Content-Length": str(len(body))} | {name.replace("_", "-"): text for name, text in headers.items()}
        head = "".join(f"{name}: {text}\r\n" for name, text in fields.items() if text)
        self.send(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    def drip(self, data: bytes, pause: float = 0.02) -> None:
        for byte in data:
            self.send(bytes([byte]))
            time.sleep(pause)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def hang(self) -> None:
        """Until the other side gives up."""
        while self.connection.recv(65536):
            pass


class RawServer:
    """Runs the script for every request; `requests` holds each as it came in, `connections` counts them."""

    def __init__(self, script: Script, *, secure: bool = False) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._script, self._secure = script, secure
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, target: str = "/") -> str:
        return f"http://{self.place}{target}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._secure:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(CERTIFICATE)
                connection = context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            while (request := _read_request(connection)) is not None:
                self.requests.append(request)
                visit = Visit(connection, request)
                self._script(visit)
                if b"connection: close" in request.lower():
                    break
        connection.close()


def _read_request(connection: socket.socket) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def serving(script: Script, *, secure: bool = False) -> Iterator[RawServer]:
    server = RawServer(script, secure=secure)
    try:
        yield server
    finally:
        server.close()

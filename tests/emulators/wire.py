"""What goes over the wire: a request as it came, an answer as it will be sent, and the channel that sends it."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from emulators.server import Server

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """`target` is the request target as it was sent: nothing in it is decoded."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; ValueError when it is none."""
        body = json.loads(self.body)
        if not isinstance(body, dict):
            raise ValueError("the body is not a JSON object")
        return body


@dataclass(slots=True)
class Answer:
    """`body` as a generator is sent in chunks. `delay` is how long the vendor works before it answers."""

    status: int = 200
    body: bytes | Generator[bytes] = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0

    def content(self) -> bytes:
        if not isinstance(self.body, bytes):
            self.body = b"".join(self.body)
        return self.body


@dataclass(slots=True)
class Reply:
    """An answer, and what the journal shall know of it: fields of `journal.Entry`."""

    answer: Answer
    notes: dict[str, Any] = field(default_factory=dict)


def json_answer(body: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(body, ensure_ascii=False).encode(), headers=headers)


def new_id() -> str:
    return str(uuid.uuid4())


class Channel:
    """One connection while one request is being answered."""

    def __init__(self, handler: BaseHTTPRequestHandler, server: Server, request: Request) -> None:
        self._handler, self._server = handler, server
        self.request, self.base, self.closing = request, server.base, server.closing

    def send(self, answer: Answer) -> None:
        """The whole answer, as a server in good health sends it."""
        if isinstance(answer.body, bytes):
            self.write(self._head(answer, length=len(answer.body)) + self._payload(answer.body))
            return
        self.write(self._head(answer, length=None))
        with contextlib.closing(answer.body) as chunks:  # a client that leaves early ends the making, too
            for chunk in chunks:
                self.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self.write(b"0\r\n\r\n")

    def send_head(self, answer: Answer, length: int) -> None:
        """The head alone; after whatever follows the connection is closed."""
        self.hang_up()
        self.write(self._head(answer, length=length))

    def write(self, data: bytes) -> None:
        self._handler.wfile.write(data)

    def hang_up(self) -> None:
        self._handler.close_connection = True

    def reset(self) -> None:
        """End the connection with a TCP reset, so that the client sees `Connection reset by peer`."""
        self.hang_up()
        self._server.reset_later(self._handler.connection)

    def rest(self, seconds: float | None = None) -> bool:
        """Wait, at most until the emulator shuts down; true when it does."""
        return self.closing.wait(seconds)

    def _payload(self, body: bytes) -> bytes:
        return b"" if self.request.method == "HEAD" else body

    def _head(self, answer: Answer, length: int | None) -> bytes:
        phrase = self._handler.responses.get(answer.status, ("Unknown", ""))[0]
        headers = {"Server": "emulator", "Date": self._handler.date_time_string(time.time())}
        headers["Content-Type"] = answer.content_type
        headers |= {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        headers |= {"Connection": "close"} if self._handler.close_connection else {}
        lines = [f"{name}: {value}" for name, value in (headers | answer.headers).items() if value]
        return "\r\n".join([f"HTTP/1.1 {answer.status} {phrase}", *lines, "", ""]).encode("latin-1")

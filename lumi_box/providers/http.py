"""Calls to a vendor's API: one attempt, bounded in time and size, and nothing secret in logs or errors.

It turns failures of the transport into our errors. What an answer means is for the vendor's adapter.
"""

from __future__ import annotations

import json as jsonlib
import logging
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from lumi_box import __version__
from lumi_box.errors import AnswerLost, Refused, Unavailable
from lumi_box.providers.transport import BLOCK, CONNECT_SECONDS, Deadline, TimedSocket, connect, decoded, resolve

LIMIT_BYTES = 4 << 20
EXCERPT = 2000  # characters of an answer that are kept as text
IDLE_SECONDS = 15.0  # older than this, a kept connection may have been forgotten by something on the way
POOL_SIZE = 8
NONE: Mapping[str, str] = MappingProxyType({})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the JSON of whatever shape, None where there is none; `headers` ignore case; `text` is an excerpt."""

    status: int
    headers: Mapping[str, str]
    body: Any | None
    text: str

    @property
    def request_id(self) -> str:
        """What the vendor calls this exchange, for support; empty where it does not say."""
        fields = self.body if isinstance(self.body, dict) else {}
        inner = fields.get("Response")
        found = [self.headers.get(name) for name in ("x-request-id", "x-acs-request-id", "x-siliconcloud-trace-id")]
        found += [fields.get("request_id"), inner.get("RequestId") if isinstance(inner, dict) else None]
        return next((word for word in found if isinstance(word, str) and re.fullmatch(r"[\w.:=-]{1,100}", word)), "")


class Client:
    """Safe to share between threads. `headers` is fixed, or made from the very bytes that will be sent (signatures)."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: float,
        headers: Callable[[bytes], Mapping[str, str]] | Mapping[str, str],
        vendor: str,
        name: str = "service",
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        """`name` is what makers read, as in "The picture service cannot be reached."; `vendor` is for the log."""
        self._base, self._timeout, self._headers = base_url.rstrip("/"), timeout_seconds, headers
        self._vendor, self._name, self._limit = vendor, name, limit_bytes
        self._adapter = _Adapter(max_retries=0, pool_maxsize=POOL_SIZE)

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] = NONE,
    ) -> Answer:
        """One request, once. `data` goes out as it is; `json` is encoded and typed for the caller.

        Raises plain Unavailable only when the request was certainly not accepted, AnswerLost when it may have been.
        """
        body, kind = (data or b"", NONE) if json is None else (_encoded(json), {"Content-Type": "application/json"})
        request = self._prepared(method, path, body, {**kind, **headers})
        exchange = _Exchange(Deadline(self._timeout))
        token = _current.set(exchange)
        try:
            answer = self._answer(request)
        except _TRANSPORT_ERRORS as error:
            self._log(method, path, "failed", exchange)
            raise self._transport_error(exchange, error) from None  # the cause's text holds the whole URL
        finally:
            _current.reset(token)
        self._log(method, path, str(answer.status), exchange, answer.request_id)
        if 300 <= answer.status < 400:
            raise Unavailable(self._cannot_be_reached(), code="redirect", vendor_text=f"status {answer.status}")
        return answer

    def close(self) -> None:
        self._adapter.close()

    def _prepared(self, method: str, path: str, body: bytes, extra: Mapping[str, str]) -> requests.PreparedRequest:
        own = self._headers(body) if callable(self._headers) else self._headers
        agent = {"User-Agent": f"lumi-box/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"}
        try:
            for value in {**own, **extra}.values():
                value.encode("latin-1")
            request = requests.Request(method, self._base + path, headers={**agent, **own, **extra}, data=body or None)
            return request.prepare()
        except (UnicodeEncodeError, requests.exceptions.InvalidHeader):  # their texts quote the value, a key perhaps
            text = f"The {self._name} cannot be used: its key is malformed."
            raise Refused(text, code="bad_header") from None

    def _answer(self, request: requests.PreparedRequest) -> Answer:
        # Straight through the adapter: a Session reads proxies and .netrc, keeps cookies, and reads the whole body
        # of a redirect even when told not to follow it.
        response = self._adapter.send(request, stream=True, timeout=(CONNECT_SECONDS, self._timeout), proxies={})
        with closing(response):
            content = self._content(response)
        text = content.decode("utf-8", errors="replace")
        return Answer(response.status_code, response.headers, _parsed(content), text[:EXCERPT])

    def _content(self, response: requests.Response) -> bytes:
        content = bytearray()
        for piece in decoded(_chunks(response.raw), response.headers.get("Content-Encoding", "").strip().lower()):
            content += piece
            if len(content) > self._limit:
                raise EOFError(f"the answer is longer than {self._limit} bytes")
        return bytes(content)

    def _transport_error(self, exchange: _Exchange, error: Exception) -> Unavailable:
        vendor_text = _reason(error)
        if not exchange.connected:
            return Unavailable(self._cannot_be_reached(), code="connect", vendor_text=vendor_text)
        return AnswerLost(f"The {self._name} did not answer in full.", code="answer_lost", vendor_text=vendor_text)

    def _cannot_be_reached(self) -> str:
        return f"The {self._name} cannot be reached."

    def _log(self, method: str, path: str, outcome: str, exchange: _Exchange, request_id: str = "") -> None:
        milliseconds = (time.monotonic() - exchange.started) * 1000
        place, _, _ = path.partition("?")
        log.debug("%s %s %s: %s in %.0f ms %s", self._vendor, method, place, outcome, milliseconds, request_id)


class _Exchange:
    """One call under way, as its connection sees it."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline, self.started, self.connected = deadline, time.monotonic(), False


_current: ContextVar[_Exchange] = ContextVar("exchange")
_WRAPPERS = (requests.RequestException, urllib3.exceptions.HTTPError)
_TRANSPORT_ERRORS = (*_WRAPPERS, OSError, EOFError, zlib.error)


class _Timed:
    """Mixed into urllib3's connections: the call's deadline on every wait, and a note once there is a connection."""

    sock: Any
    host: str
    port: int
    _used = 0.0

    def _new_conn(self) -> Any:
        deadline = _current.get().deadline
        return connect(resolve(self.host, self.port, deadline), deadline)

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.sock = TimedSocket(self.sock, lambda: _current.get().deadline)

    def request(self, *args: Any, **named: Any) -> None:
        if self.sock is None:
            self.connect()
        _current.get().connected = True
        self._used = time.monotonic()
        super().request(*args, **named)  # type: ignore[misc]

    @property
    def is_connected(self) -> bool:
        fresh = time.monotonic() - self._used < IDLE_SECONDS
        return fresh and bool(super().is_connected)  # type: ignore[misc]


class _Http(_Timed, HTTPConnection):
    pass


class _Https(_Timed, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        super().init_poolmanager(*args, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def _encoded(json: Any) -> bytes:
    return jsonlib.dumps(json, ensure_ascii=False, separators=(",", ":")).encode()


def _chunks(raw: urllib3.HTTPResponse) -> Iterator[bytes]:
    while chunk := raw.read1(BLOCK, decode_content=False):
        yield chunk


def _parsed(content: bytes) -> Any | None:
    try:
        return jsonlib.loads(content)
    except (ValueError, RecursionError):  # not JSON, or brackets without end
        return None


def _reason(error: BaseException) -> str:
    """The failure of the socket below; the wrappers around it quote the URL with its query."""
    below: BaseException | None = error
    while isinstance(below, _WRAPPERS):
        below = below.__context__
    return type(error).__name__ if below is None else f"{type(below).__name__}: {below}"[:300]

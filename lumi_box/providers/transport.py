"""Sockets that keep a deadline: no server can hold us longer by sending a byte now and then."""

from __future__ import annotations

import io
import queue
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

CONNECT_SECONDS = 5.0
MAX_ADDRESSES = 4  # of one name; more cannot be tried within the connect timeout
BLOCK = 1 << 16

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]  # as socket.getaddrinfo gives it


class Deadline:
    """One moment for a whole exchange; `read_seconds` bounds each single wait as well."""

    def __init__(self, seconds: float, read_seconds: float = float("inf")) -> None:
        self._end, self._read_seconds = time.monotonic() + seconds, read_seconds

    def left(self) -> float:
        """Seconds that may pass until something must have happened; TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return min(left, self._read_seconds)


class TimedSocket:
    """A connected socket whose every send and receive waits no longer than the deadline of the exchange in hand."""

    def __init__(self, connected: socket.socket, deadline: Callable[[], Deadline]) -> None:
        self._socket, self._deadline = connected, deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            self._socket.settimeout(self._deadline().left())
            rest = rest[self._socket.send(rest[:BLOCK]) :]

    def makefile(self, mode: str = "rb", buffering: int = -1) -> io.BufferedReader:
        raw = self._socket.makefile("rb", buffering=0)
        return io.BufferedReader(_TimedReader(raw, self._socket, self._deadline), BLOCK)


class _TimedReader(io.RawIOBase):
    def __init__(self, raw: Any, connected: socket.socket, deadline: Callable[[], Deadline]) -> None:
        self._raw, self._socket, self._deadline = raw, connected, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._deadline().left())
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def resolve(host: str, port: int, deadline: Deadline) -> list[AddressInfo]:
    """The host's addresses, asked once; OSError when there are none in time. getaddrinfo itself has no timeout."""
    answers: queue.SimpleQueue[list[AddressInfo] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))  # type: ignore[arg-type]
        except (OSError, UnicodeError) as error:  # UnicodeError: a label that no name can have
            answers.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = answers.get(timeout=min(CONNECT_SECONDS, deadline.left()))
    except queue.Empty:
        raise TimeoutError("name resolution timed out") from None
    if isinstance(found, Exception):
        raise OSError(f"the name {host!r} cannot be resolved: {found}") from found
    return found


def connect(addresses: list[AddressInfo], deadline: Deadline) -> socket.socket:
    """A connection to the first of these very addresses that answers; what is left of its timeout is for TLS."""
    until = Deadline(CONNECT_SECONDS)
    tried = addresses[:MAX_ADDRESSES]
    failure: OSError = OSError("the name has no address")
    for number, (family, kind, protocol, _, address) in enumerate(tried):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(min(deadline.left(), until.left() / (len(tried) - number)))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(min(deadline.left(), until.left()))
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The chunks with their Content-Encoding undone, never much more than BLOCK bytes at a time.

    Raises zlib.error for broken data and EOFError for data cut short.
    """
    if encoding in ("", "identity"):
        yield from chunks
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise zlib.error("an encoding that was not asked for")
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS + 32)  # tells gzip from zlib by itself
    for chunk in chunks:
        rest, full = chunk, True
        while full and not inflater.eof:
            piece = inflater.decompress(rest, BLOCK)
            yield piece
            rest, full = inflater.unconsumed_tail, len(piece) == BLOCK
    if not inflater.eof:
        raise EOFError("the compressed body was cut short")

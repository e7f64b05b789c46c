"""The threaded HTTP server under the emulators: finds the vendor, takes a fault, writes the journal, answers."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from emulators.faults import Fault, FaultQueue
from emulators.journal import Journal
from emulators.wire import Answer, Channel, Reply, Request

MAX_BODY = 64 << 20


class Vendor(Protocol):
    """One vendor's API. `operation` names what a request asks for, or None when it is none of this vendor's."""

    name: str

    def operation(self, request: Request) -> str | None: ...

    def identify(self, request: Request) -> dict[str, str]:
        """What the journal can say of a request that a fault keeps from being handled."""

    def answer(self, operation: str, request: Request, fault: Fault | None) -> Reply: ...


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 256

    def __init__(self, port: int, vendors: Sequence[Vendor], faults: FaultQueue, journal: Journal) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.vendors, self.faults, self.journal = vendors, faults, journal
        self.base = f"http://127.0.0.1:{self.server_address[1]}"
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._doomed: set[socket.socket] = set()
        self._guard = threading.Lock()

    def close(self) -> None:
        """Wake every thread that hangs or drips, end every connection, and wait for the threads."""
        self.closing.set()
        self.shutdown()
        with self._guard:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def reset_later(self, connection: socket.socket) -> None:
        with self._guard:
            self._doomed.add(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
            doomed = request in self._doomed
            self._doomed.discard(request)
        if doomed:  # a plain close would first send a FIN, which a client reads as an orderly end
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is an everyday event here; anything else must be seen."""
        import sys

        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        request = self._read()
        if request is None:
            return
        channel = Channel(self, self.server, request)
        for vendor in self.server.vendors:
            operation = vendor.operation(request)
            if operation is not None:
                self._serve(channel, vendor, operation)
                return
        channel.send(Answer(404, b"404 page not found", "text/plain"))

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815  # the names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:
        """The journal tells what happened."""

    def _read(self) -> Request | None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self.send_error(413 if length > MAX_BODY else 411)
            return None
        headers: Any = self.headers
        return Request(self.command, self.path, headers, self.rfile.read(length))

    def _serve(self, channel: Channel, vendor: Vendor, operation: str) -> None:
        request = channel.request
        fault = self.server.faults.take(vendor.name, operation, request.path)
        if fault is not None and not fault.effect:
            reply = Reply(Answer(), vendor.identify(request))
        else:
            reply = vendor.answer(operation, request, fault)
        self._note(vendor, operation, fault, reply)
        if channel.rest(reply.answer.delay) if reply.answer.delay else self.server.closing.is_set():
            return
        if fault is not None and fault.act is not None:
            fault.act(channel, reply.answer)
        else:
            channel.send(reply.answer)

    def _note(self, vendor: Vendor, operation: str, fault: Fault | None, reply: Reply) -> None:
        """Before the first byte of the answer goes out, so that whoever has the answer finds the entry."""
        if vendor.name == "admin":
            return
        notes = {"vendor": vendor.name, "operation": operation} | reply.notes
        replaced = fault is not None and fault.act is not None
        status = fault.status if fault is not None and replaced else reply.answer.status
        self.server.journal.add(status=status, fault=fault.name if fault else "", **notes)

"""One thread for all the open event streams of a process: a stream waits much and says little.

gunicorn gives each request a thread until its answer ends, so that a few dozen open pages would use them all up.
Here the answer's head and first words are written as usual; then the connection is taken over, which
gunicorn_worker.py knows by `Detached`, and the thread is free.
"""

from __future__ import annotations

import logging
import queue
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import TYPE_CHECKING

from flask import Flask
from peewee import PeeweeException

from lumi_box.errors import Unavailable, marked
from lumi_box.events import Follower
from lumi_box.tables.base import database
from lumi_box.web import metrics

if TYPE_CHECKING:
    from lumi_box.web.stream import Story

TOO_MANY = marked("Too many event streams are open. Ask for the task itself instead.")
MOST_STREAMS = 2000  # of one process
MOST_WAITING = 1 << 20  # bytes that a client has not taken: it is cut off, and resumes when it comes back
COMMENT_SECONDS = 15.0
LOOK_SECONDS = 0.05
RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Detached(BaseException):  # no error: it must pass every `except Exception` of the server
    """The connection is no longer the server's."""


class HandOver:
    """The body of an answer whose first words are sent by the server, and the rest by the hub."""

    def __init__(self, hub: StreamHub, connection: socket.socket, story: Story, *, chunked: bool) -> None:
        self._listening = ExitStack()
        bell = self._listening.enter_context(hub.listen(story.task_id))
        self._listening.enter_context(metrics.open_stream())
        try:
            self._opening = story.opening()
        except BaseException:
            self._listening.close()
            raise
        self._hub, self._stream = hub, Stream(connection, story, bell, self._listening, chunked=chunked)

    def __iter__(self) -> Iterator[bytes]:
        yield self._opening.encode()
        self._listening = ExitStack()  # the hub's from here on
        self._hub.take(self._stream)
        raise Detached

    def close(self) -> None:
        """Called when the answer ends, also when its client was gone before the hub got it."""
        self._listening.close()


class Stream:
    """One taken connection, and what is still to be written to it."""

    def __init__(
        self, connection: socket.socket, story: Story, bell: threading.Event, listening: ExitStack, *, chunked: bool
    ) -> None:
        self.connection, self.story, self.bell = connection, story, bell
        self.waiting = bytearray()
        self.comment_at = time.monotonic() + COMMENT_SECONDS
        self._listening, self._chunked = listening, chunked

    def say(self, text: str) -> None:
        data = text.encode()
        self.waiting += b"%X\r\n%b\r\n" % (len(data), data) if self._chunked else data
        self.comment_at = time.monotonic() + COMMENT_SECONDS

    def end(self) -> None:
        if self._chunked:
            self.waiting += b"0\r\n\r\n"

    def write(self) -> None:
        """As much as the client takes now. Raises OSError when it is gone or has fallen too far behind."""
        if self.waiting:
            with suppress(BlockingIOError):
                del self.waiting[: self.connection.send(self.waiting)]
        if len(self.waiting) > MOST_WAITING:
            raise ConnectionAbortedError("the client does not read")

    def close(self) -> None:
        self._listening.close()
        self.connection.close()


class StreamHub:
    def __init__(self, app: Flask, follower: Follower) -> None:
        self._app, self._follower = app, follower
        self._new: queue.SimpleQueue[Stream] = queue.SimpleQueue()
        self._streams: set[Stream] = set()
        self._selector = selectors.DefaultSelector()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def listen(self, task_id: str) -> AbstractContextManager[threading.Event]:
        if self._follower.listening >= MOST_STREAMS:
            raise Unavailable(TOO_MANY, retry_after=5)
        return self._follower.listen(task_id)

    def take(self, stream: Stream) -> None:
        stream.connection.setblocking(False)
        self._new.put(stream)
        with self._start:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stream-hub", daemon=True)
                self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait until every stream has been told that the server stops."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        with self._app.app_context():
            while not self._follower.closing:
                self._adopt()
                for key, _ in self._selector.select(LOOK_SECONDS):
                    self._hear(key.data)
                self._tell()
            self._adopt()
            for stream in list(self._streams):
                stream.say(": the server stops; come back\n\n")
                stream.end()
                self._write(stream)
                self._drop(stream)

    def _adopt(self) -> None:
        timeout = None if self._streams or self._follower.closing else 1.0
        try:
            while True:
                stream = self._new.get(block=timeout is not None, timeout=timeout)
                timeout = None
                self._streams.add(stream)
                self._selector.register(stream.connection, selectors.EVENT_READ, stream)
        except queue.Empty:
            return

    def _hear(self, stream: Stream) -> None:
        """A client says nothing more: what can be read is its leaving."""
        try:
            gone = stream.connection.recv(4096) == b""
        except BlockingIOError:
            gone = False
        except OSError:
            gone = True
        if gone:
            self._drop(stream)

    def _tell(self) -> None:
        now = time.monotonic()
        for stream in list(self._streams):
            if self._follower.closing:
                return  # it has rung every bell, and there is little time: who comes back will hear the rest
            if stream.bell.is_set():
                self._tell_news(stream)
            elif now >= stream.comment_at:
                stream.say(": still here\n\n")
            self._write(stream)

    def _tell_news(self, stream: Stream) -> None:
        stream.bell.clear()
        try:
            while news := stream.story.news():
                stream.say(news)
        except PeeweeException:  # the database is away: the streams stay, and hear of it when it is back
            logger.warning("events not read; trying again", exc_info=True)
            database.close()
            stream.bell.set()
            time.sleep(RETRY_SECONDS)

    def _write(self, stream: Stream) -> None:
        try:
            stream.write()
        except OSError:
            self._drop(stream)

    def _drop(self, stream: Stream) -> None:
        if stream in self._streams:
            self._streams.remove(stream)
            self._selector.unregister(stream.connection)
            stream.close()

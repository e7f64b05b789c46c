"""What gunicorn lets us say about its workers and its log."""

from __future__ import annotations

import logging
import signal
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from lumi_box.web.stream_hub import Detached

GOODBYE_SECONDS = 2.0


class StreamingWorker(ThreadWorker):
    """Lets the stream hub take connections over, and ends them when it is told to stop."""

    stopping = False

    def handle(self, conn: TConn) -> Any:
        try:
            return super().handle(conn)
        except Detached:
            return Detached

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """In the main thread. A connection that was taken over is neither closed nor waited for."""
        if not fs.cancelled() and fs.exception() is None and fs.result() is Detached:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def run(self) -> None:
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


class QuietLogger(Logger):
    """Writes through our own handlers; requests are logged by the application, which knows their routes."""

    def setup(self, cfg: Any) -> None:
        self.loglevel = logging.INFO
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)

    def access(self, *args: Any, **kwargs: Any) -> None:
        """The application writes the access log."""

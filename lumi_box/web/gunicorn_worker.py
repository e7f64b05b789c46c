"""What gunicorn lets us say about its workers and its log."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker


class StreamingWorker(ThreadWorker):
    """Ends the open event streams when it is told to stop, instead of waiting for their clients to leave."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.wsgi.extensions["lumi_follower"].close()
        super().handle_exit(sig, frame)


class QuietLogger(Logger):
    """Writes through our own handlers; requests are logged by the application, which knows their routes."""

    def setup(self, cfg: Any) -> None:
        self.loglevel = logging.INFO
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)

    def access(self, *args: Any, **kwargs: Any) -> None:
        """The application writes the access log."""

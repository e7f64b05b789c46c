"""Logs to stdout, one event a line, as text or JSON, with the ids that join a request, its jobs and its errors."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from lumi_box.clock import iso

_context: ContextVar[dict[str, str]] = ContextVar("log_context", default={})  # noqa: B039  replaced, never changed

QUIET = ("huey", "apscheduler", "PIL", "peewee", "urllib3", "trimesh", "gunicorn.access")


@contextmanager
def bind(**ids: str) -> Iterator[None]:
    """Every line logged in the block carries these ids."""
    token = _context.set({**_context.get(), **ids})
    try:
        yield
    finally:
        _context.reset(token)


def configure(level: str, style: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))


def excerpt(prompt: str) -> str:
    """All that a log may hold of a prompt: its first 20 characters and its length."""
    return f"{prompt[:20]!r} ({len(prompt)} characters)"


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in _context.get().items())
        return f"{_time(record)} {record.levelname.lower():7} {record.name} {_message(self, record)}{ids}"


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(self, record),
            **_context.get(),
        }
        return json.dumps(line, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str | None:
    return iso(int(record.created * 1000))


def _message(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """One line, whatever was logged: a traceback's newlines are written out."""
    text = record.getMessage()
    if record.exc_info:
        text = f"{text}\n{formatter.formatException(record.exc_info)}"
    return text.replace("\r", "\\r").replace("\n", "\\n")

"""Logs to stdout, one event a line, as text or JSON, with the ids that join a request, its jobs and its errors.

A line may be trusted to be one: whatever is logged, nothing in it can begin another. And no line holds a secret that
redaction.py knows by its value or by its looks.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from lumi_box.clock import iso
from lumi_box.redaction import EXCERPT, redact

OURS = "lumi_box"

_context: ContextVar[dict[str, str]] = ContextVar("log_context", default={})  # noqa: B039  replaced, never changed
_uncaught = logging.getLogger("lumi_box.uncaught")

# All that a terminal or a reader of lines may take for more than a character: controls, and Unicode's line ends.
_UNSEEN = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ESCAPED = {code: f"\\u{code:04x}" for code in _UNSEEN} | {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x1B: "\\x1b"}
_IN_JSON = {code: f"\\u{code:04x}" for code in _UNSEEN if code > 0x20}  # json.dumps has escaped the others


@contextmanager
def bind(**ids: str) -> Iterator[None]:
    """Every line logged in the block carries these ids."""
    before = enter(**ids)
    try:
        yield
    finally:
        leave(before)


def enter(**ids: str) -> dict[str, str]:
    """`bind` for what does not end where it began; hand what this answers to `leave`."""
    before = _context.get()
    _context.set({**before, **ids})
    return before


def leave(before: dict[str, str]) -> None:
    _context.set(before)


def current(name: str) -> str | None:
    """The id that lines logged here and now would carry."""
    return _context.get().get(name)


def bound() -> dict[str, str]:
    """All of them."""
    return dict(_context.get())


def fields(*, in_json: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    """As `extra=`: what a JSON line holds by its name, and a text line at its end; `in_json` is for the first only."""
    return {"fields": values, "in_json": in_json or {}}


def configure(level: str, style: str) -> None:
    """Our own events from this level on; of what libraries say only warnings, since they log what they send."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.root.handlers[:] = [handler]
    logging.getLogger(OURS).setLevel(level.upper())
    logging.root.setLevel(max(logging.WARNING, logging.getLogger(OURS).level))
    logging.captureWarnings(True)
    sys.excepthook = _hook
    threading.excepthook = _thread_hook


def excerpt(prompt: str) -> str:
    """All that a log may hold of a prompt: its first 20 characters and its length."""
    return f"{prompt[:EXCERPT]!r} ({len(prompt)} characters)"


class TextFormatter(logging.Formatter):
    """`time level logger message name=value …`"""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        known = {**getattr(record, "fields", {}), **_context.get()}
        ids = "".join(f" {name}={value}" for name, value in known.items() if value is not None)
        line = f"{_time(record)} {record.levelname.lower():7} {record.name} {redact(text)}{redact(ids)}"
        return line.translate(_ESCAPED)


class JsonFormatter(logging.Formatter):
    """One object; `exception` holds a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        known = {**getattr(record, "in_json", {}), **getattr(record, "fields", {}), **_context.get()}
        line |= {name: redact(value) if isinstance(value, str) else value for name, value in known.items()}
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str).translate(_IN_JSON)


def _time(record: logging.LogRecord) -> str | None:
    return iso(int(record.created * 1000))


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _uncaught.critical("uncaught error", exc_info=(kind, error, trace))


def _thread_hook(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None and not isinstance(given.exc_value, SystemExit):
        name = given.thread.name if given.thread else "unknown"
        known = (given.exc_type, given.exc_value, given.exc_traceback)
        _uncaught.error("uncaught error in a thread name=%s", name, exc_info=known)

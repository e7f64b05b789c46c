"""Errors that nobody foresaw, reported to Sentry where `sentry.dsn` is set; nothing else is ever sent there.

What is sent: the error's type and text, its stack without the values in it, and the ids by which the log tells more.
No integration of the SDK is used, so that no request, cookie, body, query or breadcrumb can get into a report.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from lumi_box import __version__, logs
from lumi_box.redaction import redact

if TYPE_CHECKING:
    from lumi_box.config import Config

FLUSH_SECONDS = 2.0

_started = False


def start(config: Config) -> None:
    """Report from here on, in this process and in those that it forks."""
    global _started  # noqa: PLW0603  one process reports to one place
    if config.sentry.dsn is None:
        return
    import sentry_sdk  # the extra that only this needs; config/rules.py says so where it is not installed

    sentry_sdk.init(
        dsn=config.sentry.dsn,
        release=f"lumi-box@{__version__}",
        environment=config.mode,
        default_integrations=False,
        auto_enabling_integrations=False,
        max_breadcrumbs=0,
        include_local_variables=False,  # and send_default_pii is false as long as nobody says anything of it
        max_request_body_size="never",
        auto_session_tracking=False,
        enable_backpressure_handling=False,
        traces_sample_rate=None,
        propagate_traces=False,
        before_send=_redacted,
    )
    logging.root.addHandler(_Reporter(logging.ERROR))
    _started = True


def flush() -> None:
    """Before a process ends: what is still to be sent."""
    if _started:
        import sentry_sdk

        sentry_sdk.flush(FLUSH_SECONDS)


class _Reporter(logging.Handler):
    """Of what is logged as an error, whatever has a traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        if not record.exc_info or record.exc_info[1] is None:
            return
        import sentry_sdk

        with sentry_sdk.new_scope() as scope:
            scope.set_tags({"logger": record.name, **logs.bound()})
            scope.capture_exception(record.exc_info)
        if record.levelno >= logging.CRITICAL:  # the process is about to end
            flush()


def _redacted(event: Any, _: Any) -> Any:
    """The last line of defence, as for the log."""
    if isinstance(event, dict):
        return {name: _redacted(value, None) for name, value in event.items()}
    if isinstance(event, list | tuple):
        return [_redacted(value, None) for value in event]
    return redact(event) if isinstance(event, str) else event

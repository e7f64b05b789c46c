"""Words for states, times, sizes and addresses: what the templates' filters answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from flask_babel import format_datetime, format_decimal, format_timedelta, gettext, lazy_gettext

from lumi_box import clock

RECENT = timedelta(days=14)

STATUS_TEXTS = {
    "IMAGE_PENDING": lazy_gettext("In the queue"),
    "IMAGE_GENERATING": lazy_gettext("Painting"),
    "IMAGE_COMPLETED": lazy_gettext("Ready to pick"),
    "IMAGE_FAILED": lazy_gettext("Pictures failed"),
    "MODEL_PENDING": lazy_gettext("Model in the queue"),
    "MODEL_GENERATING": lazy_gettext("Making the model"),
    "MODEL_FAILED": lazy_gettext("Model failed"),
    "PENDING": lazy_gettext("In the queue"),
    "GENERATING": lazy_gettext("In progress"),
    "COMPLETED": lazy_gettext("Done"),
    "FAILED": lazy_gettext("Failed"),
    "CANCELLED": lazy_gettext("Cancelled"),
    "RUNNING": lazy_gettext("Running"),
    "RETRYING": lazy_gettext("Trying again"),
    "TIMEOUT": lazy_gettext("Timed out"),
    "DELIVERED": lazy_gettext("Delivered"),
    "PUBLIC": lazy_gettext("Public"),
    "PRIVATE": lazy_gettext("Private"),
    "SLICING": lazy_gettext("Slicing"),
    "SLICE_COMPLETE": lazy_gettext("Sliced"),
}


def status_text(status: str | None) -> str:
    """The reader's word for a state of a request, an image, a model or a job; an unknown state stays as it is."""
    return str(STATUS_TEXTS.get(status or "", status or ""))


def said(text: str | None) -> str:
    """A stored message in the reader's language, when the catalogue knows it."""
    return gettext(text) if text else ""


def _moment_of(value: str | datetime) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def ago(value: str | datetime) -> str:
    """How long ago that was, or until it will be; farther off than a fortnight, the date."""
    moment = _moment_of(value)
    passed = datetime.fromtimestamp(clock.now_ms() / 1000, UTC) - moment
    if abs(passed) > RECENT:
        return str(format_datetime(moment, "medium"))
    if abs(passed) < timedelta(seconds=45):
        return gettext("just now") if passed >= timedelta(0) else gettext("in a moment")
    return str(format_timedelta(-passed, granularity="second", add_direction=True))


def moment(value: str | datetime) -> str:
    """Date and time in UTC."""
    return f"{format_datetime(_moment_of(value), 'medium')} UTC"


def megabytes(size: int | None) -> str:
    if not size:
        return ""
    return f"{format_decimal(max(size / 1_000_000, 0.1), format='#,##0.0')} MB"


def hours(seconds: float) -> str:
    """How long a print takes, to the minute."""
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return gettext("%(minutes)d min", minutes=minutes)
    return gettext("%(hours)d h %(minutes)02d min", hours=minutes // 60, minutes=minutes % 60)


def here(url: str | None) -> str:
    """The path of one of our absolute URLs, so that a page also works under another name than `public_url`."""
    parts = urlsplit(url or "")
    return parts._replace(scheme="", netloc="").geturl()

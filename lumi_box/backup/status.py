"""How the backups fare, for the doctor and the metrics: rows of the settings."""

from __future__ import annotations

import logging

from peewee import PeeweeException

from lumi_box.clock import iso, now_ms
from lumi_box.tables.dialect import upsert
from lumi_box.tables.setting import Setting

LAST_SUCCESS = "backup.last_success"  # milliseconds since 1970
LAST_ERROR = "backup.last_error"  # when, and what; gone with the next success

logger = logging.getLogger(__name__)


def succeeded() -> None:
    write(LAST_SUCCESS, str(now_ms()))
    Setting.delete().where(Setting.name == LAST_ERROR).execute()


def failed(reason: str) -> None:
    """As far as the database can still be written to."""
    try:
        write(LAST_ERROR, f"{iso(now_ms())} {reason}")
    except PeeweeException:
        logger.warning("the failure of the backup could not be recorded", exc_info=True)


def read(name: str) -> str | None:
    row = Setting.get_or_none(Setting.name == name)
    return None if row is None else str(row.value)


def write(name: str, value: str) -> None:
    upsert(Setting, {"name": name}, {"value": value})

"""Failures that only the operator can mend: doctor and dashboard show them until the provider works again."""

from __future__ import annotations

import logging

from lumi_box.clock import now_ms
from lumi_box.errors import UpstreamError
from lumi_box.tables.dialect import upsert
from lumi_box.tables.spend import Alert

logger = logging.getLogger(__name__)


def raise_for(provider: str, error: BaseException) -> None:
    """Note the failure if it is of that kind; logged as an error the first time, and each time it comes back."""
    if not isinstance(error, UpstreamError) or not error.alert:
        return
    now = now_ms()
    provider = error.source or provider
    text = error.vendor_text or str(error)
    standing = (Alert.provider == provider) & (Alert.code == error.code) & Alert.cleared_at.is_null()
    if Alert.update(last_at=now, count=Alert.count + 1, text=text).where(standing).execute():
        return
    row = {"text": text, "count": 1, "first_at": now, "last_at": now, "cleared_at": None}
    upsert(Alert, {"provider": provider, "code": error.code}, row)
    logger.error("the operator is needed: provider=%s code=%s reason=%s", provider, error.code, text)


def clear(*providers: str) -> None:
    """These, the store among them, have just done what they were asked for."""
    cleared = Alert.update(cleared_at=now_ms()).where(Alert.provider.in_(providers), Alert.cleared_at.is_null())
    if cleared.execute():
        logger.info("works again: %s", ", ".join(providers))


def standing() -> list[Alert]:
    return list(Alert.select().where(Alert.cleared_at.is_null()).order_by(Alert.last_at.desc()))

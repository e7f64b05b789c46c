"""For the tests of cloud adapters: a config that points to an emulator, and what its error rows must become."""

from __future__ import annotations

import logging
import re
import secrets
import time
from dataclasses import replace

import pytest
from emulators.error_row import BUSY, REFUSED, RETRY, UNKNOWN

from lumi_box import config as configuration
from lumi_box.errors import AnswerLost, Busy, Refused, Unavailable
from lumi_box.providers.base import Pending, Ready

CLASSES = {BUSY: Busy, RETRY: Unavailable, REFUSED: Refused, UNKNOWN: AnswerLost}
ALERTING = ("operator", "quota")
SAYS = {  # what the sentence for the maker is about
    "busy": "busy|no more today|overloaded",
    "again": "try again|did not answer in full|has lost",
    "content": "safety check|infringe",
    "request": "does not accept|cannot use this picture|too large",
    "operator": "cannot be used|quota|clock",
    "quota": "quota",
}
PATIENCE_SECONDS = 10


def load(folder, emulator, **chosen):
    """A config of everything that the adapters read; `chosen` as for `provider_config`."""
    path = folder / "config.toml"
    path.write_text(
        f'mode = "development"\n[security]\ncookie_secret = "{secrets.token_urlsafe(48)}"\n'
        '[database]\nurl = "sqlite:///lumi.db"\n[storage]\nkind = "disk"\n[storage.disk]\npath = "objects"\n'
        + emulator.provider_config(**chosen),
        encoding="utf-8",
    )
    path.chmod(0o600)
    return configuration.load(path)


def with_settings(config, vendor, **changes):
    """The config with other settings of one vendor."""
    settings = replace(getattr(config.providers, vendor), **changes)
    return replace(config, providers=replace(config.providers, **{vendor: settings}))


def with_limits(config, **changes):
    return replace(config, limits=replace(config.limits, **changes))


def finished(provider, ticket):
    """Poll until it is ready."""
    until = time.monotonic() + PATIENCE_SECONDS
    while isinstance(found := provider.poll(ticket), Pending):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert isinstance(found, Ready)
    return found


def failure_of(act):
    """The error of ours that the call ends with."""
    with pytest.raises((Unavailable, Refused)) as caught:
        act()
    return caught.value


def agrees(error, row):
    """The error is what the vendor's table says of the row."""
    assert isinstance(error, CLASSES[row.verdict]), f"{row}: {error!r}"
    if row.verdict == RETRY:
        assert not isinstance(error, Busy | AnswerLost)
    assert re.search(SAYS[row.told], str(error), re.IGNORECASE), f"{row}: {error}"
    assert error.alert == (row.told in ALERTING) or (row.told == "busy" and error.retry_after == 3600)
    assert error.code == (row.code or f"http_{row.status}") or row.verdict == UNKNOWN
    if row.message and row.verdict != UNKNOWN:
        assert error.vendor_text.startswith(row.message[:200])


def logged(caplog):
    """All that our own loggers wrote, at whatever level."""
    return "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("lumi_box"))


@pytest.fixture
def listening(caplog):
    caplog.set_level(logging.DEBUG)
    return caplog

"""A webhook of the operator's, and rounds in which a test decides how the services fare."""

from __future__ import annotations

from dataclasses import replace

import pytest
from health.webhook import Webhook

from lumi_box.doctor import Finding
from lumi_box.health import rounds
from lumi_box.health.rounds import HealthRounds


@pytest.fixture
def hook():
    with Webhook() as running:
        yield running


@pytest.fixture
def told(box, hook):
    """The box, with the webhook as the one address of `alerts.urls`."""
    box.config = replace(box.config, alerts=replace(box.config.alerts, urls=(hook.url,)))
    return box


class Rounds:
    """A worker's rounds in which a test decides how two of the services fare."""

    def __init__(self, box, monkeypatch):
        self.ill: set[str] = set()
        monkeypatch.setattr(rounds, "GAP_MS", -1)
        self._rounds = HealthRounds(box)
        monkeypatch.setattr(self._rounds._examiner, "examine", self._found)

    def make(self, *ill):
        self.ill = set(ill)
        self._rounds.run()

    def _found(self):
        return [self._finding(name) for name in ("storage", "image-provider")]

    def _finding(self, name):
        hint = "Mend it." if name in self.ill else ""
        return Finding(name, name not in self.ill, f"{name} was looked at.", hint, 3)


@pytest.fixture
def made(told, monkeypatch):
    return Rounds(told, monkeypatch)

"""Findings kept for some seconds, so that whoever asks often does not make us ask others often."""

from __future__ import annotations

import threading
from time import monotonic

from lumi_box.box import Box
from lumi_box.doctor import ASK_VENDORS, CHECKS, Examiner, Finding

KEEP_SECONDS = 5.0
KEEP_VENDORS_SECONDS = 60.0
KEEP_ILL_VENDORS_SECONDS = 15.0  # so that a cure shows soon
STALE_SECONDS = 10.0  # while others look, at most so old findings of the rest are handed out


class KeptFindings:
    """Safe to share between threads: one looks, the others wait for what it finds, or take what is fresh enough."""

    def __init__(self, box: Box) -> None:
        self._examiner = Examiner(box)
        self._turn = threading.Lock()
        self._found: dict[str, tuple[float, Finding]] = {}

    def findings(self) -> list[Finding]:
        if not self._turn.acquire(blocking=False):
            if not self._due(STALE_SECONDS):
                return self._all()
            self._turn.acquire()
        try:
            if due := self._due(KEEP_SECONDS):
                found = self._examiner.examine(due)
                now = monotonic()
                self._found = {**self._found, **{finding.id: (now, finding) for finding in found}}
            return self._all()
        finally:
            self._turn.release()

    def _all(self) -> list[Finding]:
        found = self._found
        return [found[name][1] for name in CHECKS]

    def _due(self, keep_seconds: float) -> list[str]:
        """The checks whose findings have been kept for too long."""
        now, found = monotonic(), self._found
        return [
            name
            for name in CHECKS
            if name not in found or now - found[name][0] > _longest(name, found[name][1], keep_seconds)
        ]


def _longest(name: str, finding: Finding, keep_seconds: float) -> float:
    if name not in ASK_VENDORS:
        return keep_seconds
    return KEEP_VENDORS_SECONDS if finding.healthy else KEEP_ILL_VENDORS_SECONDS

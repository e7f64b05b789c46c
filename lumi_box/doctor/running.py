"""Runs checks side by side, each in a thread of its own: one that hangs is given up, and holds no other up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping

from lumi_box.box import Box
from lumi_box.doctor.checks import CHECKS, Check
from lumi_box.doctor.finding import Finding, Sick
from lumi_box.doctor.hints import hint_for
from lumi_box.errors import UpstreamError
from lumi_box.redaction import redact
from lumi_box.tables import base

TIMEOUT_SECONDS = 5.0

logger = logging.getLogger(__name__)


def examine(box: Box, only: Iterable[str] | None = None) -> list[Finding]:
    """The findings in the order of the checks; none takes longer than five seconds."""
    return Examiner(box).examine(only)


class Examiner:
    """For those who look again and again: a check that hangs is not begun once more beside itself."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._hanging: dict[str, _Run] = {}

    def examine(self, only: Iterable[str] | None = None) -> list[Finding]:
        runs = {name: self._run(name, CHECKS) for name in (only if only is not None else CHECKS)}
        deadline = time.monotonic() + TIMEOUT_SECONDS
        found = [run.finding(deadline) for run in runs.values()]
        self._hanging = {name: run for name, run in runs.items() if run.thread.is_alive()}
        return found

    def _run(self, name: str, checks: Mapping[str, Check]) -> _Run:
        earlier = self._hanging.get(name)
        return earlier if earlier is not None and earlier.thread.is_alive() else _Run(name, checks[name], self._box)


class _Run:
    """One check under way."""

    def __init__(self, name: str, check: Check, box: Box) -> None:
        self.name, self._check, self._box = name, check, box
        self.started = self._ended = time.monotonic()
        self._found: tuple[bool, str, str] | None = None
        self.thread = threading.Thread(target=self._go, name=f"check-{name}", daemon=True)
        self.thread.start()

    def finding(self, deadline: float) -> Finding:
        self.thread.join(max(0.0, deadline - time.monotonic()))
        if self._found is None:
            waited = time.monotonic() - self.started
            text = f"It did not answer within {waited:.0f} seconds."
            return Finding(self.name, False, text, hint_for(self.name, self._box), round(waited * 1000))
        return Finding(self.name, *self._found, round((self._ended - self.started) * 1000))

    def _go(self) -> None:
        try:
            found = (True, self._check(self._box), "")  # opens a connection if, and only if, it needs one
        except Sick as sick:
            found = (False, str(sick), sick.hint)
        except UpstreamError as error:
            found = (False, f"{error} {error.vendor_text}".strip(), hint_for(self.name, self._box, error))
        except Exception as error:  # whatever a check meets is its finding
            logger.debug("check failed name=%s", self.name, exc_info=True)
            found = (False, f"{type(error).__name__}: {error}", hint_for(self.name, self._box, error))
        finally:
            base.database.close()
        self._ended = time.monotonic()
        self._found = (found[0], redact(found[1]), found[2])

"""The doctor's rounds by the clock: `schedule.health` says when, the history keeps what was found."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from peewee import PeeweeException
from pymysql import MySQLError

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.doctor import CRITICAL, Examiner, Finding
from lumi_box.health import alerts, history
from lumi_box.health.history import Change
from lumi_box.storage.node_lease import Taken, held
from lumi_box.tables import base

NAME = "health"
GAP_MS = 30_000  # between two rounds, whichever nodes make them: cron's shortest step is a minute

logger = logging.getLogger(__name__)


class HealthRounds:
    """One worker's rounds. Of several nodes one makes each round, as long as the database can tell which."""

    def __init__(self, box: Box) -> None:
        self._box, self._examiner = box, Examiner(box)
        self._first = True
        self._dark = 0  # rounds in a row without a database
        self._untold: list[str] | None = None  # addresses that have not taken the news of that; None before it is one

    def run(self) -> None:
        """Also told of a database that is away: that is the one thing which cannot be kept there."""
        try:
            with held(NAME):
                self._round()
        except Taken:
            logger.debug("another node makes the round")
        except (PeeweeException, MySQLError):
            self._round_in_the_dark()
        finally:
            base.database.close()

    def _round(self) -> None:
        made_just_now = history.last_round_ms() > now_ms() - GAP_MS
        if made_just_now and not self._first:
            return
        findings = self._examiner.examine()
        self._warn_once(findings)
        if not made_just_now:
            changes = history.record(findings, alerts.targets(self._box.config))
            log(changes)
            history.prune()
        self._tell_of_light()
        alerts.deliver_waiting(self._box.config)

    def _round_in_the_dark(self) -> None:
        """Nothing can be kept: this process remembers by itself, and each node speaks for itself."""
        findings = self._examiner.examine()
        self._warn_once(findings)
        self._dark += 1
        if self._dark < history.ROUNDS_TO_TELL:
            return
        ill = [Change(each.id, each.healthy, each.text, each.hint) for each in findings if not each.healthy]
        if self._untold is None:
            log(ill)
            self._untold = list(self._box.config.alerts.urls)
        self._untold = alerts.send_all(self._box.config, self._untold, *history.message(ill))

    def _tell_of_light(self) -> None:
        if self._untold is not None:
            told = [url for url in self._box.config.alerts.urls if url not in self._untold]
            back = Change("database", healthy=True, text="It answers again.", hint="")
            log([back])
            alerts.send_all(self._box.config, told, *history.message([back]))
        self._dark, self._untold = 0, None

    def _warn_once(self, findings: Iterable[Finding]) -> None:
        if self._first:
            warn_of(findings)
        self._first = False


def warn_after_start(box: Box) -> None:
    """What does not stop a start is told after it."""
    try:
        warn_of(Examiner(box).examine())
    finally:
        base.database.close()


def warn_of(findings: Iterable[Finding]) -> None:
    for finding in findings:
        if not finding.healthy:
            logger.warning("unhealthy check=%s found=%s do=%s", finding.id, finding.text, finding.hint)


def log(changes: Iterable[Change]) -> None:
    for change in changes:
        level = logging.INFO if change.healthy else logging.ERROR if change.service in CRITICAL else logging.WARNING
        status = "well again" if change.healthy else "unhealthy"
        logger.log(level, "health changed check=%s status=%s found=%s do=%s", *_told(change, status))


def _told(change: Change, status: str) -> tuple[str, str, str, str]:
    return change.service, status, change.text, change.hint

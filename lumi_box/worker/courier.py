"""Hands what webhooks are to be told to threads of its own, so that no receiver, however slow, holds up a job.

Some are at work at once and no more, and of one user's fewer, so that nobody's slow receivers make another wait.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter

from peewee import PeeweeException

from lumi_box.box import Box
from lumi_box.tables.base import database, release
from lumi_box.tables.webhook import WebhookDelivery
from lumi_box.webhooks import deliver, deliveries
from lumi_box.webhooks.deliveries import Outcome

AT_ONCE, PER_USER = 16, 4
LOOK_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Courier:
    def __init__(self, box: Box) -> None:
        self._box = box
        self._at_work: Counter[str] = Counter()  # whose deliveries are under way
        self._ended = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing new."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Whether what is under way ended in time. What did not is delivered again, by whoever comes next."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._at_work, max(seconds, 0))

    def _run(self) -> None:
        while not self._stopping:
            seen = self._ended
            try:
                self._hand_out()
            except Exception:  # the database is away, or no thread is to be had: nothing is lost, only late
                logger.warning("webhook deliveries not handed out; trying again", exc_info=True)
            finally:
                release()
            with self._changed:  # whatever has ended meanwhile may have made room
                self._changed.wait_for(lambda: self._stopping or self._ended != seen, LOOK_SECONDS)  # noqa: B023

    def _hand_out(self) -> None:
        """Claim and begin what is due, until there is no room, or nothing more that has some."""
        while not self._stopping:
            with self._changed:
                room = AT_ONCE - self._at_work.total()
                full = [user for user, count in self._at_work.items() if count >= PER_USER]
            found = deliveries.due(min(room, PER_USER), full) if room else []
            if not found:
                return
            for delivery in found:
                self._take(delivery)

    def _take(self, delivery: WebhookDelivery) -> None:
        user_id = delivery.webhook.user_id
        if self._at_work[user_id] >= PER_USER:  # only this thread makes it more
            return
        claimed = deliveries.claim(delivery)
        if claimed is None:
            return
        with self._changed:
            self._at_work[user_id] += 1
        try:
            threading.Thread(target=self._deliver, args=(claimed, user_id), name="delivery", daemon=True).start()
        except RuntimeError:
            self._make_room(user_id)
            raise

    def _deliver(self, claimed: WebhookDelivery, user_id: str) -> None:
        try:
            outcome = self._attempt(claimed)
            with database.connection_context():  # none is held while the other side takes its time
                deliveries.record(claimed, outcome)
        except PeeweeException:  # not written down: its lease runs out, and it is delivered again under the same id
            logger.warning("webhook delivery not recorded delivery=%s", claimed.id, exc_info=True)
        finally:
            self._make_room(user_id)

    def _make_room(self, user_id: str) -> None:
        with self._changed:
            self._at_work -= Counter([user_id])  # those at nothing are dropped
            self._ended += 1
            self._changed.notify_all()

    def _attempt(self, claimed: WebhookDelivery) -> Outcome:
        started = time.monotonic()
        try:
            outcome = deliver.attempt(self._box.config, claimed)
        except Exception:  # a fault of ours: it counts as a failed attempt, and is not repeated for ever
            logger.exception("webhook delivery failed delivery=%s", claimed.id)
            outcome = Outcome(round((time.monotonic() - started) * 1000), error=deliver.OURS)
        logger.info(
            "webhook called delivery=%s webhook=%s type=%s attempt=%d status=%s ms=%d",
            claimed.id,
            claimed.webhook_id,
            claimed.type,
            claimed.attempts,
            outcome.status or "-",
            outcome.milliseconds,
        )
        return outcome

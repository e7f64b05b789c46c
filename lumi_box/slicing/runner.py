"""Hands slicings that are due to threads of its own, so that none, however long it takes, holds up a job.

A program that slices uses what the machine has: one runs at a time on each node. The service only has to be asked.
Users take turns, so that nobody's many models make another wait for them all.
"""

from __future__ import annotations

import logging
import threading

from peewee import PeeweeException

from lumi_box import logs
from lumi_box.box import Box
from lumi_box.slicing import command, service, states
from lumi_box.slicing.step import Step, unforeseen
from lumi_box.tables.base import database, release
from lumi_box.tables.slicing import Slicing

AT_ONCE = {"none": 0, "command": 1, "service": 4}
LOOK_SECONDS = 0.5
PROLONG_SECONDS = 3.0
AWAY_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Slicer:
    def __init__(self, box: Box) -> None:
        self._box = box
        self._kind = box.config.slicer.kind
        self._service = service.connected(box.config) if self._kind == "service" else None
        self._at_work: dict[str | None, tuple[Step, threading.Event]] = {}  # by lease: a step may follow on the heels
        self._turns: dict[str, int] = {}  # when a user had the last one
        self._turn = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slicer", daemon=True)
        self._keeper = threading.Thread(target=self._keep_leases, name="slicer-leases", daemon=True)

    def start(self) -> None:
        if self._kind == "command" and command.program(self._box.config) is None:
            logger.warning("slicer.command: no program %s in $PATH", self._box.config.slicer.command)
        self._thread.start()
        self._keeper.start()

    def stop(self) -> None:
        """Begin nothing new, and give up what a program does: another worker, or this one later, does it anew."""
        with self._changed:
            self._stopping.set()
            for _, give_up in self._at_work.values():
                give_up.set()
            self._changed.notify_all()
        self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Whether what is under way ended in time. What did not is taken up again, by whoever comes next."""
        with self._changed:
            ended = self._changed.wait_for(lambda: not self._at_work, max(seconds, 0))
        self._keeper.join()
        if ended and self._service is not None:
            self._service.close()
        return ended

    def _run(self) -> None:
        """Where there is no slicer any more, nobody shall wait for one."""
        while not self._stopping.is_set():
            try:
                if self._kind == "none":
                    states.end_all()
                    return
                self._hand_out()
            except Exception:  # the database is away, or no thread is to be had: nothing is lost, only late
                logger.warning("slicings not handed out; trying again", exc_info=True)
                self._stopping.wait(AWAY_SECONDS)
            finally:
                if self._kind == "none":
                    database.close()
                else:
                    release()
            with self._changed:
                self._changed.wait(0 if self._stopping.is_set() else LOOK_SECONDS)
        database.close()

    def _hand_out(self) -> None:
        """Claim and begin what is due, until there is no room, or nothing is due any more."""
        while not self._stopping.is_set() and len(self._at_work) < AT_ONCE[self._kind]:
            found = sorted(states.due(), key=lambda row: (self._turns.get(row.user_id, 0), row.id))
            if not found:
                return
            for seen in found[: AT_ONCE[self._kind] - len(self._at_work)]:
                if (row := states.claim(seen)) is not None:
                    self._begin(row)

    def _begin(self, row: Slicing) -> None:
        give_up = threading.Event()
        step = Step(self._box, row, self._service, give_up)
        self._turn += 1
        self._turns[row.user_id] = self._turn
        with self._changed:
            self._at_work[row.lease] = (step, give_up)
            if self._stopping.is_set():
                give_up.set()
        try:
            threading.Thread(target=self._work, args=(step,), name="slicing", daemon=True).start()
        except RuntimeError:
            self._make_room(row)
            raise

    def _work(self, step: Step) -> None:
        row = step.row
        try:
            with logs.bind(task_id=row.request_id):
                self._take(step)
        except PeeweeException:  # not written down: the lease runs out, and the step is taken anew
            logger.warning("slicing not recorded slicing=%s", row.id, exc_info=True)
        finally:
            database.close()  # of this thread
            self._make_room(row)

    def _take(self, step: Step) -> None:
        try:
            step.run()
        except PeeweeException:
            raise
        except Exception as error:  # a fault of ours: it uses up a try
            logger.exception("slicing went wrong slicing=%s", step.row.id)
            unforeseen(step.row, error)

    def _make_room(self, row: Slicing) -> None:
        with self._changed:
            del self._at_work[row.lease]
            self._changed.notify_all()

    def _keep_leases(self) -> None:
        """Of whatever is under way, until it has ended, also while this worker stops."""
        while not self._stopping.wait(PROLONG_SECONDS):
            self._prolong()
        with self._changed:
            still = bool(self._at_work)
        if still:
            self._prolong()
        database.close()

    def _prolong(self) -> None:
        with self._changed:
            held = list(self._at_work.values())
        for step, give_up in held:
            try:
                if not states.prolong(step.row, step.progress) and not self._stopping.is_set():
                    give_up.set()
            except PeeweeException:  # a busy database: the lease lasts for some more tries
                logger.warning("lease of a slicing not prolonged", exc_info=True)
        release()

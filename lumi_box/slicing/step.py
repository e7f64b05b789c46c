"""One step of a claimed slicing: order, ask, bring home; or run the program."""

from __future__ import annotations

import logging
import tempfile
import threading
from pathlib import Path
from typing import Any

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import AnswerLost, LumiError, Refused, Unavailable, UpstreamError
from lumi_box.slicing import command, gcode, names, print_file, service, states
from lumi_box.slicing.service import SlicerService, State
from lumi_box.storage import addresses, keys, ledger
from lumi_box.tables.base import release
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.slicing import Slicing

RESULTLESS = 5  # times that a service which says it is done is asked again for a file

logger = logging.getLogger(__name__)


class Step:
    """`give_up` ends it early; `progress` is what the program says meanwhile, for whoever prolongs the lease."""

    def __init__(self, box: Box, row: Slicing, slicer: SlicerService | None, give_up: threading.Event) -> None:
        self._box, self.row, self._service = box, row, slicer
        self._give_up, self.progress = give_up, row.progress

    def run(self) -> None:
        """Whatever happens ends in the row, but for a failure of the database, which the lease outlives."""
        try:
            with tempfile.TemporaryDirectory(prefix="lumi-slice-") as folder:
                if self._service is None:
                    self._run_program(Path(folder))
                elif self.row.remote_id is None:
                    self._order(self._service, Path(folder))
                else:
                    self._ask(self._service, self.row.remote_id, Path(folder))
        except states.GivenUp:
            states.hand_back(self.row)
        except Refused as error:
            self._fail(error)
        except Unavailable as error:
            self._again(error)

    def _run_program(self, folder: Path) -> None:
        model, target = folder / "model.stl", folder / "model.gcode"
        print_file.write(self._box.storage, self._stl_key(), self.row.height_mm, model)
        release()
        command.run(self._box.config, model, target, self._give_up, self._tell)
        self._keep(target, gcode.facts(target))

    def _tell(self, percent: int) -> None:
        self.progress = percent

    def _order(self, slicer: SlicerService, folder: Path) -> None:
        config, row = self._box.config, self.row
        url = addresses.signed(config.public_url, config.security.cookie_secret, self._file_for_service(folder))
        release()
        remote_id = slicer.submit(url, f"{row.model_id}.stl")
        states.ordered(row, remote_id)
        logger.info("slicing ordered slicing=%s remote=%s", row.id, remote_id)
        states.postpone(row, went_well=True)

    def _file_for_service(self, folder: Path) -> str:
        """The key of what it is to fetch: the model's own file, or one of the height that was asked for."""
        row, stl_key = self.row, self._stl_key()
        if row.height_mm == names.STORED_HEIGHT_MM:
            return stl_key
        if row.stl_key is None:
            scaled = folder / "model.stl"
            print_file.write(self._box.storage, stl_key, row.height_mm, scaled)
            key = keys.model_key(row.model_id, f"{row.id}.stl")
            states.keep_print_file(row, ledger.keep(self._box.storage, key, scaled, self._owner()))
        return str(row.stl_key)

    def _ask(self, slicer: SlicerService, remote_id: str, folder: Path) -> None:
        release()
        state = slicer.poll(remote_id)
        if state.status == service.FAILED:
            raise Refused(names.NOT_SLICED, code="failed", vendor_text=state.text)
        if state.status == service.CANCELLED:
            raise Refused(names.CANCELLED, code="cancelled", vendor_text=state.text)
        if state.status == service.COMPLETED:
            self._fetch(slicer, state, folder)
        elif self._is_late():
            raise Refused(names.TOO_LONG, code="deadline", vendor_text=f"still {state.status[:40]}")
        else:
            states.postpone(self.row, went_well=True, progress=state.progress)

    def _fetch(self, slicer: SlicerService, state: State, folder: Path) -> None:
        target = folder / "model.gcode"
        try:
            if state.url is None:
                raise Refused(names.NO_GCODE, code="no_url", vendor_text="COMPLETED without gcode_download_url")
            slicer.fetch(state.url, target)
        except Refused as error:  # another query may give an address that works
            if error.code not in ("no_url", "result_expired") or self.row.resultless + 1 >= RESULTLESS:
                raise
            states.postpone(self.row, went_well=True, resultless=self.row.resultless + 1)
            return
        if not gcode.is_gcode(target):
            raise Refused(names.NO_GCODE, code="no_gcode", vendor_text="the file is no G-code")
        told = {name: value for name, value in (state.facts or {}).items() if value is not None}
        self._keep(target, gcode.facts(target) | told)

    def _keep(self, target: Path, facts: dict[str, Any]) -> None:
        row = self.row
        key = keys.model_key(row.model_id, f"{row.id}.gcode")
        kept = ledger.keep(self._box.storage, key, target, self._owner())
        if states.complete(row, kept, facts):
            logger.info("slicing complete slicing=%s bytes=%d", row.id, kept.size)

    def _stl_key(self) -> str:
        model = GeneratedModel.get_or_none(GeneratedModel.id == self.row.model_id)
        if model is None or model.stl_key is None:
            raise Refused(names.NOT_FINISHED, code="no_model")  # deleted since: the row is gone, too
        return str(model.stl_key)

    def _owner(self) -> ledger.Owner:
        return ledger.Owner(self.row.user_id, self.row.request_id, self.row.model_id)

    def _again(self, error: Unavailable) -> None:
        """Until the deadline; an order that may have been accepted is not repeated more often than a few times."""
        doubtful = isinstance(error, AnswerLost) and self.row.remote_id is None
        if self._is_late() or (doubtful and self.row.tries >= states.MOST_TRIES):
            self._fail(error)
            return
        told = (self.row.id, error.code, error.vendor_text)
        logger.info("slicing postponed slicing=%s code=%s reason=%s", *told)
        states.postpone(self.row, str(error), went_well=not doubtful, retry_after=error.retry_after)

    def _is_late(self) -> bool:
        return self.row.deadline_at is not None and self.row.deadline_at <= now_ms()

    def _fail(self, error: UpstreamError) -> None:
        told = (self.row.id, error.code, error.vendor_text)
        if states.fail(self.row, str(error), error.code, error.vendor_text):
            logger.warning("slicing failed slicing=%s code=%s reason=%s", *told)


def unforeseen(row: Slicing, error: LumiError | Exception) -> None:
    """A fault of ours: tried again, and not for ever."""
    if row.tries >= states.MOST_TRIES:
        states.fail(row, names.OURS, "internal", type(error).__name__)
    else:
        states.postpone(row, names.OURS, went_well=False)

"""The admin API under /__emulator__/: faults, settings and the journal of an emulator in another process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulators.error_rows import ERROR_ROWS
from emulators.faults import FAULTS, Fault
from emulators.journal import as_json
from emulators.wire import Reply, Request, json_answer

if TYPE_CHECKING:
    from emulators.emulator import Emulator

ROOT = "/__emulator__/"


class Admin:
    """GET health, catalogue, journal, faults, settings/VENDOR; POST faults, settings/VENDOR; DELETE journal, faults."""

    name = "admin"

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operation(self, request: Request) -> str | None:
        return request.path.removeprefix(ROOT) if request.path.startswith(ROOT) else None

    def identify(self, request: Request) -> dict[str, str]:
        return {}

    def answer(self, operation: str, request: Request, fault: Fault | None) -> Reply:
        try:
            return Reply(json_answer(self._handle(request.method, operation, request)))
        except (KeyError, TypeError, ValueError) as problem:
            return Reply(json_answer({"error": str(problem)}, 400))

    def _handle(self, method: str, what: str, request: Request) -> Any:
        emulator = self._emulator
        if what == "health":
            return {"ok": True}
        if what == "catalogue":
            rows = {vendor: [row.name for row in table] for vendor, table in ERROR_ROWS.items()}
            return {"faults": sorted(FAULTS), "rows": rows}
        if what == "journal":
            return self._journal(method)
        if what == "faults":
            return self._faults(method, request)
        if what.startswith("settings/"):
            values = request.object() if method == "POST" else {}
            return emulator.settings(what.removeprefix("settings/"), **values)
        raise KeyError(f"nothing at {what!r}")

    def _journal(self, method: str) -> Any:
        if method == "DELETE":
            self._emulator.journal.clear()
        return as_json(self._emulator.record())

    def _faults(self, method: str, request: Request) -> Any:
        if method == "DELETE":
            self._emulator.faults.clear()
        if method == "POST":
            self._emulator.fault(**request.object())
        return self._emulator.faults.pending()

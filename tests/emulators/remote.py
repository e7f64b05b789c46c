"""An emulator in another process, with the same methods as one in this."""

from __future__ import annotations

from typing import Any

import requests

from emulators.emulator import Addresses
from emulators.journal import Record, from_json


class RemoteEmulator(Addresses):
    def fault(self, vendor: str, operation: str, name: str, **options: Any) -> None:
        self._ask("POST", "faults", {"vendor": vendor, "operation": operation, "name": name} | options)

    def settings(self, vendor: str, **values: Any) -> dict[str, Any]:
        settings: dict[str, Any] = self._ask("POST", f"settings/{vendor}", values)
        return settings

    def record(self) -> Record:
        return from_json(self._ask("GET", "journal"))

    def clear(self) -> None:
        self._ask("DELETE", "faults")
        self._ask("DELETE", "journal")

    def _ask(self, method: str, what: str, body: dict[str, Any] | None = None) -> Any:
        answer = requests.request(method, f"{self.base}/__emulator__/{what}", json=body, timeout=10)
        if answer.status_code != 200:
            raise ValueError(answer.text)
        return answer.json()

"""What a check answers: found well, with evidence; or sick, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` is the evidence, `hint` the command or config line that mends it; a healthy one needs none."""

    id: str
    healthy: bool
    text: str
    hint: str
    latency_ms: int

    @property
    def status(self) -> str:
        return "healthy" if self.healthy else "unhealthy"

    def as_service(self, *, with_message: bool) -> dict[str, Any]:
        """As `/health/detailed` tells it."""
        shape: dict[str, Any] = {"service": self.id, "status": self.status, "latencyMs": self.latency_ms}
        return shape | ({"message": f"{self.text} {self.hint}".strip()} if with_message else {})


@dataclass(frozen=True, slots=True)
class Note:
    """Worth knowing, and no reason to call anything unhealthy."""

    id: str
    text: str
    hint: str


class Sick(Exception):  # the answer of a check, not a fault of the program
    """What is wrong, and what to do about it."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint

"""The vendors' error tables as data: what is sent, and what a client is to make of it.

The verdicts: `busy` passes with waiting and is nobody's fault; `retry` passes, a few times are worth it; `refused`
does not pass; `unknown` leaves open whether the order was carried out. `told` is the group of the message for the
user: busy, again, content, request, operator, quota.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emulators.wire import JSON

BUSY, RETRY, REFUSED, UNKNOWN = "busy", "retry", "refused", "unknown"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """`of_job`: the code with which an accepted job ends, HTTP status 200. `also`: other operations it fits.
    `body` is JSON, or bytes that are sent as they are."""

    vendor: str
    name: str
    status: int
    code: str
    message: str
    verdict: str
    told: str
    body: object
    operation: str = "submit"
    also: tuple[str, ...] = ()
    of_job: bool = False
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.vendor}-{self.operation}-{self.name}"

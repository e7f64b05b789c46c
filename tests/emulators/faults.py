"""Faults on demand: named, armed for a vendor and an operation, for the next n requests or by probability.

A fault either keeps the request from having any effect (an error answer, a reset before acceptance), or lets it
have its effect and spoils the answer (a reset after acceptance, a cut body), or changes what becomes of the job.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from emulators import acts
from emulators.acts import Act
from emulators.error_row import ErrorRow
from emulators.error_rows import ERROR_ROWS
from emulators.jobs import Course
from emulators.wire import JSON, Answer

ANY = "any"


@dataclass(frozen=True, slots=True)
class Fault:
    """`effect`: the request is carried out. `act`: how the answer is sent, None for as usual. `status`: what the
    journal writes down for the answer; 0 when the client gets none. `script`: how a chat model misbehaves."""

    name: str
    act: Act | None = None
    effect: bool = False
    course: Course | None = None
    script: str = ""
    status: int = 0


@dataclass(slots=True)
class Armed:
    vendor: str
    operation: str
    fault: Fault
    times: int | None
    probability: float
    path: str
    hits: int = field(default=0)

    def meets(self, vendor: str, operation: str, path: str) -> bool:
        return (
            self.vendor in (ANY, vendor)
            and self.operation in (ANY, operation)
            and self.path in path
            and (self.times is None or self.hits < self.times)
        )


class FaultQueue:
    """Faults for the same operation come in the order in which they were armed."""

    def __init__(self, seed: int = 0) -> None:
        self._armed: list[Armed] = []
        self._chance = random.Random(seed)
        self._guard = threading.Lock()

    def arm(
        self,
        vendor: str,
        operation: str,
        fault: Fault,
        *,
        times: int | None = 1,
        probability: float = 1.0,
        path: str = "",
    ) -> None:
        """`times` None is for ever; `path` is a part of the path that the request must have."""
        with self._guard:
            self._armed.append(Armed(vendor, operation, fault, times, probability, path))

    def take(self, vendor: str, operation: str, path: str) -> Fault | None:
        if vendor == "admin":
            return None
        with self._guard:
            for armed in self._armed:
                if armed.meets(vendor, operation, path) and self._chance.random() < armed.probability:
                    armed.hits += 1
                    return armed.fault
        return None

    def pending(self) -> list[dict[str, Any]]:
        """What is still armed."""
        with self._guard:
            return [
                {"vendor": one.vendor, "operation": one.operation, "name": one.fault.name, "hits": one.hits}
                for one in self._armed
                if one.times is None or one.hits < one.times
            ]

    def clear(self) -> None:
        with self._guard:
            self._armed.clear()


def answered(
    name: str,
    status: int,
    body: object = b"",
    *,
    content_type: str = JSON,
    effect: bool = False,
    headers: dict[str, str] | None = None,
    retry_after: float | str | None = None,
) -> Fault:
    """Answered with this instead: `body` bytes as they are, anything else as JSON."""
    payload = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    extra = dict(headers or {}) | ({} if retry_after is None else {"Retry-After": str(retry_after)})
    return Fault(name, acts.instead(Answer(status, payload, content_type, extra)), effect, status=status)


def from_row(row: ErrorRow, **options: Any) -> Fault:
    """An error of a vendor's table: as the answer, or for a row of a job as what the job ends with."""
    if row.of_job:
        return Fault(row.name, effect=True, course=Course(fail=(row.code, row.message)))
    return answered(row.name, row.status, row.body, content_type=row.content_type, headers=row.headers, **options)


def _job(name: str, **fixed: Any) -> Callable[..., Fault]:
    return lambda **options: Fault(name, effect=True, course=Course(**(fixed | options)))


def _gateway(name: str, status: int, effect: bool) -> Callable[..., Fault]:
    title = {502: "502 Bad Gateway", 504: "504 Gateway Time-out"}[status]
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>nginx</body></html>".encode()
    return lambda **options: answered(name, status, page, content_type="text/html", effect=effect, **options)


def _act(name: str, make: Callable[..., Act], *, effect: bool, status: int = 0) -> Callable[..., Fault]:
    return lambda **options: Fault(name, make(**options), effect, status=status)


def _script(name: str) -> Callable[..., Fault]:
    return lambda: Fault(name, effect=True, script=name)


CHAT_SCRIPTS = (
    "fenced", "prose-around", "three", "five", "empty-strings", "long", "cut-off", "refusal", "empty-content",
    "not-strings", "other-key", "bare-list", "with-reasoning", "duplicates", "null-content",
)  # fmt: skip

FAULTS: dict[str, Callable[..., Fault]] = {
    "answer": lambda status, body="", **options: answered("answer", status, body, **options),
    "text": lambda status, body="", **options: answered(
        "text", status, body.encode(), **({"content_type": "text/plain"} | options)
    ),
    "gateway-502": _gateway("gateway-502", 502, effect=False),
    "gateway-504": _gateway("gateway-504", 504, effect=True),
    "empty-body": lambda **options: answered("empty-body", 200, b"", **({"effect": True} | options)),
    "not-json": lambda **options: answered("not-json", 200, b"upstream connect error", **({"effect": True} | options)),
    "reset-before": _act("reset-before", acts.reset, effect=False),
    "reset-after": _act("reset-after", acts.reset, effect=True),
    "hang-before": _act("hang-before", acts.hang, effect=False),
    "hang-after": _act("hang-after", acts.hang, effect=True),
    "late": _act("late", acts.late, effect=True, status=200),
    "drip": _act("drip", acts.drip, effect=True, status=200),
    "cut-short": _act("cut-short", acts.cut_short, effect=True, status=200),
    "truncated-json": _act("truncated-json", acts.truncated, effect=True, status=200),
    "wrong-content-type": _act("wrong-content-type", acts.relabelled, effect=True, status=200),
    "huge-length": _act("huge-length", acts.huge, effect=True, status=200),
    "endless": _act("endless", acts.endless, effect=True, status=200),
    "redirect": _act("redirect", acts.redirect, effect=True, status=302),
    "redirect-private": _act("redirect-private", lambda: acts.redirect("http://10.0.0.1/x"), effect=True, status=302),
    "redirect-metadata": _act(
        "redirect-metadata", lambda: acts.redirect("http://169.254.169.254/latest/meta-data/"), effect=True, status=302
    ),
    "redirect-file": _act("redirect-file", lambda: acts.redirect("file:///etc/passwd"), effect=True, status=302),
    "redirect-loop": _act("redirect-loop", acts.redirect_loop, effect=True, status=302),
    "redirect-chain": _act("redirect-chain", acts.redirect_chain, effect=True, status=302),
    "file": _act("file", acts.other_file, effect=True, status=200),
    "task-failed": lambda code, message="": Fault("task-failed", effect=True, course=Course(fail=(code, message))),
    "partial": lambda codes: Fault("partial", effect=True, course=Course(partial=tuple(map(tuple, codes)))),
    "stuck": _job("stuck", stuck="RUNNING"),
    "lost": _job("lost", lost=True),
    "delivers": _job("delivers"),
    "slow-job": _job("slow-job", duration=3600.0),
    **{name: _script(name) for name in CHAT_SCRIPTS},
}


PLACES: dict[str, tuple[str, ...]] = {
    "task-failed": ("dashscope submit", "dashscope generate", "tencent submit"),
    "partial": ("dashscope submit",),
    "stuck": ("dashscope submit", "tencent submit"),
    "lost": ("dashscope submit", "dashscope poll", "tencent submit", "tencent poll"),
    "delivers": ("tencent submit",),
    "slow-job": ("dashscope submit", "dashscope generate", "siliconflow submit", "tencent submit"),
    "file": ("dashscope fetch", "siliconflow fetch", "tencent fetch", "tencent preview"),
    **dict.fromkeys(CHAT_SCRIPTS, ("qwen chat", "siliconflow chat")),
}


def _check_place(vendor: str, operation: str, name: str) -> None:
    """A fault that could have no effect there is a mistake in the test."""
    places = PLACES.get(name)
    if places is not None and f"{vendor} {operation}" not in places:
        raise ValueError(f"{name} is for {', '.join(places)}")


def named(vendor: str, operation: str, name: str, **options: Any) -> Fault:
    """A fault of the catalogue, or a row of the vendor's error table by its name."""
    if name in FAULTS:
        _check_place(vendor, operation, name)
        if name == "stuck":
            options.setdefault("stuck", "RUN" if vendor == "tencent" else "RUNNING")
        return FAULTS[name](**options)
    for row in ERROR_ROWS.get(vendor, ()):
        if row.name == name and operation in (ANY, row.operation, *row.also):
            return from_row(replace(row, operation=operation), **options)
    known = sorted({*FAULTS, *(row.name for row in ERROR_ROWS.get(vendor, ()))})
    raise KeyError(f"{vendor} {operation}: no fault {name!r}; known are {', '.join(known)}")

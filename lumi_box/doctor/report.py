"""What `lumi-box doctor` tells: as one JSON document, or as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lumi_box import __version__
from lumi_box.clock import iso, now_ms
from lumi_box.doctor.checks import CRITICAL
from lumi_box.doctor.finding import Finding, Note

NAME_WIDTH = 18
GREEN, RED, YELLOW = 32, 31, 33


def as_json(findings: Sequence[Finding], notes: Sequence[Note]) -> dict[str, Any]:
    services = [
        finding.as_service(with_message=True)
        | {"found": finding.text, "do": finding.hint, "critical": finding.id in CRITICAL}
        for finding in findings
    ]
    return {
        "version": __version__,
        "checkedAt": iso(now_ms()),
        "healthy": all(finding.healthy for finding in findings),
        "services": services,
        "notes": [{"note": note.id, "found": note.text, "do": note.hint} for note in notes],
    }


def as_lines(findings: Sequence[Finding], notes: Sequence[Note], *, coloured: bool) -> Iterator[str]:
    for finding in findings:
        mark = _mark("ok", GREEN, coloured) if finding.healthy else _mark("FAIL", RED, coloured)
        yield from _told(mark, finding.id, finding.text, finding.hint)
    for note in notes:
        yield from _told(_mark("note", YELLOW, coloured), note.id, note.text, note.hint)
    failed = [finding.id for finding in findings if not finding.healthy]
    summary = f"{len(findings) - len(failed)} of {len(findings)} checks pass"
    yield f"{summary}; {len(failed)} failed: {', '.join(failed)}" if failed else summary


def _told(mark: str, name: str, text: str, hint: str) -> Iterator[str]:
    yield f"{mark} {name:{NAME_WIDTH}} {text}"
    if hint:
        yield f"     {'':{NAME_WIDTH}} {hint}"


def _mark(word: str, colour: int, coloured: bool) -> str:
    padded = f"{word:4}"
    return f"\x1b[{colour}m{padded}\x1b[0m" if coloured else padded

"""What a G-code file says of itself: the comments that PrusaSlicer and its like write. It may be anybody's file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEAD_BYTES, TAIL_BYTES = 64 << 10, 512 << 10  # figures stand in one of them; a print's settings follow them at the end
CODE = re.compile(rb"^(?:;|[GMT][0-9]|N[0-9]+ *[GM])", re.MULTILINE)
TIME = re.compile(r"(?:(\d{1,4})d\s*)?(?:(\d{1,4})h\s*)?(?:(\d{1,4})m\s*)?(?:(\d{1,6})s)?")
MOST = {"layer_height": 100.0, "print_time_seconds": 10.0 * 365 * 86400, "filament_grams": 1e6}


def is_gcode(path: Path) -> bool:
    """Whether it looks like a program for a printer: text with commands in it, not a page or a picture."""
    with path.open("rb") as file:
        begin = file.read(HEAD_BYTES)
    return b"\0" not in begin and not begin.lstrip().startswith((b"<", b"{")) and bool(CODE.search(begin))


def facts(path: Path) -> dict[str, Any]:
    """`layer_height` in mm, `print_time_seconds`, `filament_grams`; None for what it does not say."""
    text = _ends(path)
    return sound(
        {
            "layer_height": _said(text, r"layer_height", float),
            "print_time_seconds": _said(text, r"(?:total )?estimated printing time(?: \(normal mode\))?", _seconds),
            "filament_grams": _said(text, r"(?:total )?filament used \[g\]", _sum),
        }
    )


def sound(told: dict[str, Any]) -> dict[str, Any]:
    """Only figures that can be, whoever told them. No filament and no time are no answers."""
    return {name: _number(told.get(name), most) for name, most in MOST.items()}


def _number(value: Any, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 < value <= most else None


def _ends(path: Path) -> str:
    with path.open("rb") as file:
        begin = file.read(HEAD_BYTES)
        size = path.stat().st_size
        file.seek(max(len(begin), size - TAIL_BYTES))
        return (begin + b"\n" + file.read(TAIL_BYTES)).decode("utf-8", errors="replace")


def _said(text: str, name: str, read: Callable[[str], float]) -> float | None:
    found = re.search(rf"^; *{name} *= *([^\r\n]{{1,200}})", text, re.MULTILINE)
    try:
        return read(found[1].strip()) if found else None
    except (ValueError, OverflowError):
        return None


def _seconds(text: str) -> float:
    match = TIME.fullmatch(text)
    if match is None or not text:
        raise ValueError("not a time")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _sum(text: str) -> float:
    """One figure for each extruder."""
    return sum(float(each) for each in text.split(","))

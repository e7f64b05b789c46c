"""Each trap of docs/traps.md has a test that is named after it."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_trap_has_a_test_of_its_own():
    page = (HERE.parent / "docs" / "traps.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([0-9]+) \|", page, re.MULTILINE)
    named = {
        number
        for path in HERE.rglob("test_*.py")
        for number in re.findall(r"^def test_trap_([0-9]+)_", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(listed) == 25
    assert [number for number in listed if number not in named] == []

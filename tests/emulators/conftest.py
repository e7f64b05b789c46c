"""An emulator of its own for every test here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulators.emulator import Emulator


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        for vendor in ("dashscope", "siliconflow", "tencent"):
            running.settings(vendor, duration=0.1)
        yield running

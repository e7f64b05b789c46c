"""Programs that a test needs of the system: without one it is skipped, and in CI, which installs them, it fails."""

from __future__ import annotations

import os
import shutil

import pytest

PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def need(*names: str) -> list[str]:
    """Where they are."""
    found = {name: shutil.which(name, path=PLACES) for name in names}
    missing = ", ".join(name for name, path in found.items() if path is None)
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"not installed: {missing}")
    if missing:
        pytest.skip(f"not installed: {missing}")
    return [path for path in found.values() if path is not None]

"""Files that come with the package: `static`, `templates`, `config.example.toml` and `systemd`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Where the file or folder lies: inside an installed package, beside it in a checkout."""
    # Inside first: beside an installed package lie the files of every other package.
    for folder in (_PACKAGE / "_web", _PACKAGE.parent):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} is missing from this installation of lumi-box")

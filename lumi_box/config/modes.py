"""Who else on this machine may read or change the config file, and the files that hold its secrets."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from lumi_box.config.errors import ConfigError
from lumi_box.config.file import parse
from lumi_box.config.rules import lookup
from lumi_box.config.secrets import as_file
from lumi_box.config.tree import declared


def loose_modes(path: Path) -> list[tuple[Path, str]]:
    """The files that others may read or change, each with a warning."""
    return [(each, text) for each in (path, *_secret_files(path)) if (text := _warning(each))]


def _secret_files(path: Path) -> Iterator[Path]:
    try:
        raw = parse(path)
    except ConfigError:
        return
    for key in (key.path for key in declared().values() if key.secret):
        try:
            named = lookup(raw, as_file(key))
        except AttributeError:  # a value where a table should be
            continue
        if isinstance(named, str):
            yield path.parent / named


def _warning(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except (OSError, ValueError):
        return ""
    if os.name == "nt" or not mode & 0o066:
        return ""
    return f"{path}: mode {mode:04o} lets other users of this machine at its secrets; run: chmod 600 {path}"

"""The config file as a file: where it is, what it holds, who may read it, and what a new one says."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lumi_box.config.cookie import EXAMPLE_SECRET
from lumi_box.config.errors import ConfigError
from lumi_box.shipped import shipped

_MAX_BYTES = 1 << 20
_DEMO = f"""\
# lumi-box, demonstration: everything runs on this computer, without any cloud service or key.
# Every key that is not here has its default; docs/configuration.md explains them all.

mode = "development" # allows the built-in providers, and plain http

[security]
# Signs the session cookies. Whoever knows it can sign in as anybody: keep it to yourself.
cookie_secret = "{EXAMPLE_SECRET}"

[database]
url = "sqlite:///data/lumi.db" # beside this file

[storage]
kind = "disk"

[storage.disk]
path = "data/objects" # pictures and models

[providers]
image = "builtin" # for real pictures: "aliyun" or "siliconflow", with their api_key
model3d = "builtin" # for real models: "tencent", with its secret_id and secret_key
"""


def find(explicit: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """--config, else $LUMI_BOX_CONFIG, else the first that exists of the usual places; the error names the nearest."""
    named = explicit or environ.get("LUMI_BOX_CONFIG")
    if named:
        return Path(named)
    here, system = Path("config.toml"), Path("/etc/lumi-box/config.toml")
    return system if system.exists() and not here.exists() else here


def parse(path: Path) -> dict[str, Any]:
    """The TOML of the file; ConfigError with one line that quotes nothing of it when there is none to be had."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unusable(path, "there is no such file; lumi-box init writes one") from None
    except (OSError, ValueError) as exc:
        raise _unusable(path, f"cannot be read ({getattr(exc, 'strerror', 'the path is not possible')})") from None
    if len(content) > _MAX_BYTES:
        raise _unusable(path, "is larger than 1 MB; expected a config file")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise _unusable(path, f"is not UTF-8 text at line {line}") from None
    except (ValueError, RecursionError) as exc:
        # Only the place: the parser's words may quote what stands there, and that may be a secret.
        place = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(exc))
        raise _unusable(path, f"is not valid TOML{f' at {place[1]}' if place else ''}") from None


def _unusable(path: Path, text: str) -> ConfigError:
    shown = "".join(letter if letter.isprintable() else "?" for letter in os.fspath(path))
    return ConfigError([f"{shown}: {text}"])


def loose_mode(path: Path) -> str | None:
    """A warning when others on this machine may read or change the file."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "nt" or not mode & 0o066:
        return None
    return f"{path}: mode {mode:04o} lets other users of this machine at its secrets; run: chmod 600 {path}"


def initial_text(demo: bool, secret: str) -> str:
    """A commented config to begin with: the demonstration, or the example with this cookie secret in it."""
    text = _DEMO if demo else shipped("config.example.toml").read_text(encoding="utf-8")
    return text.replace(EXAMPLE_SECRET, secret)

"""The config file as a file: where it is, what it holds, who may read it, and what a new one says."""

from __future__ import annotations

import errno
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
        content = content_of(path, _MAX_BYTES)
    except FileNotFoundError:
        raise _unusable(path, "there is no such file; lumi-box init writes one") from None
    except (OSError, ValueError) as exc:
        raise _unusable(
            path, f"cannot be read ({getattr(exc, 'strerror', None) or 'the path is not possible'})"
        ) from None
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


def content_of(path: Path, most: int) -> bytes:
    """One byte more than `most` at the most. Of a pipe or a device nobody knows whether it ever ends: an OSError."""
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise OSError(errno.EINVAL, "It is not a regular file")
    with path.open("rb") as file:
        return file.read(most + 1)


def _unusable(path: Path, text: str) -> ConfigError:
    shown = "".join(letter if letter.isprintable() else "?" for letter in os.fspath(path))
    return ConfigError([f"{shown}: {text}"])


def initial_text(demo: bool, secret: str) -> str:
    """A commented config to begin with: the demonstration, or the example with this cookie secret in it."""
    text = _DEMO if demo else shipped("config.example.toml").read_text(encoding="utf-8")
    return text.replace(EXAMPLE_SECRET, secret)

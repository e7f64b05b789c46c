"""`doctor`: every check, what was found, and what to do about it; and the bundle for those who help from afar."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from lumi_box import config, redaction
from lumi_box.commands.opening import FAILED, OK, load
from lumi_box.config import Config, ConfigError
from lumi_box.errors import LumiError


def doctor(arguments: argparse.Namespace) -> int:
    """Finds out whether or not a server runs, and asks nothing of it."""
    if arguments.log is not None and arguments.bundle is None:
        raise LumiError("--log says which log goes into a bundle; name that with --bundle FILE")
    return _examine(_loaded(arguments), arguments)


def _loaded(arguments: argparse.Namespace) -> Config:
    try:
        return load(arguments)
    except ConfigError as error:
        errors = error.errors
        if arguments.bundle is not None:
            from lumi_box.support import bundle

            _written(arguments.bundle, lambda path: bundle.write_for_broken_config(path, errors, arguments.log))
        raise


def _examine(loaded: Config, arguments: argparse.Namespace) -> int:
    from lumi_box import doctor as checks  # the other commands start sooner without it
    from lumi_box import runtime
    from lumi_box.doctor import report
    from lumi_box.support import bundle

    redaction.know(config.secret_values(loaded))
    box, _ = runtime.build(loaded)
    findings = checks.examine(box)
    notes = checks.notes(box)
    if arguments.json:
        print(json.dumps(report.as_json(findings, notes), indent=2))
    else:
        for line in report.as_lines(findings, notes, coloured=_coloured()):
            print(line)
    if arguments.bundle is not None:
        _written(arguments.bundle, lambda path: bundle.write(path, box, findings, notes, arguments.log))
    return OK if all(finding.healthy for finding in findings) else FAILED


def _written(path: Path, write: Callable[[Path], None]) -> None:
    """Said on stderr: stdout may be a JSON document."""
    try:
        write(path)
    except FileExistsError as error:
        raise LumiError(f"{path} exists already; name another file") from error
    except (OSError, ValueError) as error:
        raise LumiError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error
    print(f"wrote {path}; look through it before you hand it on", file=sys.stderr)


def _coloured() -> bool:
    """For a person's terminal, unless that person has said no (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def add_parsers(add: Callable, commands: object) -> None:
    command = add(commands, "doctor", doctor, "check every part; say what to do about what fails")
    command.add_argument("--json", action="store_true", help="print one JSON document")
    command.add_argument(
        "--bundle", metavar="FILE", type=Path, help="also write a tar.gz for support: no secrets, prompts or addresses"
    )
    command.add_argument("--log", metavar="FILE", type=Path, help="the log, or its folder, to take into the bundle")

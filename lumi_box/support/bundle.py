"""A tar.gz of small text files, each made for itself, so that a broken part of the installation costs only its own.

Each goes through `Discretion` as a whole, whatever was meant to be in it.
"""

from __future__ import annotations

import io
import json
import os
import platform
import sqlite3
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from peewee import PeeweeException
from pymysql import MySQLError

from lumi_box import __version__, config
from lumi_box.box import Box
from lumi_box.clock import iso, now_ms
from lumi_box.doctor import report
from lumi_box.doctor.finding import Finding, Note
from lumi_box.support import figures
from lumi_box.support.discretion import Discretion, words_of_makers
from lumi_box.support.log_lines import last_lines
from lumi_box.tables import base, migrate

FOLDER = "lumi-box-support"
README = """\
A support bundle of lumi-box, made by: lumi-box doctor --bundle FILE

about.json    versions of lumi-box, Python, the system, the database and the libraries
config.toml   the configuration in force, every secret masked
doctor.json   what the doctor found
schema.json   the migrations that the database has, lacks, or has from a newer version
queue.json    jobs by kind and state, attempts of the last day by outcome, dead letters by code, workers
rows.json     how many rows there are
storage.json  objects by state, the latest sweeps
health.json   how each service fares, and when that changed
log.txt       the last lines of the log; its first line says where they come from

No secrets, no prompts, no names of people, no e-mail addresses. Look through it before you hand it on, all the same.
"""


def write(path: Path, box: Box, findings: Sequence[Finding], notes: Sequence[Note], log: Path | None = None) -> None:
    """A new file that only its owner may read; FileExistsError where there is one."""
    discretion = Discretion(words_of_makers())
    parts: dict[str, Callable[[], str]] = {
        "README.txt": lambda: README,
        "about.json": lambda: _json(_about()),
        "config.toml": lambda: config.to_toml(config.masked(box.config)),
        "doctor.json": lambda: _json(report.as_json(findings, notes)),
        "schema.json": lambda: _json(_schema()),
        "queue.json": lambda: _json(figures.queue()),
        "rows.json": lambda: _json(figures.rows()),
        "storage.json": lambda: _json(figures.storage()),
        "health.json": lambda: _json(figures.health()),
        "log.txt": lambda: "\n".join(_log(log)),
    }
    _pack(path, ((name, discretion.cleaned(_made(make))) for name, make in parts.items()))


def write_for_broken_config(path: Path, errors: Iterable[str], log: Path | None = None) -> None:
    """What can be told where the config cannot be used; its mistakes quote nothing of it."""
    parts = {
        "about.json": _json(_about()),
        "config-errors.txt": "\n".join(errors),
        "log.txt": "\n".join(_log(log)),
    }
    discretion = Discretion()
    _pack(path, ((name, discretion.cleaned(text)) for name, text in parts.items()))


def _made(make: Callable[[], str]) -> str:
    try:
        return make()
    except (PeeweeException, MySQLError, OSError, ValueError) as error:
        return _json({"unavailable": f"{type(error).__name__}: {error}"})


def _pack(path: Path, parts: Iterable[tuple[str, str]]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                for name, text in parts:
                    content = text.encode()
                    entry = tarfile.TarInfo(f"{FOLDER}/{name}")
                    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
                    archive.addfile(entry, io.BytesIO(content))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _about() -> dict[str, Any]:
    return {
        "lumi-box": __version__,
        "madeAt": iso(now_ms()),
        "python": sys.version,
        "frozen": bool(getattr(sys, "frozen", False)),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": {each.name: each.version for each in metadata.distributions()},
    }


def _schema() -> dict[str, Any]:
    handle = base.database.obj
    function = "version" if base.on_server() else "sqlite_version"
    return {
        "engine": base.database.execute_sql(f"SELECT {function}()").fetchone()[0],
        "applied": migrate.applied(handle),
        "pending": migrate.pending(handle),
        "unknown": migrate.unknown(handle),
    }


def _log(named: Path | None) -> Iterator[str]:
    source, lines = last_lines(named)
    yield f"# {source}"
    yield from lines


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False)

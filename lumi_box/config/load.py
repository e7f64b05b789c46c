"""From the file to the checked, frozen dataclasses, or to every mistake in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from lumi_box.config.errors import ConfigError, Problem, flatten, lines
from lumi_box.config.fields import noun
from lumi_box.config.file import parse
from lumi_box.config.rules import cross_faults, lookup
from lumi_box.config.schema import Config, ServerConfig
from lumi_box.config.secrets import as_file, key_names, read_files
from lumi_box.config.tree import schema_of, tables
from lumi_box.config.urls import database_parts, http_url


def load(path: Path) -> Config:
    """The checked file, with every default filled in and every relative path made absolute; else ConfigError."""
    path = Path(path).absolute()
    raw = parse(path)
    problems = [*_fill_tables(raw), *read_files(raw, path.parent)]
    values, found = _validate(raw)
    problems += [problem for problem in found if not _follows(problem, problems, raw)]
    # A slip in the mode is not a reason to complain about what the meant mode allows.
    development = str(raw.get("mode", "")).strip().lower().startswith("dev")
    for problem in cross_faults(values, path.parent, development=development):
        if not _follows(problem, problems, raw) and not _told(problem, problems, values):
            problems.append(problem)
    if problems:
        raise ConfigError(lines(problems, key_names(), raw))
    _derive(values, path.parent)
    return _build(Config, {**values, "path": path}, path.parent)


def _fill_tables(raw: dict[str, Any]) -> list[Problem]:
    """Add the tables that the file leaves out, so that what is required in them is asked for."""
    problems: list[Problem] = []
    for path, _ in tables():
        outer: Any = raw
        for part in path[:-1]:
            outer = outer[part]
        value = outer.setdefault(path[-1], {})
        if not isinstance(value, dict):
            problems.append((path, f"is {noun(value)}; expected a table: [{'.'.join(path)}]"))
            outer[path[-1]] = {}
    return problems


def _validate(raw: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    try:
        return schema_of(Config).load(raw), []
    except ValidationError as exc:
        valid: Any = exc.valid_data
        return valid, list(flatten(exc.messages))


def _follows(problem: Problem, told: list[Problem], raw: dict[str, Any]) -> bool:
    """A secret is missing only because the file that holds it could not be read."""
    path, _ = problem
    return lookup(raw, path) is None and any(as_file(path) == known for known, _ in told)


def _told(problem: Problem, told: list[Problem], values: dict[str, Any]) -> bool:
    """The key has no value only because the one it was given is wrong."""
    path, _ = problem
    return lookup(values, path) is None and any(path == known for known, _ in told)


def _derive(values: dict[str, Any], folder: Path) -> None:
    """Add what follows from other keys."""
    server, slicer = values["server"], values["slicer"]
    if not values.get("public_url"):
        values["public_url"] = http_url(server.get("host", ServerConfig.host), server.get("port", ServerConfig.port))
    values["database"] |= database_parts(values["database"]["url"], folder)
    if slicer.get("kind") == "command":
        for name in ("command", "profile"):  # a bare program name is looked up in $PATH
            if name in slicer and (name == "profile" or Path(slicer[name]).name != slicer[name]):
                slicer[name] = os.fspath(folder / slicer[name])


def _build(table: type, values: dict[str, Any], folder: Path) -> Any:
    made: dict[str, Any] = {}
    for column in fields(table):
        if inner := column.metadata.get("table"):
            made[column.name] = _build(inner, values.get(column.name, {}), folder)
        elif column.name in values:
            made[column.name] = _settled(values[column.name], folder)
    return table(**made)


def _settled(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return folder / value
    return tuple(value) if isinstance(value, list) else value


def bound(config: Config, host: str, port: int) -> Config:
    """The configuration with another address to listen on; a public URL that followed from the old one follows."""
    followed = config.public_url == http_url(config.server.host, config.server.port)
    public_url = http_url(host, port) if followed and config.development else config.public_url
    return replace(config, server=replace(config.server, host=host, port=port), public_url=public_url)


def to_toml(values: Mapping[str, Any]) -> str:
    """The values as a TOML document."""
    import tomli_w  # only `config show` writes TOML

    return tomli_w.dumps(values)

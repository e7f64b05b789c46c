"""`serve` and `migrate`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from lumi_box import config, logs
from lumi_box.commands.opening import OK, UNHEALTHY, complain, load
from lumi_box.config import ConfigError
from lumi_box.errors import Unavailable


def serve(arguments: argparse.Namespace) -> int:
    from lumi_box import runtime  # the other commands start sooner without it
    from lumi_box.tables.base import CannotConnect
    from lumi_box.tables.migrate import NewerSchema

    loaded = load(arguments)
    if arguments.bind:
        loaded = config.bound(loaded, *arguments.bind)
    if lines := runtime.missing_parts(loaded):
        raise ConfigError(lines)
    logs.configure(loaded.logging.level, loaded.logging.format)
    try:
        return runtime.serve(loaded, arguments.role)
    except (runtime.Unhealthy, CannotConnect, NewerSchema, Unavailable) as error:
        complain(str(error))
        return UNHEALTHY


def migrate(arguments: argparse.Namespace) -> int:
    from lumi_box import runtime

    applied = runtime.migrate_database(load(arguments))
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print("the schema is up to date")
    return OK


def _bind(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as in 127.0.0.1:5000")
    return host.strip("[]"), int(port)


def add_parsers(add: Callable, commands: object) -> None:
    command = add(commands, "serve", serve, "migrate the database, check health, serve")
    command.add_argument("--bind", metavar="HOST:PORT", type=_bind, help="instead of server.host and server.port")
    command.add_argument(
        "--role", choices=["all", "web", "worker"], default="all", help="what to run here (default: all)"
    )
    add(commands, "migrate", migrate, "bring the schema up to date")

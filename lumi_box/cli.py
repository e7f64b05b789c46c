"""The `lumi-box` command: finds the command that was meant, runs it, and turns errors into lines and exit codes."""

from __future__ import annotations

import argparse
import io
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from peewee import PeeweeException
from pymysql import MySQLError

from lumi_box import __version__
from lumi_box.commands import accounts, backup, doctor, init, install_service, jobs, serve, settings, storage
from lumi_box.commands.opening import FAILED, INVALID, OK, complain
from lumi_box.config import ConfigError
from lumi_box.errors import LumiError

DATABASES = PeeweeException | sqlite3.Error | MySQLError


def main(argv: list[str] | None = None) -> None:
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: list[str]) -> int:
    """The exit status of one command line; an error of ours is one readable line, never a traceback."""
    _show_whatever_it_is()
    if not all(_is_text(word) for word in argv):
        complain("the command line holds what is no UTF-8 text")
        return INVALID
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
        _flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        _write_no_more()
        return OK
    except Exception as error:
        with suppress(OSError):
            _flush()
        return _told(error)
    return status


def _told(error: Exception) -> int:
    """What went wrong, on stderr; a fault of ours too, with the place where it is."""
    if isinstance(error, ConfigError):
        complain(*error.errors)
        return INVALID
    words = " ".join(str(error).split())
    if isinstance(error, LumiError):
        complain(str(error))
    elif isinstance(error, DATABASES | OSError | UnicodeDecodeError):  # damaged or busy, or a disk that is full
        complain(f"{words}; run lumi-box doctor")
    else:
        at = traceback.extract_tb(error.__traceback__)[-1]
        complain(f"internal error: {type(error).__name__} at {Path(at.filename).name}:{at.lineno}: {words}")
    return FAILED


def _show_whatever_it_is() -> None:
    """What the terminal cannot show is written out, instead of ending the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _is_text(word: str) -> bool:
    """Bytes of an argument that are no UTF-8 become halves of surrogate pairs, which nothing can store or show."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in word


def _flush() -> None:
    """While a failure can still be told."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        _write_no_more()
        raise


def _write_no_more() -> None:
    """What is still in the buffer would fail once more when the process ends."""
    with suppress(io.UnsupportedOperation):  # a test's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def version(arguments: argparse.Namespace) -> int:
    """Three numbers, always; in full also what tells builds between two releases apart."""
    numbers = [*__version__.partition("+")[0].split(".")[:3], "0", "0"]
    release = ".".join(number if number.isdecimal() else "0" for number in numbers[:3])
    print(f"lumi-box {__version__ if arguments.full else release}")
    return OK


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config",
        metavar="PATH",
        help="the config file (default: $LUMI_BOX_CONFIG, ./config.toml, /etc/lumi-box/config.toml)",
    )
    parser = argparse.ArgumentParser(
        prog="lumi-box",
        description="A sentence becomes four pictures, a picture becomes a printable 3D model.",
        epilog="First steps: lumi-box init --demo && lumi-box serve",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(group: argparse._SubParsersAction, name: str, run: Callable, text: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = group.add_parser(name, parents=[common], help=text, description=text)
        command.set_defaults(command=run)
        return command

    def group(name: str, text: str) -> argparse._SubParsersAction:
        return commands.add_parser(name, help=text, description=text).add_subparsers(metavar="COMMAND", required=True)

    for module in (init, serve, doctor, install_service):
        module.add_parsers(add, commands)
    settings.add_parsers(add, group("config", "check or show the configuration"))
    accounts.add_parsers(add, group("user", "local accounts"), group("token", "API tokens"))
    jobs.add_parsers(add, group("jobs", "the job table"))
    backup.add_parsers(add, group("backup", "copy the whole installation into a file, and back"))
    storage.add_parsers(add, commands, group("storage", "look after the store of files"))
    command = add(commands, "version", version, "print the version")
    command.add_argument("--full", action="store_true", help="with what tells builds between two releases apart")
    return parser

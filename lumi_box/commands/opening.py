"""What the commands share: exit codes, the config, the database, and how an error is told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from lumi_box import config
from lumi_box.config import Config

if TYPE_CHECKING:
    from lumi_box.box import Box

OK, FAILED, INVALID, UNHEALTHY = 0, 1, 2, 3


def load(arguments: argparse.Namespace) -> Config:
    return config.load(config.find(arguments.config))


def open_database(arguments: argparse.Namespace) -> None:
    """Bring the schema up to date first: these commands may be the first to touch a new installation."""
    from lumi_box import runtime

    runtime.migrate_database(load(arguments))


def open_box(arguments: argparse.Namespace) -> Box:
    from lumi_box import runtime

    open_database(arguments)
    return runtime.build(load(arguments))[0]


def with_box(command: Callable[[Box, argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    return lambda arguments: command(open_box(arguments), arguments)


def complain(*lines: str) -> None:
    for line in lines:
        print(f"lumi-box: {line}", file=sys.stderr)

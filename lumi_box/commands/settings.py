"""`config check` and `config show`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from lumi_box import config
from lumi_box.commands.opening import OK, complain, load


def check(arguments: argparse.Namespace) -> int:
    loaded = load(arguments)
    for _, warning in config.loose_modes(loaded.path):
        complain(f"warning: {warning}")
    print(f"{loaded.path} is valid")
    return OK


def show(arguments: argparse.Namespace) -> int:
    print(config.to_toml(config.masked(load(arguments))), end="")
    return OK


def add_parsers(add: Callable, group: object) -> None:
    add(group, "check", check, "validate the config; every mistake is one line")
    add(group, "show", show, "print the effective config with every secret masked")

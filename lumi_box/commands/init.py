"""`init`: a commented config with a fresh secret; with `--demo` everything that a first look needs."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable
from pathlib import Path

from lumi_box import config
from lumi_box.commands.opening import INVALID, OK, complain
from lumi_box.commands.writing import write_whole
from lumi_box.config import Config

DEMO_ADMIN = "admin@localhost"


def init(arguments: argparse.Namespace) -> int:
    path = Path(arguments.config or "config.toml")
    if path.exists() and not arguments.force:
        complain(f"{path} exists already; --force writes it anew, with a new cookie secret")
        return INVALID
    text = config.initial_text(arguments.demo, secrets.token_urlsafe(48))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        complain(f"{path}: cannot be written: {error.strerror}")
        return INVALID
    print(f"wrote {path}")
    if not arguments.demo:
        print(f"now edit it, then run: lumi-box serve --config {path}")
        return OK
    password = _make_demo_admin(config.load(path))
    print(f"sign in as {DEMO_ADMIN} with the password {password}")
    print("it is shown only now; lumi-box user set-password changes it")
    return OK


def _make_demo_admin(loaded: Config) -> str:
    from lumi_box import runtime
    from lumi_box.accounts import local
    from lumi_box.tables.account import User

    runtime.migrate_database(loaded)
    password = secrets.token_urlsafe(12)
    known = User.get_or_none(User.email == DEMO_ADMIN)
    if known is None:
        local.create(DEMO_ADMIN, password, admin=True)
    else:
        local.set_password(known, password)
    return password


def add_parsers(add: Callable, commands: object) -> None:
    command = add(commands, "init", init, "write a commented config with a fresh cookie secret")
    command.add_argument(
        "--demo", action="store_true", help="everything built in, ready to serve, with an admin account"
    )
    command.add_argument("--force", action="store_true", help="overwrite a config that exists")

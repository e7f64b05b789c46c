"""`user` and `token`: local accounts and their API tokens."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable

from lumi_box.clock import iso
from lumi_box.commands.opening import OK, open_database
from lumi_box.errors import LumiError

DAY_MS = 24 * 3_600_000


def user_create(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import local

    open_database(arguments)
    user = local.create(arguments.email, _password(arguments), admin=arguments.admin)
    print(f"created {user.email}{' (administrator)' if user.is_admin else ''}")
    return OK


def user_list(arguments: argparse.Namespace) -> int:
    from lumi_box.tables.account import User

    open_database(arguments)
    for user in User.select().order_by(User.created_at):
        marks = [name for name, has in (("admin", user.is_admin), ("disabled", user.disabled_at is not None)) if has]
        print(f"{user.email or user.external_id}\t{iso(user.created_at)}\t{','.join(marks)}".rstrip())
    return OK


def user_set_password(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import local

    open_database(arguments)
    local.set_password(local.find(arguments.email), _password(arguments))
    print("password set; every session of the account is signed out")
    return OK


def user_disable(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import local

    open_database(arguments)
    local.disable(local.find(arguments.email))
    print(f"disabled {arguments.email}; its sessions and tokens are revoked")
    return OK


def token_create(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import local, tokens

    open_database(arguments)
    lifetime = arguments.days * DAY_MS if arguments.days is not None else None
    _, secret = tokens.issue(local.find(arguments.email), tokens.API, name=arguments.name, lifetime_ms=lifetime)
    print(secret)
    return OK


def token_list(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import local, tokens

    open_database(arguments)
    for row in tokens.of(local.find(arguments.email)):
        used, expires = iso(row.last_used_at) or "never used", iso(row.expires_at) or "does not expire"
        print(f"{row.id}\t{row.name}\t{iso(row.created_at)}\t{used}\t{expires}")
    return OK


def token_revoke(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import tokens

    open_database(arguments)
    tokens.revoke(arguments.id)
    print(f"revoked {arguments.id}")
    return OK


def _password(arguments: argparse.Namespace) -> str:
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\r\n") if sys.stdin is not None else ""
    if sys.stdin is None or not sys.stdin.isatty():
        raise LumiError("no terminal to ask for the password; pipe it in with --password-stdin")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise LumiError("the two passwords differ")
    return first


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 36_500:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1 to 36500")
    return int(text)


def add_parsers(add: Callable, users: object, tokens: object) -> None:
    command = add(users, "create", user_create, "make an account; asks for its password")
    command.add_argument("email", metavar="EMAIL")
    command.add_argument("--admin", action="store_true", help="an administrator")
    command.add_argument("--password-stdin", action="store_true", help="read the password from the first line of stdin")
    add(users, "list", user_list, "every account")
    command = add(users, "set-password", user_set_password, "change a password, and sign the account out everywhere")
    command.add_argument("email", metavar="EMAIL")
    command.add_argument("--password-stdin", action="store_true", help="read the password from the first line of stdin")
    add(users, "disable", user_disable, "lock an account").add_argument("email", metavar="EMAIL")
    command = add(tokens, "create", token_create, "make an API token and print it, once")
    command.add_argument("email", metavar="EMAIL")
    command.add_argument("--name", metavar="NAME", default="", help="what it is for")
    command.add_argument("--days", metavar="N", type=_days, help="how long it is good for (default: for ever)")
    add(tokens, "list", token_list, "an account's tokens").add_argument("email", metavar="EMAIL")
    add(tokens, "revoke", token_revoke, "end a token").add_argument("id", metavar="ID")

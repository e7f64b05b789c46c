"""The `lumi-box` command: reads arguments, prints, chooses the exit code. Each command is one function here."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from peewee import PeeweeException

from lumi_box import __version__, config, logs, storage_commands
from lumi_box.clock import iso
from lumi_box.config import Config, ConfigError
from lumi_box.errors import Conflict, LumiError, NotFound, Unavailable

if TYPE_CHECKING:
    from lumi_box.box import Box
    from lumi_box.tables.job import Job

OK, FAILED, INVALID, UNHEALTHY = 0, 1, 2, 3
DEMO_ADMIN = "admin@localhost"
DAY_MS = 24 * 3_600_000


def main(argv: list[str] | None = None) -> None:
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: list[str]) -> int:
    """The exit status of one command line; an error of ours is one readable line, never a traceback."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
    except ConfigError as error:
        _complain(*error.errors)
        return INVALID
    except LumiError as error:
        _complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (PeeweeException, OSError) as error:  # a database that is damaged or busy, a disk that is full
        _complain(f"{error}; run lumi-box doctor")
        return FAILED
    return status


def init(arguments: argparse.Namespace) -> int:
    path = Path(arguments.config or "config.toml")
    if path.exists() and not arguments.force:
        _complain(f"{path} exists already; --force writes it anew, with a new cookie secret")
        return INVALID
    text = config.initial_text(arguments.demo, secrets.token_urlsafe(48))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_private(path, text)
    except OSError as error:
        _complain(f"{path}: cannot be written: {error.strerror}")
        return INVALID
    print(f"wrote {path}")
    if not arguments.demo:
        print(f"now edit it, then run: lumi-box serve --config {path}")
        return OK
    password = _make_demo_admin(config.load(path))
    print(f"sign in as {DEMO_ADMIN} with the password {password}")
    print("it is shown only now; lumi-box user set-password changes it")
    return OK


def serve(arguments: argparse.Namespace) -> int:
    from lumi_box import runtime  # the other commands start sooner without it
    from lumi_box.tables.base import CannotConnect

    loaded = _load(arguments)
    if arguments.bind:
        loaded = config.bound(loaded, *arguments.bind)
    if lines := runtime.missing_parts(loaded):
        raise ConfigError(lines)
    logs.configure(loaded.logging.level, loaded.logging.format)
    try:
        return runtime.serve(loaded, arguments.role)
    except (runtime.Unhealthy, CannotConnect, Unavailable) as error:
        _complain(str(error))
        return UNHEALTHY


def doctor(arguments: argparse.Namespace) -> int:
    from lumi_box import doctor as checks  # the other commands start sooner without it
    from lumi_box import runtime

    box, _ = runtime.build(_load(arguments))
    findings = checks.examine(box)
    if arguments.json:
        print(json.dumps({"services": [finding.as_service(with_message=True) for finding in findings]}, indent=2))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.healthy else 'FAIL'} {finding.id:18} {finding.text}")
            if finding.hint:
                print(f"     {'':18} {finding.hint}")
        failed = sum(not finding.healthy for finding in findings)
        print(f"{len(findings) - failed} of {len(findings)} checks pass")
    return OK if all(finding.healthy for finding in findings) else FAILED


def config_check(arguments: argparse.Namespace) -> int:
    loaded = _load(arguments)
    if warning := config.loose_mode(loaded.path):
        _complain(f"warning: {warning}")
    print(f"{loaded.path} is valid")
    return OK


def config_show(arguments: argparse.Namespace) -> int:
    print(config.to_toml(config.masked(_load(arguments))), end="")
    return OK


def migrate(arguments: argparse.Namespace) -> int:
    from lumi_box import runtime

    applied = runtime.migrate_database(_load(arguments))
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print("the schema is up to date")
    return OK


def user_create(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import local

    _open_database(arguments)
    user = local.create(arguments.email, _password(arguments), admin=arguments.admin)
    print(f"created {user.email}{' (administrator)' if user.is_admin else ''}")
    return OK


def user_list(arguments: argparse.Namespace) -> int:
    from lumi_box.tables.account import User

    _open_database(arguments)
    for user in User.select().order_by(User.created_at):
        marks = [name for name, has in (("admin", user.is_admin), ("disabled", user.disabled_at is not None)) if has]
        print(f"{user.email or user.external_id}\t{iso(user.created_at)}\t{','.join(marks)}".rstrip())
    return OK


def user_set_password(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import local

    _open_database(arguments)
    local.set_password(local.find(arguments.email), _password(arguments))
    print("password set; every session of the account is signed out")
    return OK


def user_disable(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import local

    _open_database(arguments)
    local.disable(local.find(arguments.email))
    print(f"disabled {arguments.email}; its sessions and tokens are revoked")
    return OK


def token_create(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import local, tokens

    _open_database(arguments)
    lifetime = arguments.days * DAY_MS if arguments.days is not None else None
    _, secret = tokens.issue(local.find(arguments.email), tokens.API, name=arguments.name, lifetime_ms=lifetime)
    print(secret)
    return OK


def token_list(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import local, tokens

    _open_database(arguments)
    for row in tokens.of(local.find(arguments.email)):
        used, expires = iso(row.last_used_at) or "never used", iso(row.expires_at) or "does not expire"
        print(f"{row.id}\t{row.name}\t{iso(row.created_at)}\t{used}\t{expires}")
    return OK


def token_revoke(arguments: argparse.Namespace) -> int:
    from lumi_box.accounts import tokens

    _open_database(arguments)
    tokens.revoke(arguments.id)
    print(f"revoked {arguments.id}")
    return OK


def jobs_list(arguments: argparse.Namespace) -> int:
    from lumi_box.tables.job import Job

    _open_database(arguments)
    query = Job.select().order_by(Job.created_at, Job.id)
    if arguments.state:
        query = query.where(Job.status == arguments.state)
    for job in query.iterator():
        print(
            job.id,
            job.kind,
            job.status,
            f"attempt {job.attempt}",
            iso(job.created_at),
            job.error_code or "",
            sep="\t",
        )
    return OK


def jobs_show(arguments: argparse.Namespace) -> int:
    from lumi_box.tables.job import Attempt

    _open_database(arguments)
    job = _job(arguments.id)
    for name in ("id", "kind", "status", "request_id", "target_id", "attempt", "ticket", "error_code", "error_message"):
        print(f"{name:14} {getattr(job, name) if getattr(job, name) is not None else ''}".rstrip())
    for name in ("created_at", "started_at", "ended_at"):
        print(f"{name:14} {iso(getattr(job, name)) or ''}".rstrip())
    for attempt in Attempt.select().where(Attempt.job == job).order_by(Attempt.started_at, Attempt.id):
        ended = iso(attempt.ended_at) or "still running"
        text = f"attempt {attempt.number}: {iso(attempt.started_at)} to {ended}: {attempt.outcome or ''}"
        print(f"{text} {attempt.error_code or ''} {attempt.error_text or ''}".rstrip())
    return OK


def jobs_retry(arguments: argparse.Namespace) -> int:
    from lumi_box.flow import manage_request

    if bool(arguments.id) == arguments.all_dead:
        raise LumiError("name one job, or write --all-dead")
    box = _open_box(arguments)
    results: list[tuple[Job, Conflict | None]]
    if arguments.all_dead:
        results = manage_request.retry_all_dead(box)
    else:
        job = _job(arguments.id)
        manage_request.retry_job(box, job)
        results = [(job, None)]
    for job, refused in results:
        if refused is None:
            print(f"waiting again: {job.id}")
        else:
            _complain(str(refused))
    return OK


def jobs_cancel(arguments: argparse.Namespace) -> int:
    from lumi_box.flow.manage_request import cancel_job

    box = _open_box(arguments)
    cancel_job(box, _job(arguments.id))
    print(f"cancelled {arguments.id}")
    return OK


def version(_: argparse.Namespace) -> int:
    print(f"lumi-box {__version__}")
    return OK


def _load(arguments: argparse.Namespace) -> Config:
    return config.load(config.find(arguments.config))


def _open_database(arguments: argparse.Namespace) -> None:
    """Bring the schema up to date first: these commands may be the first to touch a new installation."""
    from lumi_box import runtime

    runtime.migrate_database(_load(arguments))


def _open_box(arguments: argparse.Namespace) -> Box:
    from lumi_box import runtime

    _open_database(arguments)
    return runtime.build(_load(arguments))[0]


def _with_box(command: Callable[[Box, argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    return lambda arguments: command(_open_box(arguments), arguments)


def _job(job_id: str) -> Job:
    from lumi_box.tables.job import Job

    job: Job | None = Job.get_or_none(Job.id == job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def _password(arguments: argparse.Namespace) -> str:
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise LumiError("no terminal to ask for the password; pipe it in with --password-stdin")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise LumiError("the two passwords differ")
    return first


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


def _write_private(path: Path, text: str) -> None:
    """Readable by its owner only, from its first byte on, and never half-written."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _complain(*lines: str) -> None:
    for line in lines:
        print(f"lumi-box: {line}", file=sys.stderr)


def _bind(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as in 127.0.0.1:5000")
    return host.strip("[]"), int(port)


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 36_500:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1 to 36500")
    return int(text)


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

    _add_running(add, commands, group("config", "check or show the configuration"))
    _add_accounts(add, group("user", "local accounts"), group("token", "API tokens"))
    jobs = group("jobs", "the job table")
    listing = add(jobs, "list", jobs_list, "every job, oldest first")
    listing.add_argument("--state", metavar="S", type=str.upper, help="only jobs of this status, such as FAILED")
    add(jobs, "show", jobs_show, "one job and its attempts").add_argument("id", metavar="ID")
    command = add(jobs, "retry", jobs_retry, "give a failed job, or all of them, new attempts")
    command.add_argument("id", metavar="ID", nargs="?")
    command.add_argument("--all-dead", action="store_true", help="every job that failed or timed out")
    add(jobs, "cancel", jobs_cancel, "stop a job that waits or runs").add_argument("id", metavar="ID")
    storage = group("storage", "look after the store of files")
    storage_commands.add_parsers(add, commands, storage, _with_box)
    add(commands, "version", version, "print the version")
    return parser


def _add_running(add: Callable, commands: object, settings: object) -> None:
    command = add(commands, "init", init, "write a commented config with a fresh cookie secret")
    command.add_argument(
        "--demo", action="store_true", help="everything built in, ready to serve, with an admin account"
    )
    command.add_argument("--force", action="store_true", help="overwrite a config that exists")
    command = add(commands, "serve", serve, "migrate the database, check health, serve")
    command.add_argument("--bind", metavar="HOST:PORT", type=_bind, help="instead of server.host and server.port")
    command.add_argument(
        "--role", choices=["all", "web", "worker"], default="all", help="what to run here (default: all)"
    )
    command = add(commands, "doctor", doctor, "check every part; say what to do about what fails")
    command.add_argument("--json", action="store_true", help="print one JSON document")
    add(commands, "migrate", migrate, "bring the schema up to date")
    add(settings, "check", config_check, "validate the config; every mistake is one line")
    add(settings, "show", config_show, "print the effective config with every secret masked")


def _add_accounts(add: Callable, users: object, tokens: object) -> None:
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

"""`install-service`: what systemd needs to run lumi-box. Repeated it changes nothing, and what is yours never."""

from __future__ import annotations

import argparse
import difflib
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lumi_box import config
from lumi_box.commands.opening import FAILED, OK, complain
from lumi_box.commands.writing import write_whole
from lumi_box.config import ConfigError
from lumi_box.errors import LumiError
from lumi_box.shipped import shipped

FOLDER, STATE = Path("/etc/lumi-box"), Path("/var/lib/lumi-box")
CONFIG, SECRET = FOLDER / "config.toml", FOLDER / "cookie_secret"
UNIT = Path("/etc/systemd/system/lumi-box.service")
HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108  # from the service
SYSTEMCTL_SECONDS = 60
STAMP = re.compile(r"\A# Written by lumi-box install-service, sha256 ([0-9a-f]{64})\n")


class CannotInstall(LumiError):
    """What is asked for would not work."""


@dataclass(frozen=True)
class Step:
    """One thing that is made, or is right already; `do` makes it."""

    text: str
    do: Callable[[], None] | None = None


def install_service(arguments: argparse.Namespace) -> int:
    root = Path(arguments.root).absolute()
    if arguments.config:
        raise CannotInstall(f"a service has its config at {CONFIG}: leave --config out")
    if root == Path("/") and os.geteuid() != 0 and not arguments.dry_run:
        raise CannotInstall("this writes to /etc: run it as root, or see with --dry-run what it would do")
    unit = unit_text([arguments.program] if arguments.program else this_program())
    steps = [*_folders(root), *_config(root, arguments.demo), *_unit(root, unit)]
    try:
        for step in steps:
            if step.do is not None and not arguments.dry_run:
                step.do()
            verb = "would have " if arguments.dry_run and step.do is not None else ""
            print(f"{verb}{step.text}")
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return FAILED
    _warn(_under(root, CONFIG))
    if root == Path("/") and not arguments.dry_run:
        return _hand_over(new_unit=steps[-1].do is not None)
    return OK


def this_program() -> list[str]:
    """How what runs now is run again: the single binary, the installed command, or the package."""
    if getattr(sys, "frozen", False):
        line = [os.environ.get("LUMI_BOX_EXECUTABLE", sys.executable)]  # launcher.c sets it
    elif Path(sys.argv[0]).name == "lumi-box":
        line = [os.path.abspath(sys.argv[0])]  # noqa: PTH100  # a link stays the link that it is
    else:
        line = [sys.executable, "-m", "lumi_box"]
    parts = [Path(line[0]), *([] if getattr(sys, "frozen", False) else [Path(sys.prefix), Path(sys.base_prefix)])]
    for part in parts:
        if any(part.resolve().is_relative_to(place) for place in HIDDEN):
            raise CannotInstall(
                f"the service could not see this program: {part} lies in a home or a temporary folder, which it does "
                "not see; install lumi-box in /opt or /usr/local and run its install-service, or name it with --program"
            )
    return line


def unit_text(program: list[str]) -> str:
    """The unit that starts the program, under a line that tells later whether somebody has changed it."""
    text = shipped("systemd/lumi-box.service").read_text(encoding="utf-8")
    text = text.replace("ExecStart=/usr/local/bin/lumi-box ", f"ExecStart={' '.join(map(_quoted, program))} ")
    return f"# Written by lumi-box install-service, sha256 {_sum(text)}\n{text}"


def _quoted(word: str) -> str:
    """systemd.service(5), "Command lines"."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if re.search(r"[\s'\"\\;]", word) else word


def config_text(*, demo: bool) -> str:
    """What `init` writes, with its places where a service has them."""
    text = config.initial_text(demo, SECRET.name)
    for before, after in (
        (f'cookie_secret = "{SECRET.name}"', f'cookie_secret_file = "{SECRET.name}"'),
        ('url = "sqlite:///data/lumi.db"', f'url = "sqlite:///{STATE}/lumi.db"'),
        ('path = "data/objects"', f'path = "{STATE}/objects"'),
    ):
        if before not in text:
            raise RuntimeError(f"the example has no {before}")
        text = text.replace(before, after)
    return text


def _folders(root: Path) -> Iterator[Step]:
    for folder in (FOLDER, STATE):
        path = _under(root, folder)
        if path.is_dir():  # systemd makes a link of its own of the second one
            yield Step(f"kept     {folder}")
        else:
            yield Step(f"made     {folder}, for root only until the service starts", partial(_make, path))


def _config(root: Path, demo: bool) -> Iterator[Step]:
    path, secret = _under(root, CONFIG), _under(root, SECRET)
    if path.exists():
        yield Step(f"kept     {CONFIG}: it is yours")
        return
    if secret.exists():
        yield Step(f"kept     {SECRET}: it is yours")
    else:
        made = f"{secrets.token_urlsafe(48)}\n"
        yield Step(f"written  {SECRET}, a new random secret, mode 0600", lambda: write_whole(secret, made))
    text = config_text(demo=demo)
    yield Step(f"written  {CONFIG}, mode 0600", lambda: write_whole(path, text))


def _unit(root: Path, wanted: str) -> Iterator[Step]:
    path = _under(root, UNIT)
    found = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
    if found == wanted:
        yield Step(f"kept     {UNIT}: it is right")
    elif found is None or _is_ours(found):
        verb = "written " if found is None else "renewed "
        yield Step(f"{verb} {UNIT}, mode 0644", lambda: _write_unit(path, wanted))
    else:
        names = os.fspath(UNIT), "of this version"
        lines = difflib.unified_diff(found.splitlines(), wanted.splitlines(), *names, lineterm="")
        why = "it was changed by hand; move the changes to a drop-in (systemctl edit lumi-box) and remove it"
        yield Step("\n".join([f"kept     {UNIT}: {why}", *lines]))


def _is_ours(text: str) -> bool:
    """Written by some version of this command, and not changed since."""
    found = STAMP.match(text)
    return found is not None and found[1] == _sum(text[found.end() :])


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _under(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700)


def _write_unit(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text, 0o644)


def _warn(path: Path) -> None:
    """What a config that was there before may ask for and the service cannot have."""
    try:
        loaded = config.load(path)
    except ConfigError:
        return  # there is none yet, or it has to be filled in first, and says so itself
    places = {"database.url": loaded.database.sqlite_path, "storage.disk.path": loaded.storage.disk.path}
    for key, place in places.items():
        if place is not None and not place.is_relative_to(STATE):
            complain(f"warning: {key}: {place} is not under {STATE}, where alone the service may write")


def _hand_over(*, new_unit: bool) -> int:
    """systemd hears of the unit, where it runs; the operator of what is left to do."""
    systemctl = shutil.which("systemctl") if Path("/run/systemd/system").is_dir() else None
    if new_unit and systemctl is not None:
        line = [systemctl, "daemon-reload"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=SYSTEMCTL_SECONDS, check=False)  # noqa: S603
        if done.returncode != 0:
            complain(f"systemctl daemon-reload failed: {done.stderr.strip()}")
            return FAILED
        print("done     systemctl daemon-reload")
    elif new_unit:
        print("systemd does not run here; where it does, it reads the unit when it starts")
    print(f"next     fill in {CONFIG}; lumi-box config check says what is missing")
    print("next     systemctl enable lumi-box && systemctl restart lumi-box")
    return OK


def add_parsers(add: Callable, commands: object) -> None:
    text = "write what systemd needs to run lumi-box: config, folders and unit"
    command = add(commands, "install-service", install_service, text)
    command.add_argument("--demo", action="store_true", help="with a config that needs no key, as init --demo writes")
    command.add_argument("--dry-run", action="store_true", help="only print what would be done")
    command.add_argument("--root", metavar="DIR", default="/", help="write below this folder (for packages)")
    command.add_argument("--program", metavar="PATH", help="what the unit starts (default: this program)")

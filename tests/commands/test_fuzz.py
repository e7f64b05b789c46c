"""No command line, no config and no database makes any command end with a traceback, or with a status of its own."""

from __future__ import annotations

import argparse
import io
import logging
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from config.samples import DEVELOPMENT

from lumi_box import cli, redaction, runtime
from lumi_box.config import Config
from lumi_box.tables import base

pytestmark = pytest.mark.slow  # some hundred commands

JUNK = [
    *("", " ", "-", "--", "-1", "0", "x", "../..", "%s%n", "{0}", "$(id)", "'; --", "nan", "1e999", "9" * 40),
    *("a" * 5000, "猫", "\u202e", "a\nb", "a\x00b", "\udcff\udc80"),
    *("config.toml", "no/such/dir/file", "COMPLETED", "a@b", "me@example.org"),
]
STATUSES = {0, 1, 2, 3}
HARMLESS = {"install-service": ["--dry-run"]}  # what changes the machine outside its folder is only tried
SEEDS = range(int(os.environ.get("LUMI_TEST_SEEDS", "6")))
LINES_A_SEED = 40


@dataclass(frozen=True)
class Outcome:
    line: list[str]
    status: object
    out: str
    err: str

    def check(self) -> None:
        assert self.status in STATUSES, self
        assert "Traceback" not in self.err + self.out and "internal error" not in self.err, self
        assert not self.status or self.err or self.out, f"it failed without a word: {self}"


Run = Callable[..., Outcome]


@pytest.fixture
def lumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """One command line in a folder of the test's; whatever would go on to serve ends there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LUMI_BOX_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(runtime, "supervise", lambda *_: 0)
    handlers = logging.root.handlers[:], logging.root.level, logging.getLogger("lumi_box").level
    hooks = sys.excepthook, threading.excepthook

    def run(*words: str, stdin: str = "") -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with redirect_stdout(out), redirect_stderr(err):
            try:
                status: object = cli.run(list(words))
            except SystemExit as left:
                status = left.code
            finally:
                if base.database.obj is not None:
                    base.close_all()
                redaction.know(())
                logging.root.handlers[:] = handlers[0]  # the stdout that it logged to ends here
        return Outcome(list(words), status, out.getvalue(), err.getvalue())

    yield run
    logging.root.handlers[:], level, ours = handlers
    logging.root.setLevel(level)
    logging.getLogger("lumi_box").setLevel(ours)
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook = hooks


def commands(parser: argparse.ArgumentParser, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list]]:
    """Every command by its words, with its arguments."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from commands(inner, (*before, name))
            return
    yield before, [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]


COMMANDS = dict(commands(cli._parser()))


def line_of(words: tuple[str, ...], arguments: list[argparse.Action], chance: random.Random) -> list[str]:
    """The command with some of its options, often with as many arguments as it wants, sometimes with others."""
    line = [*words, *HARMLESS.get(words[0], [])]
    for action in arguments:
        if action.dest == "config" or chance.random() < 0.3:
            continue
        value = chance.choice([*JUNK, *map(str, action.choices or ())])
        if action.option_strings:
            line += [chance.choice(action.option_strings)] + ([value] if action.nargs != 0 else [])
        else:
            line.append(value)
    if chance.random() < 0.15:
        line.append(chance.choice(JUNK))
    return line


@pytest.mark.parametrize("seed", SEEDS)
def test_no_command_line_ends_with_a_traceback(lumi: Run, config: Config, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(LINES_A_SEED):
        words = chance.choice(list(COMMANDS))
        line = line_of(words, COMMANDS[words], chance)
        if words != ("init",) or chance.random() < 0.8:
            line += ["--config", chance.choice(["config.toml"] * 6 + JUNK)]
        lumi(*line, stdin=chance.choice(["", "long enough\n", "\x00\n", "x" * 9000])).check()


def broken_configs(folder: Path) -> Iterator[tuple[str, Path]]:
    def made(name: str, content: bytes) -> tuple[str, Path]:
        path = folder / f"{name}.toml"
        path.write_bytes(content)
        return name, path

    chance, good = random.Random(7), DEVELOPMENT.encode()
    yield made("empty", b"")
    yield made("binary", bytes(chance.randrange(256) for _ in range(4000)))
    yield made("nul", good + b"\x00")
    yield made("not-utf8", good + b"# \xff\xfe\n")
    yield made("utf16", DEVELOPMENT.encode("utf-16"))
    yield made("huge", good + b"#" * (2 << 20))
    yield made("deep-list", good + b"[server]\nx = " + b"[" * 50_000 + b"]" * 50_000)
    yield made("deep-table", b"[" + b"a." * 5_000 + b"b]\nx = 1\n" + good)
    yield made("long-number", good + b"[server]\nport = " + b"9" * 5000 + b"\n")
    yield made("infinite", good + b"[sweep]\ngrace_hours = inf\n")
    yield made("secret-folder", good.replace(b"cookie_secret = ", b"cookie_secret_file = '.' #"))
    yield made("database-is-here", good.replace(b"sqlite:///data/lumi.db", b"sqlite:///."))
    yield made("database-name-too-long", good.replace(b"data/lumi.db", b"a" * 300))
    yield made("database-in-a-file", good.replace(b"data/lumi.db", b"config.toml/x/lumi.db"))
    yield made(
        "database-away", good.replace(b"sqlite:///data/lumi.db", b"mysql://a:b@127.0.0.1:9/c") + b"connect_attempts = 1"
    )
    yield made("store-in-a-file", good.replace(b"data/objects", b"config.toml/objects"))
    yield made("store-name-too-long", good.replace(b"data/objects", b"o" * 300))
    yield made("store-is-no-folder", good.replace(b"data/objects", b"/dev/null"))
    for number in range(6):
        text = bytearray(good)
        for _ in range(chance.randrange(1, 12)):
            text[chance.randrange(len(text))] = chance.randrange(256)
        yield made(f"mutated-{number}", bytes(text))
    for name, target in (("loop", "loop.toml"), ("dangling", "nothing")):
        (folder / f"{name}.toml").symlink_to(target)
        yield name, folder / f"{name}.toml"
    (folder / "folder.toml").mkdir()
    yield "folder", folder / "folder.toml"
    os.mkfifo(folder / "pipe.toml")
    yield "pipe", folder / "pipe.toml"
    yield "missing", folder / "missing.toml"
    yield "device", Path("/dev/zero")
    yield "too-long", folder / ("n" * 300)


SENSIBLE = {
    ("user", "create"): ["a@example.org", "--password-stdin"],
    ("user", "set-password"): ["a@example.org", "--password-stdin"],
    ("user", "disable"): ["a@example.org"],
    ("token", "create"): ["a@example.org"],
    ("token", "list"): ["a@example.org"],
    ("token", "revoke"): ["some-token"],
    ("jobs", "show"): ["some-job"],
    ("jobs", "retry"): ["--all-dead"],
    ("jobs", "cancel"): ["some-job"],
    ("storage", "copy"): ["--to", "config.toml"],
    ("backup", "create"): ["backup.file"],
    ("backup", "verify"): ["backup.file"],
    ("backup", "restore"): ["backup.file"],
}


def line_for(words: tuple[str, ...], config: Path) -> list[str]:
    return [*words, *HARMLESS.get(words[0], []), *SENSIBLE.get(words, []), "--config", str(config)]


def test_no_config_makes_any_command_end_with_a_traceback(lumi: Run, tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    chance = random.Random(11)
    always = [("config", "check"), ("doctor",), ("serve",)]
    for name, path in broken_configs(folder):
        others = chance.sample(sorted(set(COMMANDS) - {("init",), *always}), 4)
        for words in (*always, *others):
            found = lumi(*line_for(words, path), stdin="long enough\n")
            found.check()
            if words == ("config", "check") and not name.startswith(("database", "store", "mutated", "infinite")):
                assert found.status == 2, name


def broken_databases(place: Path) -> Iterator[str]:
    good = place.read_bytes()
    chance = random.Random(13)
    yield "whole"
    place.write_bytes(bytes(chance.randrange(256) for _ in range(9000)))
    yield "junk"
    place.write_bytes(good[: len(good) // 2])
    yield "half"
    place.write_bytes(good[:100])
    yield "only a header"
    spoilt = bytearray(good)
    for _ in range(400):
        spoilt[chance.randrange(100, len(spoilt))] = chance.randrange(256)
    place.write_bytes(bytes(spoilt))
    yield "spoilt"
    place.write_bytes(b"")
    yield "empty"
    place.unlink()
    place.mkdir()
    yield "folder"
    place.rmdir()
    place.symlink_to(place.name)
    yield "loop"
    place.unlink()


def test_no_database_makes_any_command_end_with_a_traceback(lumi: Run, config: Config) -> None:
    place = config.database.sqlite_path
    assert place is not None
    for name in broken_databases(place):
        for words in COMMANDS:
            if words != ("init",):
                lumi(*line_for(words, config.path), stdin="long enough\n").check()
        base.close_all()
        for suffix in ("-wal", "-shm"):
            place.with_name(f"{place.name}{suffix}").unlink(missing_ok=True)
        assert name


# As processes, whose standard streams are what a shell made of them


def process(words: str, config: Config, **environment: str) -> subprocess.CompletedProcess[str]:
    """`lumi` in the words is the command, with the config; they are a shell's."""
    line = f'lumi() {{ "{sys.executable}" -m lumi_box "$@" --config "{config.path}"; }}; {words}'
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
        cwd=config.folder,
    )


@pytest.mark.process
@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("lumi version >&-", 0),
        ("lumi config show >&-", 0),
        ("lumi doctor --json >&-", 1),
        ("lumi version 2>&-", 0),
        ("lumi user disable nobody@example.org 2>&-", 1),
        ("lumi user disable nobody@example.org >&- 2>&-", 1),
        ("lumi user create a@example.org --password-stdin <&-", 1),
        ("lumi user create a@example.org <&-", 1),
        ("lumi config show >/dev/full", 1),
        ("lumi version >/dev/full", 1),
        ("lumi user list >/dev/full", 0),
        ("lumi config show | head -c 1 >/dev/null", 0),
        ("lumi user disable $'\\xff\\xfe'", 2),
        ("lumi jobs show $'caf\\xe9'", 2),
    ],
)
def test_whatever_the_standard_streams_are(config: Config, words: str, status: int) -> None:
    done = process(words, config)
    assert done.returncode == status, done
    for bad in ("Traceback", "Exception ignored", "internal error"):
        assert bad not in done.stderr


@pytest.mark.process
def test_whatever_the_terminal_can_show(config: Config) -> None:
    made = process(
        "lumi user create 'ü@example.org' --password-stdin <<<'long enough'", config, PYTHONIOENCODING="ascii"
    )
    assert made.returncode in (0, 1) and "Traceback" not in made.stderr
    listed = process("lumi user list; lumi config show", config, PYTHONIOENCODING="ascii")
    assert (listed.returncode, listed.stderr) == (0, "")


@pytest.mark.process
def test_a_config_that_this_user_may_not_read(config: Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Root may read everything: it becomes nobody first."""
    if os.geteuid() == 0:
        code = (
            "import os, sys; from lumi_box import cli\n"
            "try: cli.run(['version'])\nfinally: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            f"sys.exit(cli.run(['config', 'check', '--config', {str(config.path)!r}]))"
        )
        for folder in (config.folder, *config.folder.parents):
            if folder.owner() == "root" and folder.stat().st_mode & 0o001 == 0:
                folder.chmod(folder.stat().st_mode | 0o011)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    else:
        config.path.chmod(0)
        done = process("lumi config check", config)
    assert "Traceback" not in done.stderr
    assert done.returncode == 2, done
    assert "cannot be read (Permission denied)" in done.stderr

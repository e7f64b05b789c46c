"""The command line: what it prints where, and its exit status. Most commands run inside this process."""

from __future__ import annotations

import io
import logging
import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from process.server import command

from lumi_box import __version__, cli, runtime
from lumi_box import config as configuration
from lumi_box.accounts import local, tokens
from lumi_box.config import Config
from lumi_box.errors import Refused
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.tables import base
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Job

RELEASE = __version__.partition(".dev")[0]
SECRET = "tUb4-Xq9_hZ7w.Kd2mRs8vLy3NfGj6Pc1Aei"
PRODUCTION = f"""\
public_url = "https://lumi.example.com"

[security]
cookie_secret = "{SECRET}"

[database]
url = "sqlite:///data/lumi.db"

[storage]
kind = "disk"

[storage.disk]
path = "data/objects"

[providers]
image = "aliyun"
model3d = "tencent"

[providers.aliyun]
api_key = "key-of-the-painter"

[providers.tencent]
secret_id = "id-of-the-modeller"
secret_key = "key-of-the-modeller"
"""
COMMANDS = [
    "init",
    "serve",
    "doctor",
    "config check",
    "config show",
    "migrate",
    "user create",
    "user list",
    "user set-password",
    "user disable",
    "token create",
    "token list",
    "token revoke",
    "jobs list",
    "jobs show",
    "jobs retry",
    "jobs cancel",
    "sweep",
    "storage copy",
    "storage mark",
    "backup create",
    "backup verify",
    "backup restore",
    "version",
]


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr of a command that failed."""
        assert self.status != 0, self.out
        (line,) = self.err.splitlines()
        assert line.startswith("lumi-box: ")
        return line.removeprefix("lumi-box: ")


Run = Callable[..., Outcome]


@pytest.fixture
def lumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs one command line in an empty folder, with `stdin` as its input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LUMI_BOX_CONFIG", raising=False)
    handlers, level = logging.root.handlers[:], logging.root.level

    def run(*words: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        try:
            status = cli.run(list(words))
        finally:
            if base.database.obj is not None:
                base.database.close()
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    yield run
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def demo(config: Config, lumi: Run) -> Run:
    """The same, in a folder with a demo config and a migrated database."""
    return lumi


@pytest.fixture
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that should have been refused fails the test instead of forking it."""

    def started(*_: object) -> int:
        raise AssertionError("serve went on to start its processes")

    monkeypatch.setattr(runtime, "supervise", started)


def write(text: str, path: str = "config.toml") -> None:
    Path(path).write_text(text, encoding="utf-8")
    Path(path).chmod(0o600)


# init


def test_init_writes_a_private_commented_config_with_a_secret_of_its_own(lumi):
    secrets = set()
    for folder in ("a", "b"):
        result = lumi("init", "--config", f"{folder}/config.toml")
        assert (result.status, result.err) == (0, "")
        path = Path(folder, "config.toml")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        text = path.read_text(encoding="utf-8")
        (secret,) = re.findall(r'^cookie_secret = "(.+)"', text, re.MULTILINE)
        assert len(secret) >= 32
        assert secret not in result.out
        assert text.count("\n#") > 20
        secrets.add(secret)
    assert len(secrets) == 2


def test_init_is_private_whatever_the_umask(lumi):
    before = os.umask(0)
    try:
        assert lumi("init").status == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("config.toml").stat().st_mode) == 0o600


def test_init_overwrites_only_when_forced(lumi):
    write("mine")
    result = lumi("init")
    assert result.status == 2
    assert "config.toml" in result.complaint and "--force" in result.complaint
    assert Path("config.toml").read_text(encoding="utf-8") == "mine"
    assert lumi("init", "--force").status == 0
    assert Path("config.toml").read_text(encoding="utf-8") != "mine"
    assert [path.name for path in Path().iterdir()] == ["config.toml"]


def test_init_where_nothing_can_be_written_is_one_line(lumi):
    write("", "file")
    result = lumi("init", "--config", "file/config.toml")
    assert result.status == 2
    assert "file/config.toml" in result.complaint


def test_a_demo_config_is_valid_and_all_beside_itself(lumi):
    assert lumi("init", "--demo").status == 0
    assert lumi("config", "check").status == 0
    loaded = configuration.load(Path("config.toml"))
    assert loaded.development
    assert (loaded.providers.image, loaded.providers.model3d, loaded.providers.prompt) == ("builtin", "builtin", "none")
    assert loaded.database.sqlite_path == Path("data/lumi.db").resolve()
    assert loaded.storage.disk.path == Path("data/objects").resolve()


def test_the_demo_password_is_printed_once_and_signs_in(lumi):
    result = lumi("init", "--demo")
    (password,) = re.findall(r"sign in as admin@localhost with the password (\S+)", result.out)
    assert result.out.count(password) == 1
    assert password not in Path("config.toml").read_text(encoding="utf-8")
    assert local.authenticate("admin@localhost", password, "127.0.0.1").is_admin
    again = lumi("init", "--demo", "--force")
    assert again.status == 0
    assert password not in again.out
    (renewed,) = re.findall(r"with the password (\S+)", again.out)
    assert local.authenticate("admin@localhost", renewed, "127.0.0.1").is_admin
    base.database.close()


# config, version, help


def test_a_valid_config_checks(demo):
    result = demo("config", "check")
    assert (result.status, result.err) == (0, "")
    assert "config.toml is valid" in result.out


def test_a_config_that_others_can_read_is_a_warning(demo):
    Path("config.toml").chmod(0o644)
    result = demo("config", "check")
    assert result.status == 0
    assert "warning" in result.err and "chmod 600" in result.err


def test_every_mistake_is_a_line_of_its_own(lumi):
    write(PRODUCTION.replace(SECRET, "short").replace('kind = "disk"', 'kind = "tape"') + "\n[server]\nport = 0\n")
    for words in (("config", "check"), ("config", "show"), ("serve",), ("doctor",), ("migrate",), ("user", "list")):
        result = lumi(*words)
        assert (result.status, result.out) == (2, "")
        lines = result.err.splitlines()
        assert [line.split(": ")[1] for line in lines] == ["server.port", "security.cookie_secret", "storage.kind"]


def test_a_missing_config_says_where_it_was_looked_for(lumi):
    result = lumi("config", "check", "--config", "nowhere.toml")
    assert result.status == 2
    assert "nowhere.toml" in result.complaint and "lumi-box init" in result.complaint


def test_the_config_may_be_named_by_the_environment(lumi, monkeypatch):
    write(PRODUCTION, "elsewhere.toml")
    monkeypatch.setenv("LUMI_BOX_CONFIG", "elsewhere.toml")
    assert "elsewhere.toml is valid" in lumi("config", "check").out


def test_show_prints_what_is_in_force_and_no_secret(lumi):
    secrets = [SECRET, "key-of-the-painter", "id-of-the-modeller", "key-of-the-modeller", "pass-of-db", "pass-of-mail"]
    text = PRODUCTION.replace("sqlite:///data/lumi.db", "mysql://lumi:pass-of-db@db.example.com:3306/lumi")
    write(f"{text}\n[accounts]\nsmtp_url = 'smtp://lumi:pass-of-mail@mail.example.com'\nmail_from = 'a@example.com'\n")
    result = lumi("config", "show")
    assert (result.status, result.err) == (0, "")
    assert [secret for secret in secrets if secret in result.out] == []
    assert "port = 5000" in result.out
    assert "db.example.com" in result.out
    assert result.out.count("********") >= len(secrets)


def test_version(lumi):
    assert lumi("version") == Outcome(0, f"lumi-box {RELEASE}\n", "")


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself(lumi, capsys, words):
    with pytest.raises(SystemExit) as left:
        lumi(*words.split(), "--help")
    assert left.value.code == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert f"lumi-box {words}" in captured.out
    assert "--config PATH" in captured.out


def test_without_a_command_the_usage_is_shown(lumi, capsys):
    with pytest.raises(SystemExit) as left:
        lumi()
    assert left.value.code == 2
    assert "usage: lumi-box" in capsys.readouterr().err


# migrate


def test_migrate_says_what_it_did_and_then_that_nothing_was_left(lumi):
    assert lumi("init").status == 0
    write(PRODUCTION)
    first, second = lumi("migrate"), lumi("migrate")
    assert (first.status, second.status) == (0, 0)
    assert "applied 0001_initial" in first.out
    assert second.out == "the schema is up to date\n"


# user


def test_an_account_is_created_listed_changed_and_disabled(demo):
    made = demo("user", "create", "Ada@Example.org", "--admin", "--password-stdin", stdin="first password\nrest\n")
    assert (made.status, made.err) == (0, "")
    assert "ada@example.org" in made.out
    assert "ada@example.org" in demo("user", "list").out
    assert local.authenticate("ada@example.org", "first password", "::1").is_admin
    changed = demo("user", "set-password", "ada@example.org", "--password-stdin", stdin="second password\n")
    assert changed.status == 0
    assert local.authenticate("ada@example.org", "second password", "::1")
    assert demo("user", "disable", "ada@example.org").status == 0
    assert "disabled" in demo("user", "list").out
    with pytest.raises(Exception, match="wrong"):
        local.authenticate("ada@example.org", "second password", "::1")
    base.database.close()


@pytest.mark.parametrize(
    ("words", "stdin", "told"),
    [
        (("user", "create", "known@example.org", "--password-stdin"), "long enough", "known@example.org"),
        (("user", "create", "nobody", "--password-stdin"), "long enough", "email"),
        (("user", "create", "new@example.org", "--password-stdin"), "short", "password"),
        (("user", "create", "new@example.org", "--password-stdin"), "", "password"),
        (("user", "create", "new@example.org"), "long enough", "--password-stdin"),
        (("user", "set-password", "known@example.org", "--password-stdin"), "short", "password"),
        (("user", "set-password", "gone@example.org", "--password-stdin"), "long enough", "gone@example.org"),
        (("user", "disable", "gone@example.org"), "", "gone@example.org"),
        (("token", "create", "gone@example.org"), "", "gone@example.org"),
        (("token", "list", "gone@example.org"), "", "gone@example.org"),
        (("token", "revoke", "gone"), "", "gone"),
        (("jobs", "show", "gone"), "", "gone"),
        (("jobs", "retry", "gone"), "", "gone"),
        (("jobs", "retry"), "", "--all-dead"),
        (("jobs", "cancel", "gone"), "", "gone"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else (value or "empty"),
)
def test_what_cannot_be_done_is_status_1_and_one_line(demo, words, stdin, told):
    demo("user", "create", "known@example.org", "--password-stdin", stdin="long enough")
    result = demo(*words, stdin=stdin)
    assert result.status == 1
    assert result.out == ""
    assert told in result.complaint
    assert "long enough" not in result.err


# token


def test_a_token_is_the_only_line_works_and_can_be_revoked(demo):
    demo("user", "create", "ada@example.org", "--password-stdin", stdin="long enough")
    made = demo("token", "create", "ada@example.org", "--name", "laptop", "--days", "7")
    assert (made.status, made.err) == (0, "")
    (secret,) = made.out.splitlines()
    row = tokens.by_secret(secret)
    assert row is not None and row.user.email == "ada@example.org"
    listed = demo("token", "list", "ada@example.org")
    assert row.id in listed.out and "laptop" in listed.out
    assert secret not in listed.out
    assert demo("token", "revoke", row.id).status == 0
    assert tokens.by_secret(secret) is None
    base.database.close()
    assert demo("token", "list", "ada@example.org").out == ""
    assert demo("token", "revoke", row.id).status == 1


def test_a_token_of_a_disabled_account_opens_nothing(demo):
    demo("user", "create", "ada@example.org", "--password-stdin", stdin="long enough")
    secret = demo("token", "create", "ada@example.org").out.strip()
    demo("user", "disable", "ada@example.org")
    assert tokens.by_secret(secret) is None
    base.database.close()


# jobs


def test_jobs_are_listed_by_state_and_shown_with_their_attempts(box, alice, drain, images, demo):
    accept_prompt(box, alice.id, "a crane")
    images.fail_next(Refused("The filter stopped it.", code="moderation", vendor_text="DataInspectionFailed"))
    drain()
    done, dead = (Job.select().where(Job.status == status) for status in ("COMPLETED", "FAILED"))
    done_ids, (dead_id,) = sorted(job.id for job in done), [job.id for job in dead]
    base.database.close()
    assert sorted(line.split("\t")[0] for line in demo("jobs", "list").out.splitlines()) == sorted([*done_ids, dead_id])
    failed = demo("jobs", "list", "--state", "failed")
    assert [line.split("\t")[:3] for line in failed.out.splitlines()] == [[dead_id, "image", "FAILED"]]
    assert demo("jobs", "list", "--state", "RUNNING") == Outcome(0, "", "")
    shown = demo("jobs", "show", dead_id)
    assert shown.status == 0
    assert re.search(r"^status +FAILED$", shown.out, re.MULTILINE)
    assert re.search(r"^attempt 1: .* refused moderation DataInspectionFailed$", shown.out, re.MULTILINE)


def test_dead_jobs_are_retried_one_by_one_or_all_at_once(box, alice, drain, images, demo):
    request = accept_prompt(box, alice.id, "a crane")
    images.fail_next(*[Refused("The filter stopped it.") for _ in range(3)])
    drain()
    first, *others = [job.id for job in Job.select().where(Job.status == "FAILED")]
    (done,) = [job.id for job in Job.select().where(Job.status == "COMPLETED")]
    base.database.close()
    assert demo("jobs", "retry", done).status == 1
    assert demo("jobs", "retry", first) == Outcome(0, f"waiting again: {first}\n", "")
    assert demo("jobs", "retry", first).status == 1
    told = demo("jobs", "retry", "--all-dead").out.splitlines()
    assert sorted(told) == sorted(f"waiting again: {job_id}" for job_id in others)
    assert demo("jobs", "retry", "--all-dead") == Outcome(0, "", "")
    assert sorted(image.status for image in Image.select()) == ["COMPLETED", "PENDING", "PENDING", "PENDING"]
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_GENERATING"
    base.database.close()


def test_a_dead_job_whose_work_another_job_has_done_is_not_done_again(box, alice, drain, models, demo):
    """It would be paid for twice, and take a finished model away from its maker."""
    request = accept_prompt(box, alice.id, "a crane")
    drain()
    models.fail_next(Refused("The picture cannot be modelled."))
    pick_image(box, request, 0)
    drain()
    pick_image(box, request, 1)
    drain()
    (dead,) = [job.id for job in Job.select().where(Job.status == "FAILED")]
    assert GeneratedModel.get().status == "COMPLETED"
    base.database.close()
    assert demo("jobs", "retry", "--all-dead").status == 0
    assert demo("jobs", "retry", dead).status == 1
    assert GeneratedModel.get().status == "COMPLETED"
    assert GenerationRequest.get_by_id(request.id).status == "COMPLETED"
    base.database.close()


def test_a_waiting_job_is_cancelled_once(box, alice, demo):
    accept_prompt(box, alice.id, "a crane")
    waiting = Job.select().first().id
    base.database.close()
    assert demo("jobs", "cancel", waiting) == Outcome(0, f"cancelled {waiting}\n", "")
    again = demo("jobs", "cancel", waiting)
    assert again.status == 1
    assert "CANCELLED" in again.complaint
    assert [job.id for job in Job.select().where(Job.status == "CANCELLED")] == [waiting]
    base.database.close()


# A damaged installation is told in one line


@pytest.mark.parametrize("words", [("migrate",), ("user", "list"), ("jobs", "list")], ids=" ".join)
def test_a_file_that_is_no_database_is_one_line(demo, config, words):
    config.database.sqlite_path.write_bytes(b"no database at all" * 500)
    result = demo(*words)
    assert result.status == 1
    assert "lumi.db" in result.complaint


def test_a_table_that_is_missing_is_one_line(demo, config):
    connection = sqlite3.connect(config.database.sqlite_path)
    connection.execute("DROP TABLE attempt")
    connection.execute("DROP TABLE job")
    connection.close()
    result = demo("jobs", "list")
    assert result.status == 1
    assert "no such table: job" in result.complaint


# serve refuses to start


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (f'cookie_secret = "{SECRET}"', "", "security.cookie_secret: is required"),
        (SECRET, "too-short", "security.cookie_secret: has 9 characters"),
        (SECRET, "lumi-server-secret-key-change-in-production", "security.cookie_secret: is a well-known placeholder"),
        (SECRET, "x" * 40, "security.cookie_secret: is one character repeated"),
        ('[storage]\nkind = "disk"', "[storage]", "storage.kind: is required"),
        ('path = "data/objects"', "", "storage.disk.path: is required"),
        ('api_key = "key-of-the-painter"', "", "providers.aliyun.api_key: is required"),
        ('secret_key = "key-of-the-modeller"', "", "providers.tencent.secret_key: is required"),
        ('image = "aliyun"', 'image = "builtin"', "providers.image: builtin is for development only"),
        ('model3d = "tencent"', 'model3d = "builtin"', "providers.model3d: builtin is for development only"),
        ("secret_id =", "secret_idd =", "providers.tencent.secret_idd: unknown key; did you mean"),
        ('public_url = "https://lumi.example.com"', "", "public_url: is required in production"),
    ],
    ids=lambda value: None if "\n" in value else value[:40],
)
def test_a_config_that_cannot_serve_is_status_2_and_names_the_key(lumi, no_supervisor, before, after, told):
    assert before in PRODUCTION
    write(PRODUCTION.replace(before, after))
    result = lumi("serve")
    assert (result.status, result.out) == (2, "")
    lines = result.err.splitlines()
    assert [line for line in lines if line.startswith(f"lumi-box: {told}")], result.err
    assert all(re.match(r"lumi-box: [a-z0-9_.]+: \S", line) for line in lines), result.err
    assert len(lines) == (2 if "secret_idd" in told else 1), result.err
    assert not Path("data").exists()


@pytest.fixture
def production(lumi: Run, monkeypatch: pytest.MonkeyPatch, no_supervisor: None) -> Run:
    """A valid production config, whatever adapters there are."""
    write(PRODUCTION)
    monkeypatch.setattr(runtime, "missing_parts", lambda _: [])
    return lumi


@pytest.mark.parametrize("damage", ["folder", "garbage"])
def test_a_database_that_cannot_be_opened_in_production_is_status_3(production, damage):
    Path("data").mkdir()
    if damage == "folder":
        Path("data/lumi.db").mkdir()
    else:
        Path("data/lumi.db").write_bytes(b"no database at all" * 500)
    result = production("serve")
    assert result.status == 3
    assert "database" in result.complaint and "lumi.db" in result.complaint


def test_a_storage_that_cannot_be_used_in_production_is_status_3(production):
    Path("data").mkdir()
    write("", "data/objects")
    result = production("serve")
    assert result.status == 3
    assert "storage" in result.complaint and "data/objects" in result.complaint


def test_a_schema_of_a_newer_version_in_production_is_status_3(production):
    assert production("migrate").status == 0
    connection = sqlite3.connect("data/lumi.db")
    connection.execute(
        "INSERT INTO schema_migration (name, applied) SELECT '9999_of_tomorrow', applied FROM schema_migration LIMIT 1"
    )
    connection.commit()
    connection.close()
    result = production("serve")
    assert result.status == 3
    assert "9999_of_tomorrow" in result.complaint


def test_an_address_of_another_machine_is_one_line(demo, no_supervisor):
    result = demo("serve", "--bind", "192.0.2.1:5000")
    assert result.status == 1
    assert "192.0.2.1:5000" in result.complaint


# As a process


def test_the_command_as_a_process_keeps_out_and_err_apart(tmp_path):
    good, bad = command("version", cwd=tmp_path), command("serve", cwd=tmp_path)
    assert (good.returncode, good.stdout, good.stderr) == (0, f"lumi-box {RELEASE}\n", "")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "config.toml" in bad.stderr and "Traceback" not in bad.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    """`lumi-box config show | head -1`, in which the pipe is closed early."""
    write(PRODUCTION, str(tmp_path / "config.toml"))
    reader, writer = os.pipe()
    os.close(reader)
    try:
        line = [sys.executable, "-m", "lumi_box", "config", "show"]
        done = subprocess.run(line, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, timeout=30, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")

"""The support bundle: all that helps, for its owner only, and nothing that others may not read."""

from __future__ import annotations

import json
import logging
import os
import stat
import tarfile
from pathlib import Path

import pytest
from doctor.conftest import beat

from lumi_box import cli, logs
from lumi_box import config as configuration
from lumi_box.accounts import local, tokens
from lumi_box.clock import now_ms
from lumi_box.errors import Refused
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.support import log_lines
from lumi_box.tables import base
from lumi_box.tables.generation import GenerationRequest, Image
from lumi_box.tables.health import HealthChange
from lumi_box.tables.job import Attempt, Job

PARTS = (
    "README.txt about.json config.toml doctor.json schema.json queue.json rows.json storage.json health.json log.txt"
)
PROMPT = 'a "secret" violet hippopotamus\nbeside a café, 一只可爱的小猫'
VARIANT = "a lilac river horse in front of a bakery"
SECRETS = {
    "cookie": "ckX9Qm2xLr7TzKc4Wb8NdYp1HsJf6GaE3u",
    "metrics": "metrics-bearer-5f3a9b77c1",
    "smtp": "smtp-pass-77aa31bc",
    "aliyun": "sk-aliyun-0123456789abcdefXYZ",
    "s3": "s3secretkey0123456789abcd",
    "hook": "hook-token-94bd12",
    "sentry": "sentrypublickey0123456789",
}
MORE = f"""
[accounts]
smtp_url = "smtp://mailer@example.net:{SECRETS["smtp"]}@mail.example.net:587"
mail_from = "Lumi <lumi-sender@example.com>"

[providers.aliyun]
api_key = "{SECRETS["aliyun"]}"

[storage.s3]
secret_access_key = "{SECRETS["s3"]}"

[metrics]
token = "{SECRETS["metrics"]}"

[sentry]
dsn = "https://{SECRETS["sentry"]}@sentry.example.com/7"
"""


@pytest.fixture
def lumi(config, capsys):
    """One `doctor` on the test's config; status, stdout, stderr."""
    handlers, level = logging.root.handlers[:], logging.root.level

    def run(*words):
        status = cli.run(["doctor", "--config", str(config.path), *words])
        base.database.close()
        told = capsys.readouterr()
        return status, told.out, told.err

    yield run
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def unpacked(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        assert {stat.S_IMODE(member.mode) for member in members} == {0o600}
        return {
            member.name.removeprefix("lumi-box-support/"): archive.extractfile(member).read().decode()
            for member in members
        }


def test_a_bundle_holds_what_helps(lumi, box, alice, drain, images, tmp_path):
    beat()
    images.fail_next(Refused("The filter stopped it.", code="moderation", vendor_text="DataInspectionFailed"))
    accept_prompt(box, alice.id, "a paper crane")
    drain()
    HealthChange.create(service="storage", healthy=False, text="It was away.")
    log = tmp_path / "lumi.log"
    log.write_text("".join(f"line {number}\n" for number in range(3000)))
    target = tmp_path / "bundle.tar.gz"
    status, out, err = lumi("--bundle", str(target), "--log", str(log))
    assert status == 0
    assert "13 of 13 checks pass" in out and err == f"wrote {target}; look through it before you hand it on\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    parts = unpacked(target)
    assert list(parts) == PARTS.split()
    assert {json.loads(parts["about.json"])[name] is not None for name in ("lumi-box", "python", "system")} == {True}
    assert json.loads(parts["about.json"])["libraries"]["peewee"]
    assert 'mode = "development"' in parts["config.toml"]
    assert len(json.loads(parts["doctor.json"])["services"]) == 13
    assert "0004_health" in json.loads(parts["schema.json"])["applied"]
    queue = json.loads(parts["queue.json"])
    assert {"kind": "image", "status": "COMPLETED", "count": 3} in queue["jobs"]
    assert queue["deadLetters"] == [{"kind": "image", "status": "FAILED", "code": "moderation", "count": 1}]
    assert {each["outcome"] for each in queue["attemptsOfTheLastDay"]} == {"completed", "refused"}
    assert json.loads(parts["rows.json"])["requests"] == 1
    assert json.loads(parts["storage.json"])["objects"][0]["state"] == "stored"
    assert json.loads(parts["health.json"])["changes"][0]["text"] == "It was away."
    lines = parts["log.txt"].splitlines()
    assert lines[0] == f"# {log}"
    assert (lines[1], lines[-1], len(lines)) == ("line 1000", "line 2999", 2001)


def test_no_secret_no_prompt_and_no_address_is_in_it_wherever_it_was_planted(
    lumi, box, config, drain, images, tmp_path
):
    """Config, rows, errors of attempts, health, and a log that should never have held them."""
    text = config.path.read_text(encoding="utf-8") + MORE
    old = configuration.load(config.path).security.cookie_secret
    config.path.write_text(text.replace(old, SECRETS["cookie"]), encoding="utf-8")
    maker = local.create("marianne.dupont@example.org", "correct horse battery", admin=True)
    secret = tokens.issue(maker, tokens.API)[1].removeprefix("Bearer ")
    quoted = f"the vendor said: {PROMPT} for {maker.email}, key {SECRETS['aliyun']}"
    images.fail_next(Refused("The filter stopped it.", code="moderation"))
    request = accept_prompt(box, maker.id, PROMPT)
    Image.update(prompt=VARIANT).where(Image.request == request.id, Image.position == 1).execute()
    drain()
    Attempt.update(error_text=quoted).execute()
    Job.update(error_message=quoted).execute()
    HealthChange.create(service="storage", healthy=False, text=quoted, at=now_ms())
    log = tmp_path / "planted.log"
    flat = PROMPT.replace("\n", "\\n")
    log.write_text(
        "\n".join(
            [
                f"2026-11-21T08:00:00.000Z info    lumi_box request accepted prompt={logs.excerpt(PROMPT)}",
                f"2026-11-21T08:00:01.000Z error   lumi_box failed for {flat} of {maker.email}",
                json.dumps({"message": f"about {PROMPT}", "variant": VARIANT, "to": maker.email}),
                json.dumps({"message": f"about {PROMPT}"}, ensure_ascii=False),
                f"GET /setup?token={secret} Authorization: Bearer {secret}",
                f"cookie: lumi_session={SECRETS['cookie']}; mysql://lumi:{SECRETS['smtp']}@db/lumi",
                *(f"a line with {value} in it" for value in SECRETS.values() if value != SECRETS["hook"]),
                "password=open-sesame-1234 and api_key=abcdef123456",
                "this line is harmless",
            ]
        ),
        encoding="utf-8",
    )
    target = tmp_path / "bundle.tar.gz"
    status, out, _ = lumi("--json", "--bundle", str(target), "--log", str(log))
    assert status in (0, 1)
    everything = "\n".join(unpacked(target).values())
    planted = [*SECRETS.values(), old, secret, maker.email, "marianne", "dupont", "open-sesame", "abcdef123456"]
    planted += ["hippopotamus", "violet", "一只可爱的小猫", "\\u4e00\\u53ea", "café", "lilac", "river horse"]
    planted += ["lumi-sender@example.com", "mailer@example.net", "correct horse"]
    found = [words for words in planted if words in everything]
    assert found == []
    assert not [words for words in SECRETS.values() if words in out]
    assert "this line is harmless" in everything
    assert "moderation" in everything
    assert GenerationRequest.get().prompt == PROMPT


def test_a_bundle_never_takes_the_place_of_a_file(lumi, tmp_path):
    target = tmp_path / "bundle.tar.gz"
    target.write_text("mine")
    status, _, err = lumi("--bundle", str(target))
    assert status == 1
    assert f"{target} exists already" in err
    assert target.read_text() == "mine"


@pytest.mark.parametrize("place", ["nowhere/bundle.tar.gz", "."])
def test_a_bundle_that_cannot_be_written_is_one_line(lumi, tmp_path, place):
    status, _, err = lumi("--bundle", str(tmp_path / place))
    assert status == 1
    assert len(err.splitlines()) == 1 and str(tmp_path) in err


def test_a_bundle_is_made_also_where_the_database_is_no_database(lumi, config, tmp_path):
    config.database.sqlite_path.write_bytes(b"no database at all" * 500)
    target = tmp_path / "bundle.tar.gz"
    assert lumi("--bundle", str(target), "--log", str(tmp_path / "no.log"))[0] == 1
    parts = unpacked(target)
    assert "not a database" in json.loads(parts["queue.json"])["unavailable"]
    assert "not a database" in json.loads(parts["schema.json"])["unavailable"]
    assert "lumi-box backup restore" in parts["doctor.json"]
    assert 'mode = "development"' in parts["config.toml"]
    assert parts["log.txt"].startswith("# none: ") and "No such file" in parts["log.txt"]


def test_a_bundle_is_made_also_where_the_config_cannot_be_used(lumi, config, tmp_path):
    config.path.write_text(config.path.read_text(encoding="utf-8") + f"\n[server]\nport = '{SECRETS['hook']}'\n")
    target = tmp_path / "bundle.tar.gz"
    status, out, err = lumi("--bundle", str(target))
    assert (status, out) == (2, "")
    assert "server.port" in err
    parts = unpacked(target)
    assert parts["config-errors.txt"].startswith("server.port: is text")
    assert SECRETS["hook"] not in "".join(parts.values())


def test_a_log_without_a_bundle_is_refused(lumi):
    status, _, err = lumi("--log", "some.log")
    assert status == 1 and "--bundle" in err


def test_the_newest_log_of_a_folder_is_taken(tmp_path):
    for number, name in enumerate(("old.log", "new.log", "newer.txt")):
        (tmp_path / name).write_text(f"of {name}\n")
        os.utime(tmp_path / name, (number, number))
    assert log_lines.last_lines(tmp_path) == (str(tmp_path / "new.log"), ["of new.log"])
    (tmp_path / "empty").mkdir()
    assert log_lines.last_lines(tmp_path / "empty")[0].startswith("none: no file that ends in .log")


def test_the_journal_is_asked_where_no_log_is_named(tmp_path, monkeypatch):
    program = tmp_path / "journalctl"
    program.write_text('#!/bin/sh\necho "asked $*"\n')
    program.chmod(0o700)
    monkeypatch.setattr(log_lines, "FOLDER", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    source, lines = log_lines.last_lines()
    assert source == "journalctl --unit lumi-box"
    assert lines == ["asked --unit lumi-box --lines 2000 --no-pager --output cat --quiet"]
    program.write_text("#!/bin/sh\nexit 1\n")
    assert "the journal holds nothing of the unit lumi-box" in log_lines.last_lines()[0]
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert "there is no journal here" in log_lines.last_lines()[0]
    assert "--log FILE" in log_lines.last_lines()[0]


def test_a_folder_of_logs_at_its_usual_place_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(log_lines, "FOLDER", tmp_path)
    (tmp_path / "box.log").write_text("x" * 9000 + "\n")
    assert log_lines.last_lines() == (str(tmp_path / "box.log"), ["x" * log_lines.LONGEST_LINE])

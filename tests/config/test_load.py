"""A sound config file: what it becomes, where its secrets may stand, and what is shown of it."""

import os
import re
import tomllib
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from config.samples import DEVELOPMENT, PRODUCTION, SECRET, SECRETS, changed, errors_of
from hypothesis import given, settings
from hypothesis import strategies as st

from lumi_box.config import bound, find, load, loose_modes, masked, secret_values, to_toml
from lumi_box.config.cron import cron_fault
from lumi_box.config.tree import declared


def test_every_default_of_the_table_is_filled_in(write):
    config = load(write(DEVELOPMENT))
    assert (config.server.port, config.server.threads, config.queue.image_concurrency) == (5000, 64, 2)
    assert config.providers.prompt == "none"
    assert config.providers.aliyun.size == "1328*1328"
    assert config.printer.bed_mm == (220, 220, 250)
    assert config.server.cors_origins == ()
    assert (config.accounts.mode, config.gallery.default_visibility) == ("local", "PRIVATE")
    assert config.sentry.dsn is None


def test_the_configuration_cannot_be_changed(write):
    config = load(write(DEVELOPMENT))
    with pytest.raises(FrozenInstanceError):
        config.server.port = 1


def test_relative_paths_begin_at_the_folder_of_the_file(write, tmp_path, monkeypatch):
    path = write(f'{DEVELOPMENT}\n[slicer]\nkind = "command"\ncommand = "bin/slice"\nprofile = "pla.ini"')
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = load(Path("../config.toml"))
    assert config.path.samefile(path)
    assert config.folder.resolve() == tmp_path.resolve()
    assert config.database.sqlite_path.resolve() == tmp_path.resolve() / "data/lumi.db"
    assert config.storage.disk.path.resolve() == tmp_path.resolve() / "data/objects"
    assert Path(config.slicer.command).resolve() == tmp_path.resolve() / "bin/slice"
    assert Path(config.slicer.profile).resolve() == tmp_path.resolve() / "pla.ini"


def test_absolute_paths_and_program_names_stay_as_they_are(write):
    text = changed(changed(DEVELOPMENT, '"data/objects"', '"/srv/objects"'), ":///data", ":////srv")
    config = load(write(f'{text}\n[slicer]\nkind = "command"\ncommand = "prusa-slicer"'))
    assert config.storage.disk.path == Path("/srv/objects")
    assert config.database.sqlite_path == Path("/srv/lumi.db")
    assert config.slicer.command == "prusa-slicer"


def test_a_mysql_url_is_taken_apart_and_decoded(write):
    database = load(write(PRODUCTION)).database
    assert database.sqlite_path is None
    assert (database.host, database.port, database.name) == ("db.example.com", 3307, "lumi_box")
    assert (database.user, database.password) == ("lumi", "p@ss/word")


def test_urls_lose_the_slash_at_their_end(write):
    config = load(write(PRODUCTION))
    assert config.public_url == "https://lumi.example.com"
    assert config.storage.s3.endpoint == "https://s3.example.com"


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("", "http://127.0.0.1:5000"),
        ('host = "::1"\nport = 81', "http://[::1]:81"),
        ('host = "0.0.0.0"', "http://127.0.0.1:5000"),
    ],
)
def test_the_public_url_of_development_follows_from_the_address(write, server, expected):
    config = load(write(f"{DEVELOPMENT}\n[server]\n{server}"))
    assert config.development
    assert config.public_url == expected


def test_another_address_takes_the_public_url_along_only_where_it_followed(write):
    moved = bound(load(write(DEVELOPMENT)), "127.0.0.1", 6001)
    assert (moved.server.port, moved.public_url) == (6001, "http://127.0.0.1:6001")
    told = bound(load(write(PRODUCTION)), "0.0.0.0", 6001)
    assert (told.server.host, told.public_url) == ("0.0.0.0", "https://lumi.example.com")


def test_development_allows_what_production_refuses(write):
    text = f'{DEVELOPMENT}\n[server]\ncors_origins = ["*"]\n[providers.aliyun]\nendpoint = "http://127.0.0.1:9/api"'
    config = load(write(text))
    assert config.server.cors_origins == ("*",)
    assert config.providers.aliyun.endpoint == "http://127.0.0.1:9/api"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_may_stand_in_a_file_of_its_own(write, tmp_path, ending):
    (tmp_path / "cookie").write_bytes((SECRET + ending).encode())
    path = write(changed(DEVELOPMENT, f'cookie_secret = "{SECRET}"', 'cookie_secret_file = "cookie"'))
    assert load(path).security.cookie_secret == SECRET


def test_every_secret_of_the_table_may_stand_in_a_file(write, tmp_path):
    text, values = PRODUCTION, tomllib.loads(PRODUCTION)
    for place in (key.path for key in declared().values() if key.secret):
        table = values
        for part in place[:-1]:
            table = table.get(part, {})
        if place[-1] in table:
            (tmp_path / "-".join(place)).write_text(table[place[-1]] + "\n")
            text = changed(text, f'{place[-1]} = "{table[place[-1]]}"', f'{place[-1]}_file = "{"-".join(place)}"')
    assert text.count("_file = ") == 11
    assert masked(load(write(text))) == masked(load(write(PRODUCTION)))


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_a_list_of_secrets_stands_in_a_file_one_a_line_and_is_masked(write, tmp_path):
    (tmp_path / "alerts").write_text("json://hook:s3cr3t@a.example.com/x\n\n  mailto://me:pa55@b.example.com \n")
    config = load(write(f'{DEVELOPMENT}\n[alerts]\nurls_file = "alerts"'))
    assert config.alerts.urls == ("json://hook:s3cr3t@a.example.com/x", "mailto://me:pa55@b.example.com")
    assert masked(config)["alerts"]["urls"] == ["********", "********"]
    assert "s3cr3t" not in repr(config)
    assert {"s3cr3t", "pa55", config.alerts.urls[0]} <= set(secret_values(config))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_that_may_never_end_is_not_read(write, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert errors_of(tmp_path / "pipe") == [f"{tmp_path}/pipe: cannot be read (It is not a regular file)"]
    path = write(changed(DEVELOPMENT, f'cookie_secret = "{SECRET}"', 'cookie_secret_file = "pipe"'))
    assert "cannot be read (It is not a regular file)" in errors_of(path)[0]


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ('"missing"', "cannot be read (No such file or directory)"),
        ('"."', "cannot be read (Is a directory)"),
        ('"empty"', "names an empty file"),
        ('"binary"', "names a file that is not UTF-8 text"),
        ('""', "is empty"),
        ("5", "is a whole number"),
        ('"a\\u0000b"', "embedded null byte"),
        (f'"missing"\ncookie_secret = "{SECRET}"', "is given together with cookie_secret; keep one of the two"),
    ],
)
def test_a_secret_file_that_cannot_serve_is_one_mistake_of_its_own_key(write, tmp_path, given, rule):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    path = write(changed(DEVELOPMENT, f'cookie_secret = "{SECRET}"', f"cookie_secret_file = {given}"))
    (line,) = errors_of(path)
    assert line.startswith("security.cookie_secret_file: ")
    assert rule in line


def test_a_key_that_only_some_choice_requires_is_not_asked_for_when_its_file_fails(write):
    (line,) = errors_of(write(changed(PRODUCTION, 'api_key = "sf-very-secret"', 'api_key_file = "nowhere"')))
    assert line.startswith("providers.siliconflow.api_key_file: cannot be read")


def test_what_is_shown_is_a_whole_config_without_any_secret(write):
    config = load(write(PRODUCTION))
    shown = to_toml(masked(config))
    assert not any(secret in shown or secret in repr(config) for secret in SECRETS)
    values = tomllib.loads(shown)
    assert values["database"]["url"] == "mysql://lumi:********@db.example.com:3307/lumi_box"
    assert values["accounts"]["smtp_url"] == "smtp://lumi:********@mail.example.com:587"
    assert values["storage"]["s3"]["access_key_id"] == values["sentry"]["dsn"] == "********"
    assert values["server"]["threads"] == 64
    assert "aliyun" not in values["providers"] or "api_key" not in values["providers"]["aliyun"]


def test_the_shown_sqlite_url_is_absolute(write, tmp_path):
    shown = masked(load(write(DEVELOPMENT)))
    assert shown["database"]["url"] == f"sqlite:///{tmp_path}/data/lumi.db"
    assert shown["storage"]["disk"]["path"] == f"{tmp_path}/data/objects"


def test_the_file_is_found_where_it_was_named_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {"LUMI_BOX_CONFIG": "/srv/env.toml"}
    assert find("given.toml", environ) == Path("given.toml")
    assert find(None, environ) == Path("/srv/env.toml")
    assert find(None, {"LUMI_BOX_CONFIG": ""}) in (Path("config.toml"), Path("/etc/lumi-box/config.toml"))
    (tmp_path / "config.toml").touch()
    assert find(None, {}) == Path("config.toml")


@pytest.mark.parametrize(("mode", "loose"), [(0o600, False), (0o640, True), (0o604, True), (0o400, False)])
@pytest.mark.parametrize("named", ["config.toml", "cookie"])
def test_a_file_that_others_may_read_is_warned_about(write, tmp_path, mode, loose, named):
    (tmp_path / "cookie").write_text(SECRET)
    path = write(changed(DEVELOPMENT, f'cookie_secret = "{SECRET}"', 'cookie_secret_file = "cookie"'))
    for each in ("config.toml", "cookie"):
        (tmp_path / each).chmod(mode if each == named else 0o600)
    found = loose_modes(path)
    assert [each for each, _ in found] == ([tmp_path / named] if loose and os.name != "nt" else [])
    assert all(re.search(rf"mode {mode:04o} .* run: chmod 600 {tmp_path}/{named}$", text) for _, text in found)


@pytest.mark.parametrize(
    "content",
    ["[", "security = 1", "[security]\ncookie_secret_file = 7", '[security]\ncookie_secret_file = "a\\u0000b"'],
)
def test_the_modes_of_a_broken_config_are_no_traceback(write, content):
    path = write(content)
    path.chmod(0o644)
    assert [each for each, _ in loose_modes(path)] == [path]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"(\*|[0-9]{1,2}|[a-z]{3})([-/,]([0-9]{1,2}|[a-z]{3})){0,2}", fullmatch=True), st.integers(0, 4))
def test_a_cron_expression_that_passes_is_one_that_the_scheduler_reads(part, place):
    cron = pytest.importorskip("apscheduler.triggers.cron")
    expression = " ".join(part if here == place else "*" for here in range(5))
    if cron_fault(expression) is None:
        cron.CronTrigger.from_crontab(expression, timezone="UTC")


@pytest.mark.parametrize(
    "expression", ["* * * * *", "*/5 * * * *", "0 3 * * mon-fri", "15,45 0-6/2 1 jan,jul *", "59 23 31 12 6"]
)
def test_usual_cron_expressions_pass(expression):
    assert cron_fault(expression) is None


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "https://app.example.com", "https://[::1]:8443", "capacitor://localhost", "http://a:443"],
)
def test_origins_as_browsers_and_apps_send_them_pass(write, origin):
    config = load(write(f'{DEVELOPMENT}\n[server]\ncors_origins = ["{origin}"]'))
    assert config.server.cors_origins == (origin,)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "localhost", "lumi.lan", "web_1"])
def test_addresses_to_listen_on_pass(write, host):
    assert load(write(f'{DEVELOPMENT}\n[server]\nhost = "{host}"')).server.host == host


def test_hosts_that_results_may_come_from_are_compared_without_case(write):
    text = changed(
        DEVELOPMENT, 'image = "builtin"', 'allowed_hosts = ["NAS.lan", "10.0.0.8:9000", "[::1]:80"]\nimage = "builtin"'
    )
    assert load(write(text)).providers.allowed_hosts == ("nas.lan", "10.0.0.8:9000", "[::1]:80")

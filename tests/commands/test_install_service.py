"""`lumi-box install-service` below a folder: what it writes, and that it leaves alone what is somebody's."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lumi_box import cli, config
from lumi_box.commands import install_service
from lumi_box.config.tree import declared
from lumi_box.shipped import shipped

PROGRAM = "/usr/local/bin/lumi-box"


@pytest.fixture
def install(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def run(*words: str, status: int = 0) -> str:
        line = ["install-service", "--root", str(tmp_path), "--program", PROGRAM, *words]
        assert cli.run(line) == status
        said = capsys.readouterr()
        return said.out + said.err

    return run


def everything(folder: Path) -> dict[str, tuple[int, int, str]]:
    return {
        str(path.relative_to(folder)): (
            stat.S_IMODE(path.stat().st_mode),
            path.stat().st_mtime_ns,
            path.read_text(encoding="utf-8") if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }


def modes(folder: Path) -> dict[str, int]:
    return {name: mode for name, (mode, _, text) in everything(folder).items() if text}


def test_a_dry_run_says_it_all_and_does_nothing(install, tmp_path):
    said = install("--dry-run")
    assert list(tmp_path.iterdir()) == []
    assert [line.split()[2:4] for line in said.splitlines() if line.startswith("would have")] == [
        ["made", "/etc/lumi-box,"],
        ["made", "/var/lib/lumi-box,"],
        ["written", "/etc/lumi-box/cookie_secret,"],
        ["written", "/etc/lumi-box/config.toml,"],
        ["written", "/etc/systemd/system/lumi-box.service,"],
    ]


def test_secrets_are_for_their_owner_only_and_a_second_run_changes_nothing(install, tmp_path):
    install()
    assert modes(tmp_path) == {
        "etc/lumi-box/config.toml": 0o600,
        "etc/lumi-box/cookie_secret": 0o600,
        "etc/systemd/system/lumi-box.service": 0o644,
    }
    assert stat.S_IMODE((tmp_path / "etc/lumi-box").stat().st_mode) == 0o700
    before = everything(tmp_path)
    said = install()
    assert everything(tmp_path) == before
    assert {line.split()[0] for line in said.splitlines()} == {"kept"}


def test_the_demo_works_as_it_is_and_keeps_to_the_folder_of_the_service(install, tmp_path):
    install("--demo")
    loaded = config.load(tmp_path / "etc/lumi-box/config.toml")
    assert loaded.database.sqlite_path == Path("/var/lib/lumi-box/lumi.db")
    assert loaded.storage.disk.path == Path("/var/lib/lumi-box/objects")
    written = (tmp_path / "etc/lumi-box/cookie_secret").read_text(encoding="utf-8")
    assert loaded.security.cookie_secret == written.strip()
    assert len(written) > 60
    assert written.strip() not in (tmp_path / "etc/lumi-box/config.toml").read_text(encoding="utf-8")


def test_the_config_for_production_lacks_only_the_keys_of_the_vendors(install, tmp_path):
    install()
    with pytest.raises(config.ConfigError) as caught:
        config.load(tmp_path / "etc/lumi-box/config.toml")
    named = {line.partition(":")[0] for line in caught.value.errors}
    assert named == {"providers.aliyun.api_key", "providers.tencent.secret_id", "providers.tencent.secret_key"}


def test_a_config_that_is_there_is_never_touched(install, tmp_path):
    mine = tmp_path / "etc/lumi-box/config.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text("# mine\n", encoding="utf-8")
    assert "kept     /etc/lumi-box/config.toml: it is yours" in install()
    assert mine.read_text(encoding="utf-8") == "# mine\n"
    assert not (tmp_path / "etc/lumi-box/cookie_secret").exists()


def test_a_config_that_leads_out_of_the_folder_of_the_service_is_warned_of(install, tmp_path):
    install("--demo")
    mine = tmp_path / "etc/lumi-box/config.toml"
    mine.write_text(mine.read_text(encoding="utf-8").replace("/var/lib/lumi-box/objects", "objects"), encoding="utf-8")
    said = install()
    assert f"warning: storage.disk.path: {mine.parent}/objects is not under /var/lib/lumi-box" in said
    assert "database.url" not in said


def test_a_unit_of_an_older_version_is_renewed(install, tmp_path, monkeypatch):
    install()
    unit = tmp_path / "etc/systemd/system/lumi-box.service"
    newer = tmp_path / "newer"
    newer.write_text(shipped("systemd/lumi-box.service").read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    monkeypatch.setattr(install_service, "shipped", lambda _: newer)
    assert "renewed  /etc/systemd/system/lumi-box.service" in install()
    assert unit.read_text(encoding="utf-8").endswith("# more\n")


@pytest.mark.parametrize("stamped", [True, False], ids=["a line changed", "somebody's own"])
def test_a_unit_that_somebody_changed_is_kept_and_the_difference_shown(install, tmp_path, stamped):
    install()
    unit = tmp_path / "etc/systemd/system/lumi-box.service"
    text = unit.read_text(encoding="utf-8").replace("MemoryMax=2G", "MemoryMax=8G")
    unit.write_text(text if stamped else text.partition("\n")[2], encoding="utf-8")
    before = everything(tmp_path)
    said = install()
    assert everything(tmp_path) == before
    assert "it was changed by hand" in said
    assert "-MemoryMax=8G\n+MemoryMax=2G" in said


def test_every_secret_of_the_config_can_be_handed_over_as_a_credential():
    lines = shipped("systemd/lumi-box.service").read_text(encoding="utf-8").splitlines()
    loaded = [line.partition("=")[2].partition(":") for line in lines if line.startswith("LoadCredential=")]
    assert all(path == f"/etc/lumi-box/{name}" for name, _, path in loaded)
    names = [name for name, _, _ in loaded][1:]
    assert [f"SetCredential={name}:\\n" for name in names] == [line for line in lines if line.startswith("SetCred")]
    wanted = [key.path for key in declared().values() if key.secret]
    endings = {path: [name for name in names if name.endswith(path[-1])] for path in wanted}
    assert all(endings.values()), endings
    assert len(names) == len(wanted)


def test_the_time_to_stop_agrees_with_the_config_and_the_tree_is_stopped_by_its_parent():
    lines = shipped("systemd/lumi-box.service").read_text(encoding="utf-8").splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    default = declared()[("queue", "shutdown_seconds")].default
    assert int(values["TimeoutStopSec"]) > default + 5
    assert int(values["TimeoutAbortSec"]) > default + 5
    assert (values["Type"], values["KillMode"], values["WatchdogSignal"]) == ("notify", "mixed", "SIGTERM")


def test_what_would_not_work_is_one_line(install, tmp_path, capsys, monkeypatch):
    assert "leave --config out" in install("--config", str(tmp_path / "mine.toml"), status=1)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert cli.run(["install-service", "--program", PROGRAM]) == 1
    assert "as root" in capsys.readouterr().err
    (tmp_path / "etc").write_text("no folder", encoding="utf-8")
    assert f"{tmp_path}/etc: File exists" in install(status=1)


@pytest.mark.parametrize(
    ("running", "frozen", "line"),
    [
        ("/opt/lumi-box/bin/lumi-box", False, "/opt/lumi-box/bin/lumi-box"),
        ("/opt/lumi-box/lib/lumi_box/__main__.py", False, "/opt/lumi-box/bin/python -m lumi_box"),
        ("lumi-box", True, "/usr/local/bin/lumi-box"),
    ],
    ids=["command", "module", "binary"],
)
def test_the_unit_starts_the_program_that_wrote_it(monkeypatch, running, frozen, line):
    monkeypatch.setattr("sys.argv", [running])
    monkeypatch.setattr("sys.executable", "/opt/lumi-box/bin/python")
    monkeypatch.setattr("sys.prefix", "/opt/lumi-box")
    monkeypatch.setattr("sys.base_prefix", "/usr")
    monkeypatch.setattr("sys.frozen", frozen, raising=False)
    monkeypatch.setenv("LUMI_BOX_EXECUTABLE", "/usr/local/bin/lumi-box")
    text = install_service.unit_text(install_service.this_program())
    assert f"\nExecStart={line} serve --config ${{CREDENTIALS_DIRECTORY}}/config.toml\n" in text


def test_a_program_that_the_service_could_not_see_is_refused(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/home/me/lumi/bin/lumi-box"])
    with pytest.raises(install_service.CannotInstall, match="/home/me/lumi/bin/lumi-box"):
        install_service.this_program()


def test_words_of_the_command_line_are_quoted_as_systemd_wants():
    text = install_service.unit_text(["/opt/my lumi/100%$/lumi-box"])
    assert '\nExecStart="/opt/my lumi/100%%$$/lumi-box" serve' in text

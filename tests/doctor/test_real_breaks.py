"""The real thing is broken, and the doctor names it with its cure: files, disks, servers, keys, clocks, processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from email.utils import formatdate

import pytest
from doctor.cloudy import configure, nowhere, telling
from doctor.conftest import beat, broken
from doctor.test_checks import execute
from emulators.emulator import ALIYUN_KEY, SILICONFLOW_KEY, TENCENT_ID, TENCENT_KEY, Emulator
from emulators.user_service import UserServiceEmulator
from faults.private_mariadb import PrivateMariaDb, program
from process.server import Server, command, eventually

from lumi_box import doctor, runtime
from lumi_box.box import Box
from lumi_box.config import Config
from lumi_box.doctor import work
from lumi_box.doctor.hints import SERVE
from lumi_box.storage import marker
from lumi_box.tables import base
from lumi_box.tables.heartbeat import Heartbeat

Break = Callable[[Box, Config], None]


def _no_toml(_: Box, config: Config) -> None:
    config.path.write_text("[providers", encoding="utf-8")


def _folder_for_a_database(_: Box, config: Config) -> None:
    base.database.close()
    assert config.database.sqlite_path is not None
    config.database.sqlite_path.unlink()
    config.database.sqlite_path.mkdir()


def _older_schema(_: Box, config: Config) -> None:
    execute(config, "DELETE FROM schema_migration WHERE name LIKE '0004%'")


def _nobody_takes_messages(box: Box, _: Config) -> None:
    box.enqueue("some-job", 0)


def _gone(role: str) -> Break:
    return lambda *_: Heartbeat.delete().where(Heartbeat.role == role).execute()


def _no_marker(box: Box, _: Config) -> None:
    marker.write(box.storage)
    box.storage.delete_many([marker.KEY])


def _unreachable(section: str, **choice: str) -> Break:
    def away(box: Box, _: Config) -> None:
        keys = {"secret_id": "id", "secret_key": "key"} if "tencent" in section else {"api_key": "key"}
        configure(box, "providers", **choice)
        configure(box, section, endpoint=nowhere(), **keys)

    return away


def _no_user_service(box: Box, _: Config) -> None:
    configure(box, "accounts", mode="user_service", user_service_url=nowhere())


def _clock_of_long_ago(box: Box, _: Config) -> None:
    Heartbeat.update(seen_at=int((time.time() + 3600) * 1000)).execute()


BREAKS: dict[str, tuple[Break, str]] = {
    "config": (_no_toml, "lumi-box config check --config"),
    "database": (_folder_for_a_database, "database.url"),
    "migrations": (_older_schema, "lumi-box migrate"),
    "queue": (_nobody_takes_messages, "systemctl restart lumi-box"),
    "consumer": (_gone("worker"), "lumi-box serve"),
    "scheduler": (_gone("scheduler"), "lumi-box serve"),
    "storage": (_no_marker, "lumi-box storage mark"),
    "image-provider": (_unreachable("providers.aliyun", image="aliyun"), "providers.aliyun.endpoint"),
    "model3d-provider": (_unreachable("providers.tencent", model3d="tencent"), "providers.tencent.endpoint"),
    "prompt-provider": (_unreachable("providers.qwen", prompt="qwen"), "providers.qwen.endpoint"),
    "user-service": (_no_user_service, "accounts.user_service_url"),
    "clock": (_clock_of_long_ago, "timedatectl set-ntp true"),
}
ON_A_DISK_OF_ITS_OWN = {"disk"}  # a mount, and so a process: below


@pytest.mark.parametrize("name", BREAKS)
def test_trap_7_no_check_passes_while_its_service_is_broken(examine, box, config, name, monkeypatch):
    """The old check swallowed the error of the service it checked, and so was always healthy."""
    monkeypatch.setattr(work, "PATIENCE_SECONDS", 0.4)
    assert examine()[name].healthy
    damage, cure = BREAKS[name]
    damage(box, config)
    findings = examine()
    assert name in broken(findings)
    assert cure in findings[name].hint, findings[name]


def test_every_check_is_broken_here_in_turn():
    assert set(BREAKS) | ON_A_DISK_OF_ITS_OWN == set(doctor.CHECKS)


# A disk of its own, in a mount that no other process sees and that ends with it


def in_a_mount(folder: os.PathLike[str], options: str, then: str) -> subprocess.CompletedProcess[str]:
    """Run shell words after a small disk was mounted on the folder; who may not mount becomes root in a namespace."""
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    words = f'mount -t tmpfs -o {options} tmpfs "$0" && {then}'
    line = ["unshare", *as_root, "--mount", "--propagation", "private", "sh", "-ec", words, os.fspath(folder)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def mounts(tmp_path_factory) -> None:
    tried = in_a_mount(tmp_path_factory.mktemp("mount"), "size=1m", "true")
    if tried.returncode != 0 and os.environ.get("CI") == "true":
        pytest.fail(f"nothing can be mounted: {tried.stderr}")
    elif tried.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.strip()}")


def services(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    assert done.returncode == 1, done
    assert done.stderr == ""
    return {each["service"]: each for each in json.loads(done.stdout)["services"]}


DOCTOR = f"{sys.executable} -m lumi_box doctor --json"


@pytest.mark.process
def test_a_disk_that_is_full(mounts, config):
    """The files' disk takes no byte more: the store says so itself, and the room on it is named."""
    place = config.storage.disk.path
    place.mkdir(parents=True)
    fill = 'mkdir "$0/probe" && head -c 2M /dev/zero > "$0/full" || true'
    found = services(in_a_mount(place, "size=1m", f"({fill}) 2>/dev/null; {DOCTOR} --config {config.path}"))
    assert found["storage"]["status"] == found["disk"]["status"] == "unhealthy"
    assert "No space left on device" in found["storage"]["message"]
    assert "grow the disk" in found["storage"]["message"]
    assert f"0 MiB of 1 MiB are free at {place}" in found["disk"]["message"]
    assert f"du -xh --max-depth=2 {place}" in found["disk"]["message"]
    assert found["database"]["status"] == "healthy"


@pytest.mark.process
def test_a_disk_under_the_database_that_is_full(mounts, config, tmp_path):
    folder = config.database.sqlite_path.parent
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    fill = f'cp {kept}/* "$0" && head -c 8M /dev/zero > "$0/full" || true'
    found = services(in_a_mount(folder, "size=4m", f"({fill}) 2>/dev/null; {DOCTOR} --config {config.path}"))
    assert found["database"]["status"] == "unhealthy"
    assert "disk is full" in found["database"]["message"] or "disk I/O error" in found["database"]["message"]
    assert f"df -h {folder}" in found["database"]["message"]


@pytest.mark.process
def test_a_disk_on_which_no_more_files_fit(mounts, config):
    place = config.storage.disk.path
    place.mkdir(parents=True)
    done = in_a_mount(place, "size=1100m,nr_inodes=200", f"{DOCTOR} --config {config.path}")
    disk = services(done)["disk"]
    assert disk["status"] == "unhealthy"
    assert f"more files fit at {place}" in disk["message"] and f"df -i {place}" in disk["message"]


@pytest.mark.process
def test_a_disk_that_fills_up_below_the_mark(mounts, config):
    """Enough for the probe of the store, and not for what is to come."""
    place = config.storage.disk.path
    place.mkdir(parents=True)
    look = f"{DOCTOR} --config {config.path}"
    before = services(in_a_mount(place, "size=1040m", look))
    assert before["disk"]["status"] == "healthy"
    after = services(in_a_mount(place, "size=1040m", f'head -c 20M /dev/zero > "$0/some"; {look}'))
    assert (after["disk"]["status"], after["storage"]["status"]) == ("unhealthy", "healthy")
    assert "1020 MiB of 1.0 GiB" in after["disk"]["message"]


@pytest.mark.process
def test_a_read_only_store(mounts, config):
    place = config.storage.disk.path
    place.mkdir(parents=True)
    found = services(in_a_mount(place, "size=1100m,ro", f"{DOCTOR} --config {config.path}"))
    assert found["storage"]["status"] == "unhealthy"
    assert "Read-only file system" in found["storage"]["message"]
    assert "storage.disk.path" in found["storage"]["message"]


@pytest.mark.process
def test_a_database_file_that_may_not_be_written(mounts, config, tmp_path):
    """By the mount, since root may write whatever the mode says."""
    folder, kept = config.database.sqlite_path.parent, tmp_path / "kept"
    shutil.copytree(folder, kept)
    freeze = f'cp {kept}/* "$0" && mount -o remount,ro "$0"'
    found = services(in_a_mount(folder, "size=16m", f"{freeze}; {DOCTOR} --config {config.path}"))
    assert found["database"]["status"] == "unhealthy"
    assert "readonly" in found["database"]["message"] or "unable to open" in found["database"]["message"]
    assert str(folder) in found["database"]["message"] or "database.url" in found["database"]["message"]


# MariaDB


@pytest.fixture(scope="module")
def private(tmp_path_factory) -> Iterator[PrivateMariaDb]:
    if program() is None:
        pytest.fail("no mariadbd") if os.environ.get("CI") == "true" else pytest.skip("no mariadbd here")
    with PrivateMariaDb(tmp_path_factory.mktemp("maria")) as server:
        yield server


@pytest.fixture
def on_private(private, config) -> Iterator[Box]:
    """The box of a config whose rows are on a server that a test may stop."""
    from lumi_box import config as configuration

    text = config.path.read_text(encoding="utf-8").replace("sqlite:///data/lumi.db", private.url)
    config.path.write_text(text, encoding="utf-8")
    loaded = configuration.load(config.path)
    runtime.migrate_database(loaded)
    yield runtime.build(loaded)[0]
    for table in ("heartbeat", "queue_task", "queue_schedule"):
        private.query(f"DELETE FROM {table}")
    base.close_all()


def look(box: Box) -> dict[str, doctor.Finding]:
    return {finding.id: finding for finding in doctor.examine(box)}


@pytest.mark.process
def test_mariadb_that_is_stopped(private, on_private):
    findings = look(on_private)
    assert broken(findings) == {"consumer", "scheduler"}
    assert "MariaDB" in findings["database"].text and "password" not in findings["database"].text
    assert "s from the database server's" in findings["clock"].text
    private.kill()
    try:
        findings = look(on_private)
    finally:
        base.close_all()
        private.start()
    assert broken(findings) == {"database", "migrations", "queue", "consumer", "scheduler"}
    assert "systemctl start mariadb" in findings["database"].hint
    assert "database check" in findings["queue"].hint
    assert look(on_private)["database"].healthy


@pytest.mark.process
def test_mariadb_with_messages_that_nobody_takes(on_private, monkeypatch):
    monkeypatch.setattr(work, "PATIENCE_SECONDS", 0.4)
    beat()
    on_private.enqueue("some-job", 600)
    assert broken(look(on_private)) == set()
    assert "1 for later, the first in " in look(on_private)["queue"].text
    on_private.enqueue("some-job", 0)
    findings = look(on_private)
    assert broken(findings) == {"queue"}
    assert "1 messages wait now" in findings["queue"].text


@pytest.mark.process
def test_mariadb_that_does_not_accept_the_password(private, on_private):
    private.query("CREATE OR REPLACE USER lumi@'127.0.0.1' IDENTIFIED BY 'right'")
    wrong = private.url.replace("root@", "lumi:wrong-password@")
    text = on_private.config.path.read_text(encoding="utf-8").replace(private.url, wrong)
    on_private.config.path.write_text(text, encoding="utf-8")
    done = command("doctor", "--json", "--config", str(on_private.config.path), cwd=on_private.config.path.parent)
    found = services(done)
    assert found["database"]["status"] == "unhealthy"
    assert "the password in database.url" in found["database"]["message"]
    assert "wrong-password" not in done.stdout


@pytest.mark.process
def test_mariadb_whose_table_another_program_has_locked(private, on_private):
    with private._connection("lumi") as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLES heartbeat WRITE")
        begun = time.monotonic()
        findings = look(on_private)
        took = time.monotonic() - begun
    assert "database" in broken(findings)
    assert "did not answer within 5 seconds" in findings["database"].text
    assert took < 10


@pytest.mark.process
def test_mariadb_whose_clock_is_another(private, on_private, monkeypatch):
    """What a server says when its clock is five minutes behind."""
    private.query("CREATE OR REPLACE USER lumi@'127.0.0.1'")
    private.query("GRANT ALL PRIVILEGES ON lumi.* TO lumi@'127.0.0.1'")
    private.query("SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() - 300'")
    try:
        base.close_all()
        monkeypatch.setitem(base.database.obj.connect_params, "user", "lumi")
        findings = look(on_private)
    finally:
        private.query("SET GLOBAL init_connect = ''")
        base.close_all()
    assert "clock" in broken(findings)
    assert re.search(r"(29[5-9]|30\d) seconds ahead of the database server's", findings["clock"].text)
    assert "timedatectl set-ntp true" in findings["clock"].hint


# Vendors


@pytest.fixture(scope="module")
def vendors() -> Iterator[Emulator]:
    with Emulator(limited=False) as running:
        yield running


KEYS = {
    "aliyun": {"api_key": ALIYUN_KEY},
    "siliconflow": {"api_key": SILICONFLOW_KEY},
    "qwen": {"api_key": ALIYUN_KEY},
    "tencent": {"secret_id": TENCENT_ID, "secret_key": TENCENT_KEY},
}


@pytest.mark.service
@pytest.mark.parametrize(
    ("name", "kind", "vendor"),
    [
        ("image-provider", "image", "aliyun"),
        ("image-provider", "image", "siliconflow"),
        ("model3d-provider", "model3d", "tencent"),
        ("prompt-provider", "prompt", "qwen"),
        ("prompt-provider", "prompt", "siliconflow"),
    ],
)
def test_a_vendor_accepts_the_key_or_refuses_it_and_nothing_is_bought(examine, box, vendors, name, kind, vendor):
    vendors.clear()
    more = {"llm_model": "Qwen/Qwen3-8B"} if vendor == "siliconflow" else {}
    configure(box, "providers", **{kind: vendor})
    configure(box, f"providers.{vendor}", endpoint=getattr(vendors, f"{vendor}_endpoint"), **KEYS[vendor], **more)
    assert examine()[name].healthy, examine()[name]
    for key in KEYS[vendor]:
        configure(box, f"providers.{vendor}", **KEYS[vendor] | {key: "wrong-key-wrong-key"})
        finding = examine()[name]
        assert not finding.healthy
        assert f"providers.{vendor}.{key}" in finding.hint
        assert "wrong-key" not in finding.text
    assert not vendors.record().accepted() and not vendors.record().paid()


@pytest.mark.service
def test_a_user_service_that_is_away(examine, box):
    with UserServiceEmulator() as service:
        configure(box, "accounts", mode="user_service", user_service_url=service.url)
        assert examine()["user-service"].healthy
        assert service.url in examine()["user-service"].text
        service.stop()
        findings = examine()
    assert "user-service" in broken(findings)
    assert "accounts.user_service_url" in findings["user-service"].hint


# Clocks


@pytest.mark.parametrize(("skew", "side"), [(-600, "ahead of"), (600, "behind")])
def test_a_clock_that_differs_from_a_vendors(examine, box, skew, side):
    with telling(formatdate(time.time() + skew, usegmt=True)) as url:
        configure(box, "providers.tencent", endpoint=url, secret_id="id", secret_key="key")
        configure(box, "providers", model3d="tencent")
        finding = examine()["clock"]
    assert not finding.healthy
    assert re.fullmatch(rf"The clock here is (59|60)\d seconds {side} that of {re.escape(url)}\.", finding.text)
    assert "timedatectl set-ntp true" in finding.hint


def test_a_clock_that_agrees_with_a_vendors(examine, box):
    with telling(formatdate(usegmt=True)) as url:
        configure(box, "providers.tencent", endpoint=url, secret_id="id", secret_key="key")
        configure(box, "providers", model3d="tencent")
        finding = examine()["clock"]
    assert finding.healthy
    assert f"0 s from that of {url}" in finding.text or f"1 s from that of {url}" in finding.text


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_a_vendor_that_does_not_tell_the_time_says_nothing_of_ours(examine, box, date):
    with telling(date) as url:
        configure(box, "providers.tencent", endpoint=url, secret_id="id", secret_key="key")
        configure(box, "providers", model3d="tencent")
        assert examine()["clock"].healthy


# Processes


def of_server(server: Server, name: str) -> tuple[str, str]:
    done = command("doctor", "--json", cwd=server.folder)
    found = (
        services(done) if done.returncode else {each["service"]: each for each in json.loads(done.stdout)["services"]}
    )
    return found[name]["status"], found[name]["message"]


@pytest.mark.process
def test_a_consumer_that_was_killed_is_missed(tmp_path):
    with Server(tmp_path) as server:
        server.start("worker")
        eventually(lambda: of_server(server, "consumer")[0] == "healthy", 20, "a consumer that is heard of")
        server.kill()
        eventually(lambda: of_server(server, "consumer")[0] == "unhealthy", 60, "a consumer that is missed")
        for name in ("consumer", "scheduler"):
            status, message = of_server(server, name)
            assert status == "unhealthy"
            assert "seconds ago" in message and "lumi-box serve" in message


@pytest.mark.process
def test_a_consumer_that_stopped_in_good_order_is_missed_at_once(tmp_path):
    with Server(tmp_path) as server:
        server.start("worker")
        eventually(lambda: of_server(server, "consumer")[0] == "healthy", 20, "a consumer that is heard of")
        assert server.terminate() == 0
        assert of_server(server, "consumer") == ("unhealthy", f"No worker runs. {SERVE}")
        assert of_server(server, "scheduler")[0] == "unhealthy"


@pytest.mark.process
def test_a_consumer_whose_threads_hang_leaves_messages_lying(tmp_path):
    """SIGSTOP: the process is there, and its last heartbeat is fresh, but nothing is taken."""
    with Server(tmp_path) as server:
        server.start("worker")
        eventually(lambda: of_server(server, "consumer")[0] == "healthy", 20, "a consumer that is heard of")
        os.kill(server.children()["worker"], signal.SIGSTOP)
        with closing(sqlite3.connect(tmp_path / "data" / "lumi.db")) as connection:
            connection.execute("INSERT INTO queue_task (queue, data, priority) VALUES ('jobs', x'00', 0)")
            connection.commit()
        status, message = of_server(server, "queue")
        assert status == "unhealthy"
        assert "claims to be alive" in message and "1 messages wait now" in message

"""The single binary, built as `make binary` builds it, in a root that holds nothing but it and the C library."""

from __future__ import annotations

import fcntl
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trimesh
from process.server import EMAIL, eventually, free_port, members
from tools import need

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
BUILD_SECONDS = 1500
ACCEPTED_SECONDS = 60
LOOK_SECONDS = 0.2  # the demonstration has the limits of production: 600 requests a minute
PROMPTS = ("a cute cat sitting", "一只可爱的小猫", "a vase with flowers", "a medal with a star")  # of several styles
LIBRARIES = ("c.so.6", "m.so.6", "dl.so.2", "pthread.so.0", "rt.so.1", "util.so.1", "resolv.so.2")


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once a run, whichever process of the run comes first; or what $LUMI_TEST_BINARY names."""
    if given := os.environ.get("LUMI_TEST_BINARY"):
        return Path(given).resolve()
    need("make", "cc", "strip")
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    target = shared / "binary" / "lumi-box"
    with (shared / "binary.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            line = ["make", "-C", str(ROOT), "binary", f"BINARY={target}", f"PYTHON={sys.executable}"]
            built = subprocess.run(line, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
            assert built.returncode == 0, f"{built.stdout}\n{built.stderr}"
            print(built.stdout.splitlines()[-1])
    return target


class Enclosure:
    """A root of its own for every process in it, where the system lets us make one; else an empty environment."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.folder, self.binary = folder, binary
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        unshare, self._chroot = need("unshare", "chroot")
        self._enter = [unshare, *as_root, "--mount", "--pid", "--fork", "--kill-child"]
        tried = subprocess.run([*self._enter, "true"], capture_output=True, timeout=60, check=False)
        self.closed = tried.returncode == 0
        self.variables = {"PATH": "", "HOME": "/home" if self.closed else str(folder / "home")}
        for name in ("proc", "tmp", "home", "box"):
            (folder / name).mkdir()
        if self.closed:
            shutil.copy(binary, folder / "lumi-box")
            self._copy_c_library()

    def line(self, *words: str) -> list[str]:
        if not self.closed:
            return [str(self.binary), *words]
        inside = [self._chroot, str(self.folder), "/lumi-box", *words]
        return [*self._enter, f"--mount-proc={self.folder}/proc", *inside]

    def path(self, name: str) -> str:
        """Of a file in `box`, as a program in here names it."""
        return f"/box/{name}" if self.closed else str(self.folder / "box" / name)

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.line(*words),
            env=self.variables,
            cwd=self.folder / "box",
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
            **options,
        )

    def run(self, *words: str) -> str:
        pipe = subprocess.PIPE
        with self.start(*words, stdout=pipe, stderr=pipe) as process:
            out, err = process.communicate(timeout=120)
        assert process.returncode == 0, f"{words}: {process.returncode}\n{out}\n{err}"
        return out

    def inner(self, process: subprocess.Popen[str]) -> int:
        """The program itself; around it is the one that made its root."""
        if not self.closed:
            return process.pid
        found = [pid for pid in members(process.pid) if _parent(pid) == process.pid]
        assert len(found) == 1, found
        return found[0]

    def _copy_c_library(self) -> None:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8")
        found = re.search(r"(/\S+)/libc\.so\.6$", maps, re.MULTILINE)
        assert found is not None
        loader = next(Path("/").glob("lib*/ld-linux*.so.*"))
        for file in (loader, *(Path(found[1]) / f"lib{name}" for name in LIBRARIES)):
            target = self.folder / file.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.resolve(), target)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


@pytest.fixture
def enclosure(binary: Path, tmp_path: Path) -> Iterator[Enclosure]:
    yield Enclosure(tmp_path, binary)
    shutil.rmtree(tmp_path)  # some hundred megabytes, which pytest would keep


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("unpacked")
    yield folder
    shutil.rmtree(folder)


class Maker:
    """Somebody who has the password that `init --demo` printed, and nothing else."""

    def __init__(self, address: str, password: str) -> None:
        self._api = f"{address}/api/v1"
        answer = requests.post(f"{self._api}/auth/login", json={"email": EMAIL, "password": password}, timeout=20)
        self._headers = {"Authorization": answer.json()["data"]["token"]}

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        answer = requests.request(method, f"{self._api}{path}", headers=self._headers, timeout=60, **options)
        assert answer.status_code < 300, answer.text
        return answer

    def reached(self, task_id: str, status: str) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            time.sleep(LOOK_SECONDS)
            task: dict[str, Any] = self.ask("GET", f"/tasks/{task_id}").json()["data"]
            assert "FAILED" not in task["status"], task
            return task if task["status"] == status else None

        found = eventually(there, ACCEPTED_SECONDS, status)
        assert found is not None
        return found

    def model(self, prompt: str, index: int) -> dict[str, Any]:
        task_id = self.ask("POST", "/tasks", json={"prompt": prompt}).json()["data"]["id"]
        self.reached(task_id, "IMAGE_COMPLETED")
        self.ask("PATCH", f"/tasks/{task_id}", json={"selectedImageIndex": index})
        model: dict[str, Any] = self.reached(task_id, "COMPLETED")["model"]
        return model


def test_trap_25_the_binary_makes_a_model_in_a_root_with_nothing_else(enclosure):
    begun = time.monotonic()
    config = enclosure.path("config.toml")
    said = enclosure.run("init", "--demo", "--config", config)
    password = re.search(r"with the password (\S+)", said)
    assert password is not None
    initialised, port = time.monotonic(), free_port()
    with (enclosure.folder / "log").open("w") as log:
        process = enclosure.start("serve", "--config", config, "--bind", f"127.0.0.1:{port}", stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(address), ACCEPTED_SECONDS, "an answer of /health")
        answered = time.monotonic()
        maker = Maker(address, password[1])
        model = maker.model(PROMPTS[0], 0)
        done = time.monotonic()
        print(f"in a root of its own: {enclosure.closed}; init {initialised - begun:.1f} s, from serve to /health")
        print(f"{answered - initialised:.1f} s, from there to the model {done - answered:.1f} s")
        assert done - begun < ACCEPTED_SECONDS
        assert_whole(enclosure, maker, address, model, config)
        for index, prompt in enumerate(PROMPTS[1:], start=1):
            assert maker.model(prompt, index)["faceCount"] > 100
        os.kill(enclosure.inner(process), signal.SIGTERM)
        assert process.wait(60) == 0
    except BaseException:
        print((enclosure.folder / "log").read_text(encoding="utf-8", errors="replace"))
        raise
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
    log_text = (enclosure.folder / "log").read_text(encoding="utf-8")
    assert "stopped in_time=True" in log_text
    assert "Traceback" not in log_text


def assert_whole(enclosure: Enclosure, maker: Maker, address: str, model: dict[str, Any], config: str) -> None:
    """Print files, pages in both languages, and the commands beside the running server."""
    stl = maker.ask("GET", f"/models/{model['id']}/download", params={"format": "stl"}).content
    mesh = trimesh.load(io.BytesIO(stl), file_type="stl", force="mesh")
    assert isinstance(mesh, trimesh.Trimesh)
    assert mesh.is_watertight
    for path in ("/", "/static/vendor/model-viewer/model-viewer.min.js", "/api/openapi.json", "/metrics"):
        assert requests.get(f"{address}{path}", timeout=20).status_code == 200, path
    assert "一句话" in requests.get(f"{address}/about", headers={"Accept-Language": "zh"}, timeout=20).text
    assert "13 of 13 checks pass" in enclosure.run("doctor", "--config", config)
    enclosure.run("backup", "create", enclosure.path("backup.tar"), "--config", config)
    assert "is sound" in enclosure.run("backup", "verify", enclosure.path("backup.tar"), "--config", config)
    assert EMAIL in enclosure.run("user", "list", "--config", config)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/health", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_it_starts_where_only_the_temporary_folder_may_be_written(enclosure):
    enclosure.variables = {} if enclosure.closed else {"TMPDIR": str(enclosure.folder / "tmp")}
    begun = time.monotonic()
    first = enclosure.run("version")
    middle = time.monotonic()
    assert enclosure.run("version") == first
    print(f"first start {middle - begun:.2f} s, second start {time.monotonic() - middle:.2f} s")
    assert re.fullmatch(r"lumi-box \d+\.\d+\.\S+\n", first)
    if enclosure.closed:
        assert [path.name for path in (enclosure.folder / "tmp").iterdir()] == ["lumi-box-0"]
        assert list((enclosure.folder / "home").iterdir()) == []


def test_what_it_starts_gets_the_libraries_of_the_system_and_not_its_own(binary, unpacked, tmp_path):
    """A slicer that the operator has installed, for one, would fail over a foreign libstdc++."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "journalctl").write_text(f"#!/bin/sh\n/usr/bin/env > {tmp_path}/seen\n", encoding="utf-8")
    (tools / "journalctl").chmod(0o755)
    config = str(tmp_path / "config.toml")
    environment = {"LUMI_BOX_CACHE": str(unpacked), "PATH": str(tools), "LD_LIBRARY_PATH": "/opt/somewhere"}
    for words in (["init", "--demo"], ["doctor", "--bundle", str(tmp_path / "bundle.tar.gz")]):
        line = [str(binary), *words, "--config", config]
        subprocess.run(line, check=False, env=environment, timeout=120, capture_output=True)
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text(encoding="utf-8").splitlines())
    assert seen["LD_LIBRARY_PATH"] == "/opt/somewhere"
    assert (tmp_path / "bundle.tar.gz").exists()


def test_the_licences_come_along(binary, unpacked):
    environment = {"LUMI_BOX_CACHE": str(unpacked)}
    subprocess.run([binary, "version"], check=True, env=environment, timeout=120, capture_output=True)
    files = [path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()]
    for library in ("lumi_box", "numpy", "scipy", "pillow", "flask", "sentry_sdk"):
        assert any(f"/{library}-" in name and ".dist-info/" in name and "licen" in name.lower() for name in files), (
            library
        )
    assert any(name.endswith(".dist-info/licenses/THIRD_PARTY.md") for name in files)
    assert [name for name in files if "libreadline" in name] == []  # the GPL's, and of no use here

"""The launcher of the single binary, with a program of a few lines: where it unpacks, and what it puts back."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from process.server import eventually
from tools import need

pytestmark = pytest.mark.process

BUILD = Path(__file__).parents[2] / "packaging" / "build.py"
TELL = '#!/bin/sh\necho "$$ $LUMI_BOX_EXECUTABLE $*"\ncat "${0%/*}/_internal/word"\n'
WAIT = "#!/bin/sh\necho waiting\nread -r _\n"
FAIL = "#!/bin/sh\nexit 7\n"

Made = Callable[..., Path]


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("cc")
    made = tmp_path_factory.mktemp("launcher") / "launcher"
    build().compile_launcher(made)
    return made


def build():
    spec = importlib.util.spec_from_file_location("build_binary", BUILD)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make(launcher: Path, tmp_path: Path) -> Made:
    """Builds a binary around a script, with a word in a file beside it and a link to that."""

    def made(script: str = TELL, word: str = "hello", name: str = "lumi-box") -> Path:
        folder = tmp_path / f"content-{name}"
        (folder / "_internal").mkdir(parents=True)
        (folder / "_internal" / "word").write_text(f"{word}\n" * 1000, encoding="utf-8")
        (folder / "_internal" / "link").symlink_to("word")
        program = folder / "lumi-box"
        program.write_text(script, encoding="utf-8")
        program.chmod(0o755)
        build().pack(launcher, folder, tmp_path / name)
        return tmp_path / name

    return made


def run(binary: Path, *words: str, **environment: object) -> subprocess.CompletedProcess[str]:
    variables = {name: str(value) for name, value in environment.items()}
    return subprocess.run([binary, *words], capture_output=True, text=True, timeout=60, env=variables, check=False)


def versions(cache: Path) -> list[Path]:
    return sorted(path for path in cache.iterdir() if path.name != "lock")


def test_it_becomes_the_program_with_its_arguments_and_its_status(make, tmp_path):
    with subprocess.Popen(
        [make(), "one", "two words"], env={"LUMI_BOX_CACHE": str(tmp_path / "cache")}, stdout=subprocess.PIPE, text=True
    ) as process:
        out, _ = process.communicate(timeout=60)
    assert out.splitlines()[0] == f"{process.pid} {tmp_path}/lumi-box one two words"
    assert out.splitlines()[1:] == ["hello"] * 1000
    assert run(make(FAIL, name="failing"), LUMI_BOX_CACHE=tmp_path / "cache").returncode == 7
    [*_, folder] = versions(tmp_path / "cache")
    assert (folder / "_internal" / "link").readlink() == Path("word")
    assert {path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*")]} == {0}


def test_it_unpacks_into_the_first_folder_that_is_the_users_own(make, tmp_path):
    binary = make()
    places = {
        "CACHE_DIRECTORY": (tmp_path / "service", tmp_path / "service"),
        "XDG_CACHE_HOME": (tmp_path / "xdg", tmp_path / "xdg" / "lumi-box"),
        "HOME": (tmp_path / "home", tmp_path / "home" / ".cache" / "lumi-box"),
        "TMPDIR": (tmp_path / "tmp", tmp_path / "tmp" / f"lumi-box-{os.geteuid()}"),
    }
    for given, _ in places.values():
        given.mkdir()
    left = {name: given for name, (given, _) in places.items()}
    for name, (_, used) in places.items():
        assert run(binary, **left).returncode == 0
        assert len(versions(used)) == 1, name
        del left[name]
    linked = tmp_path / "linked"  # as systemd has it
    linked.symlink_to(tmp_path / "private")
    (tmp_path / "private").mkdir()
    assert run(binary, CACHE_DIRECTORY=linked, HOME=tmp_path / "home").returncode == 0
    assert len(versions(tmp_path / "private")) == 1


def test_a_folder_that_others_could_write_to_is_not_used(make, tmp_path):
    binary, shared, temporary = make(), tmp_path / "shared", tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o777)
    temporary.mkdir()
    refused = run(binary, LUMI_BOX_CACHE=shared)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"lumi-box: LUMI_BOX_CACHE: {shared} must be a folder of this user's own")
    assert run(binary, CACHE_DIRECTORY=shared, TMPDIR=temporary).returncode == 0
    assert versions(shared) == []
    (temporary / f"lumi-box-{os.geteuid()}").rename(tmp_path / "elsewhere")
    (temporary / f"lumi-box-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
    planted = run(binary, TMPDIR=temporary)
    assert (planted.returncode, planted.stderr.splitlines()) == (
        1,
        ["lumi-box: there is no folder to unpack this program into; name a folder of yours in LUMI_BOX_CACHE"],
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to somebody else")
def test_a_folder_of_somebody_else_is_not_used(make, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 12345, 12345)
    assert run(make(), HOME=home, TMPDIR=tmp_path).returncode == 0
    assert list(home.iterdir()) == []


def test_what_was_cleared_away_or_cut_short_is_put_back(make, tmp_path):
    binary, cache = make(), tmp_path / "cache"
    first = run(binary, LUMI_BOX_CACHE=cache)
    [folder] = versions(cache)
    word = folder / "_internal" / "word"
    for harm in (word.unlink, lambda: os.truncate(word, 10), (folder / "lumi-box").unlink):
        harm()
        assert run(binary, LUMI_BOX_CACHE=cache).stdout.splitlines()[1:] == first.stdout.splitlines()[1:]
    kept = word.stat()
    run(binary, LUMI_BOX_CACHE=cache)
    assert (word.stat().st_ino, word.stat().st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)


def test_older_versions_go_as_soon_as_nobody_runs_them(make, tmp_path):
    cache = tmp_path / "cache"
    old, new, newest = make(WAIT, name="old"), make(name="new"), make(word="newest", name="newest")
    with subprocess.Popen(
        [old], env={"LUMI_BOX_CACHE": str(cache)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None and running.stdin is not None
        assert running.stdout.readline() == "waiting\n"
        [held] = versions(cache)
        assert run(new, LUMI_BOX_CACHE=cache).returncode == 0
        assert held in versions(cache)
        assert len(versions(cache)) == 2
        running.stdin.close()
        assert running.wait(20) == 1
    assert run(newest, LUMI_BOX_CACHE=cache).returncode == 0
    assert len(versions(cache)) == 1
    assert held not in versions(cache)


def test_many_first_starts_at_once_are_all_well(make, tmp_path):
    binary, cache = make(), tmp_path / "cache"
    line = {"env": {"LUMI_BOX_CACHE": str(cache)}, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen([binary], **line) for _ in range(12)]
    said = [process.communicate(timeout=60)[0].splitlines()[1:] for process in started]
    assert said == [["hello"] * 1000] * 12
    assert [process.returncode for process in started] == [0] * 12
    assert len(versions(cache)) == 1


def test_an_unpacking_that_was_killed_is_finished_by_the_next_start(make, tmp_path):
    binary, cache = make(), tmp_path / "cache"
    with subprocess.Popen([binary], env={"LUMI_BOX_CACHE": str(cache)}, stdout=subprocess.DEVNULL) as process:
        eventually(lambda: cache.exists() or process.poll() is not None, 20, "the beginning")
        process.send_signal(signal.SIGKILL)
    (cache / "lock").touch()
    assert run(binary, LUMI_BOX_CACHE=cache).stdout.splitlines()[1:] == ["hello"] * 1000


@pytest.mark.parametrize("harm", ["cut", "changed"])
def test_a_file_that_was_damaged_on_its_way_says_so(make, tmp_path, harm):
    binary = make()
    content = bytearray(binary.read_bytes())
    if harm == "cut":
        del content[-40:]
    else:
        name = b"_internal/word"  # the compressed content follows it
        content[content.index(name) + len(name) + 5] ^= 0xFF
    binary.write_bytes(content)
    failed = run(binary, LUMI_BOX_CACHE=tmp_path / "cache")
    assert failed.returncode == 1
    assert failed.stderr.startswith("lumi-box: this file is damaged")
    assert len(failed.stderr.splitlines()) == 1


def test_the_binary_is_an_archive_that_everybody_can_look_into_and_the_same_content_is_the_same_file(make):
    one, two = make(name="one"), make(name="two")
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["_internal/link", "_internal/word", "lumi-box"]

"""The version is the git tag, wherever the sources came from; and there is one where there is no tag."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lumi_box import __version__, cli

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow  # each asks the build in a process of its own


@pytest.fixture
def sources(tmp_path):
    """What the build reads of the sources to know the version, in a folder without any history."""
    folder = tmp_path / "sources"
    (folder / "lumi_box").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY.md", ".gitignore"):
        shutil.copyfile(ROOT / name, folder / name)
    (folder / "lumi_box" / "__init__.py").touch()
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    for name in build["targets"]["wheel"]["force-include"]:
        place = folder / name
        if (ROOT / name).is_dir():
            place.mkdir()
            place /= "file"
        place.touch()
    return folder


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, timeout=60)


def committed(folder):
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "sources")
    return folder


def version_of(folder, **environment):
    line = [sys.executable, "-m", "hatchling", "metadata", "version"]
    done = subprocess.run(
        line, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_tag_is_the_version(sources):
    git(committed(sources), "tag", "v1.4.2")
    assert version_of(sources) == "1.4.2"


def test_what_follows_a_tag_is_on_the_way_to_the_next(sources):
    git(committed(sources), "tag", "v1.4.2")
    (sources / "more").touch()
    git(sources, "add", "more")
    git(sources, "commit", "-q", "-m", "more")
    assert version_of(sources).startswith("1.4.3.dev1+g")


def test_a_clone_without_tags_has_a_version(sources):
    assert version_of(committed(sources)).startswith("0.1.0.dev1+g")


def test_sources_without_history_or_without_git_have_a_version(sources, tmp_path):
    assert version_of(sources) == "0.1.0.dev0"
    (tmp_path / "empty").mkdir()
    assert version_of(committed(sources), PATH=str(tmp_path / "empty")) == "0.1.0.dev0"


def test_the_wheel_of_a_source_package_has_the_version_of_the_package(sources, tmp_path):
    git(committed(sources), "tag", "v1.4.2")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path / "dist")]
    subprocess.run([*build, "-t", "sdist"], cwd=sources, check=True, capture_output=True, timeout=120)
    shutil.unpack_archive(tmp_path / "dist" / "lumi_box-1.4.2.tar.gz", tmp_path, filter="data")
    unpacked = tmp_path / "lumi_box-1.4.2"
    assert "1.4.2" in (unpacked / "lumi_box" / "_version.py").read_text()
    assert version_of(unpacked) == "1.4.2"
    subprocess.run([*build, "-t", "wheel"], cwd=unpacked, check=True, capture_output=True, timeout=120)
    assert (tmp_path / "dist" / "lumi_box-1.4.2-py3-none-any.whl").exists()


@pytest.mark.parametrize(
    ("full", "told"),
    [
        ("1.4.2", "1.4.2"),
        ("0.1.0.dev57+g4587a76", "0.1.0"),
        ("1.4.3.dev1+g4587a76.d20261121", "1.4.3"),
        ("0.1.0.dev0", "0.1.0"),
        ("0.1.dev57+g4587a76", "0.1.0"),
    ],
)
def test_the_command_prints_three_numbers(full, told, monkeypatch, capsys):
    monkeypatch.setattr(cli, "__version__", full)
    assert cli.run(["version"]) == 0
    assert capsys.readouterr().out == f"lumi-box {told}\n"
    assert cli.run(["version", "--full"]) == 0
    assert capsys.readouterr().out == f"lumi-box {full}\n"


def test_it_costs_no_time_at_the_start():
    """importlib.metadata would read the whole site's."""
    code = "import lumi_box, sys; print('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
    assert __version__

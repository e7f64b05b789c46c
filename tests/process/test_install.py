"""What docs/install.md hands out, judged by the programs that it is for, and where those are not, by what it names."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from process.server import command
from tools import need

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
WORST_RATING = 2.0


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """As `install-service` writes it, for a program that is there."""
    words = ("install-service", "--root", str(tmp_path), "--program", sys.executable)
    assert command(*words, cwd=tmp_path).returncode == 0
    return tmp_path / "etc" / "systemd" / "system" / "lumi-box.service"


def analysed(*words: str) -> subprocess.CompletedProcess[str]:
    line = [*need("systemd-analyze"), *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def test_systemd_finds_nothing_wrong_with_the_unit(unit):
    verified = analysed("verify", "--man=no", str(unit))
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_systemd_rates_the_unit_safe(unit):
    rated = analysed("security", "--offline=true", "--threshold=20", str(unit))
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", rated.stdout)
    assert found is not None, rated.stdout + rated.stderr
    print(found[0])
    assert float(found[1]) <= WORST_RATING
    assert rated.returncode == 0


def instructions() -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "install" / "Containerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def of(wanted: str) -> list[str]:
    return [rest for word, rest in instructions() if word == wanted]


def test_the_container_file_copies_what_the_package_is_built_of():
    copied = {name for rest in of("COPY") if "--from" not in rest for name in rest.split()[:-1]}
    assert [name for name in copied if not (ROOT / name).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    build = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    assert needed | {*build["packages"], *build["force-include"]} <= copied
    for rest in of("COPY"):  # a folder is copied as what is in it: its own name is part of the target
        *sources, target = [word for word in rest.split() if not word.startswith("--")]
        if all((ROOT / source).is_dir() for source in sources):
            assert [Path(source).name for source in sources] == [Path(target).name]


def test_the_container_file_runs_a_command_that_there_is_as_nobody_special():
    line = json.loads(of("ENTRYPOINT")[0]) + json.loads(of("CMD")[0])
    assert line[0] == "lumi-box"
    shown = command(*line[1:], "--help", cwd=ROOT)
    assert shown.returncode == 0, shown.stderr
    assert line[line.index("--bind") + 1] == f"0.0.0.0:{of('EXPOSE')[0]}"
    (user,) = of("USER")
    assert int(user) > 0
    assert f"--uid {user}" in " ".join(of("RUN"))
    assert [order for order, _ in instructions()].index("USER") > len(instructions()) // 2
    known = {"FROM", "COPY", "RUN", "ARG", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE"}
    assert {word for word, _ in instructions()} <= known | {"HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"}


def test_the_health_check_of_the_container_is_python_and_asks_for_what_there_is(tmp_path):
    *_, line = of("HEALTHCHECK")[0].partition(" CMD ")
    python, flag, code = json.loads(line)
    assert (python, flag) == ("python", "-c")
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "SyntaxError" not in asked.stderr
    assert f":{of('EXPOSE')[0]}/health" in code


def test_every_command_of_the_page_is_one():
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    shell = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    lines = [words for line in "".join(shell).splitlines() for words in split(line) if "lumi-box" in words[:2]]
    assert len(lines) > 5
    for words in lines:
        called = words[words.index("lumi-box") + 1 :]
        shown = command(*[word for word in called if word not in ("FILE", "EMAIL")][:2], "--help", cwd=ROOT)
        assert shown.returncode == 0, (words, shown.stderr)


def split(line: str) -> list[list[str]]:
    """The commands of a line of the shell, comments left out."""
    words: list[list[str]] = [[]]
    for word in shlex.split(line, comments=True):
        if word == "&&":
            words.append([])
        else:
            words[-1].append(word)
    return [each for each in words if each]

"""The built artefact starts and works: once, only the development command had ever been run."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from process.server import Server, eventually

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
SHIPPED = (
    "lumi_box/_web/templates/base.html",
    "lumi_box/_web/static/vendor/model-viewer/model-viewer.min.js",
    "lumi_box/_web/config.example.toml",
    "lumi_box/_web/systemd/lumi-box.service",
    "lumi_box/providers/builtin/data/symbols.zip",
    "lumi_box/tables/migrations/0001_initial.py",
    "lumi_box/web/translations/zh/LC_MESSAGES/messages.mo",
)


def pip(*words: str) -> None:
    line = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    subprocess.run(line, check=True, timeout=300, capture_output=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_everything_and_its_licences(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert set(SHIPPED) <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/THIRD_PARTY.md") for name in names)
    licences = {Path(name).name for name in names if "builtin/data/licenses/" in name}
    assert len(licences) >= 6
    assert not any(name.startswith(("tests/", "docs/")) for name in names)
    assert wheel.stat().st_size < 12_000_000


def test_trap_25_the_installed_wheel_serves_and_paints(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    pip("install", "--no-deps", "--target", str(site), str(wheel))
    monkeypatch.setenv("PYTHONPATH", os.fspath(site))
    where = [sys.executable, "-c", "import lumi_box; print(lumi_box.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout
    assert found.startswith(os.fspath(site))
    with Server(tmp_path / "home") as server:
        server.start()
        for path in ("/", "/login", "/static/css/base.css", "/static/vendor/model-viewer/model-viewer.min.js"):
            assert server.get(path).status_code == 200
        assert "一句话" in server.get("/about", headers={"Accept-Language": "zh"}).text
        task = server.create("a cat")
        eventually(lambda: server.task(task["id"])["status"] == "IMAGE_COMPLETED", 60, "four pictures")

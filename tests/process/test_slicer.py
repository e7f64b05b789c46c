"""What is downloaded can be sliced: PrusaSlicer's own opinion of the built-in models."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lumi_box.meshes.export import export_all
from lumi_box.providers.base import ImageOrder, ModelOrder, Ready
from lumi_box.providers.images.builtin import BuiltinImages
from lumi_box.providers.models3d.builtin import BuiltinModels

pytestmark = pytest.mark.process

SLICER = shutil.which("prusa-slicer")


def info(path: Path) -> dict[str, str]:
    done = subprocess.run([str(SLICER), "--info", str(path)], capture_output=True, text=True, timeout=120, check=True)
    pairs = (line.partition(" = ") for line in done.stdout.splitlines() if " = " in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("prompt", ["a cute cat sitting", "一只可爱的小猫", "chess knight", "asdfgh"])
def test_the_slicer_finds_one_solid_as_tall_as_promised(prompt: str, position: int, tmp_path: Path) -> None:
    if SLICER is None:
        if os.environ.get("CI"):
            pytest.fail("PrusaSlicer is not installed: apt-get install prusa-slicer")
        pytest.skip("PrusaSlicer is not installed")
    painter, builder = BuiltinImages(), BuiltinModels()
    picture = painter.fetch(painter.submit(ImageOrder(prompt, position, 0)))
    mesh = builder.fetch(Ready(""), ModelOrder(picture, prompt), tmp_path)
    files = export_all(mesh, tmp_path, name=prompt)
    for path in (files.stl, files.threemf):
        found = info(path)
        assert found["manifold"] == "yes"
        assert found["number_of_parts"] == "1"
        assert float(found["size_z"]) == pytest.approx(60, abs=0.5)
        assert float(found["min_z"]) == pytest.approx(0, abs=0.01)

"""Print files at another height."""

import numpy as np
import pytest
import trimesh
from meshes.known_meshes import box

from lumi_box.meshes.export import export_all
from lumi_box.meshes.scale_print import stl_scaled, threemf_scaled


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return export_all(box(2, 4, 1), tmp_path_factory.mktemp("model"), name="box")


@pytest.mark.parametrize("height", [5.0, 60.0, 123.4, 1000.0])
def test_the_stl_is_exactly_as_tall_as_asked(files, tmp_path, height):
    target = tmp_path / "scaled.stl"
    target.write_bytes(b"".join(stl_scaled(files.stl, height)))
    mesh = trimesh.load(target)
    assert mesh.extents == pytest.approx([height / 2, height / 4, height], rel=1e-6)
    assert mesh.bounds[0, 2] == 0.0
    assert mesh.is_watertight
    assert np.linalg.norm(mesh.face_normals, axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("height", [5.0, 60.0, 123.4, 1000.0])
def test_the_3mf_is_exactly_as_tall_as_asked(files, tmp_path, height):
    target = tmp_path / "scaled.3mf"
    target.write_bytes(threemf_scaled(files.threemf, height))
    scene = trimesh.load(target)
    assert scene.extents == pytest.approx([height / 2, height / 4, height], abs=1e-4)
    assert scene.bounds[0, 2] == 0.0


def test_a_large_stl_comes_in_chunks(tmp_path):
    sphere = trimesh.creation.icosphere(subdivisions=5)
    source = tmp_path / "sphere.stl"
    sphere.export(source)
    chunks = list(stl_scaled(source, 30.0))
    assert len(chunks) > 10
    assert max(map(len, chunks)) < 60_000
    assert sum(map(len, chunks)) == source.stat().st_size


def test_an_stl_without_height_is_an_error(tmp_path):
    flat = tmp_path / "flat.stl"
    flat.write_bytes(b" " * 80 + (0).to_bytes(4, "little"))
    with pytest.raises(ValueError, match="no height"):
        list(stl_scaled(flat, 60.0))

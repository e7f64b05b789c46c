"""What was written is read back, whichever way it is packed, and what is no solid thing is refused."""

import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from meshes.known_meshes import box
from meshes.reading import CORNERS, TETRAHEDRON, read_text

from lumi_box.errors import Refused
from lumi_box.meshes.export import export_all
from lumi_box.meshes.measure import is_watertight, volume
from lumi_box.meshes.read import read_mesh


def refused(folder, text):
    with pytest.raises(Refused) as caught:
        read_text(folder, text)
    assert caught.value.code == "bad_model"
    return caught.value.vendor_text


@pytest.mark.parametrize("packed", ["glb", "zip"])
def test_a_model_of_our_own_comes_back_as_it_was(packed, tmp_path):
    written = export_all(box(2, 4, 1), tmp_path, name="box")
    path = written.glb
    if packed == "zip":
        path = tmp_path / "a file without a telling name"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in (written.obj, written.mtl, written.texture):
                archive.write(file, f"folder/{file.name}")
    mesh = read_mesh(path, tmp_path)
    assert len(mesh.vertices) == 8 and len(mesh.faces) == 12 and is_watertight(mesh.faces)
    sides = np.ptp(mesh.vertices, axis=0)
    assert sides / sides[1] == pytest.approx([0.5, 1.0, 0.25], abs=1e-5)  # Y is still up
    assert volume(mesh.vertices, mesh.faces) == pytest.approx(sides.prod(), rel=1e-4)
    assert len({tuple(row) for row in mesh.uv_faces}) == 12 and len(mesh.uv) == 24  # seams are kept
    assert mesh.texture.size == (32, 16)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<html>Access denied</html>",
        '{"error": "expired"}',
        "# nothing but words\n",
        b"\x00\x01\x02 binary \x00",
        b"\x89PNG\r\n\x1a\n",
        b"PK\x03\x04 and no more",
        b"glTF",
        b"glTF\x02\x00\x00\x00",
        CORNERS,
        CORNERS + "f 1 2\n",
        CORNERS + "f 1 2 3\nf 3 2 1\n",
        CORNERS + "f 1 1 2\n" * 9,
        "v 0 0 0\nv 1 0 0\nv 0 0 1\nv 1 0 1\n" + "f 1 2 3\nf 2 4 3\nf 1 3 2\nf 2 3 4\n",
        TETRAHEDRON.replace("v 2 0 0", "v nan 0 0"),
        TETRAHEDRON.replace("v 2 0 0", "v 1e999 0 0"),
        TETRAHEDRON.replace("v 2 0 0", "v 1e12 0 0"),
        TETRAHEDRON.replace("v 2 0 0", "v 2 0"),
        TETRAHEDRON.replace("v 2 0 0", "v two 0 0"),
        TETRAHEDRON.replace("v 2 0 0", "v 1-2 0 0"),
        TETRAHEDRON + "f 1 2 9\n",
        TETRAHEDRON + "f 0 1 2\n",
        TETRAHEDRON + "f -9 1 2\n",
        TETRAHEDRON + "f 1/9 2/9 3/9\n",
        TETRAHEDRON + "f a b c\n",
        TETRAHEDRON + "f 99999999999999 1 2\n",
        TETRAHEDRON + "v " + "1" * 5000 + "\n",
    ],
)
def test_what_is_no_solid_thing_is_refused(content, tmp_path):
    assert refused(tmp_path, content)


def test_an_open_mesh_is_accepted(tmp_path):
    mesh = read_text(tmp_path, TETRAHEDRON + "v 5 5 5\nf 1 2 5\n")
    assert len(mesh.faces) == 5 and not is_watertight(mesh.faces)


def test_split_vertices_are_welded_and_unused_ones_dropped(tmp_path):
    split = TETRAHEDRON.replace("f 3 1 4", "v 0 3 0\nv -0.0 0 0\nv 9 9 9\nf 5 6 4")
    mesh = read_text(tmp_path, split)
    assert len(mesh.vertices) == 4 and is_watertight(mesh.faces)
    assert mesh.vertices.max() == 3


def growth_while(read):
    """Megabytes by which this process grew at most, watched from beside."""
    peak, stop = [resident()], threading.Event()

    def watch():
        while not stop.wait(0.005):
            peak[0] = max(peak[0], resident())

    before, watcher = resident(), threading.Thread(target=watch)
    watcher.start()
    try:
        read()
    finally:
        stop.set()
        watcher.join()
    return peak[0] - before


def resident():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / (1 << 20)


def test_five_million_faces_are_refused_in_little_memory_and_time(tmp_path):
    with (tmp_path / "huge").open("w") as file:
        file.write(CORNERS)
        for _ in range(50):
            file.write("f 1 2 3\n" * 100_000)

    def read():
        with pytest.raises(Refused) as caught:
            read_mesh(tmp_path / "huge", tmp_path)
        assert "faces" in caught.value.vendor_text

    assert growth_while(read) < 30


def test_faces_that_the_quick_count_misses_are_counted_too(tmp_path, monkeypatch):
    monkeypatch.setattr("lumi_box.meshes.read_parts.MAX_FACES", 100)
    assert "faces" in refused(tmp_path, CORNERS + "  f\t1 2 3\n" * 101)
    assert "faces" in refused(tmp_path, CORNERS + "f" + " 1 2 3" * 40 + "\n")

import contextlib
import io
import stat
import time
import zipfile

import numpy as np
import pytest
from meshes.reading import TETRAHEDRON, colours, picture

from lumi_box.errors import Refused
from lumi_box.meshes import read_zip
from lumi_box.meshes.read import read_mesh

MATERIAL = "newmtl skin\nmap_Kd Textures/Skin.PNG\n"
PLACED = TETRAHEDRON.replace("f 1 3 2", "mtllib x.mtl\nvt 0 0\nusemtl skin\nf 1/1 3/1 2/1")


@pytest.fixture
def read(tmp_path):
    """Reads a ZIP of these entries in a folder of its own."""

    def read_entries(*entries, compression=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "model", "w", compression) as archive:
            for name, content in entries:
                archive.writestr(name, content)
        workdir = tmp_path / "work"
        workdir.mkdir(exist_ok=True)
        return read_mesh(tmp_path / "model", workdir)

    return read_entries


def refused(read, *entries, **options):
    with pytest.raises(Refused) as caught:
        read(*entries, **options)
    assert caught.value.code == "bad_model"
    return caught.value.vendor_text


def test_an_obj_with_its_texture_in_folders_of_any_case(read):
    mesh = read(("a/", b""), ("a/Model.OBJ", PLACED), ("a/b/x.mtl", MATERIAL), ("c/skin.png", picture("lime")))
    assert colours(mesh)[0] == (0, 255, 0)


def test_names_never_become_paths(read, tmp_path):
    outside = tmp_path / "evil.obj"
    entries = [
        (name, TETRAHEDRON)
        for name in ("../evil.obj", str(outside), "..\\evil.obj", "C:\\evil.obj", "a/../../evil.obj")
    ]
    mesh = read(("good.obj", PLACED), *entries)
    assert len(mesh.faces) == 4 and not outside.exists()
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["entry-00"]
    assert "0 OBJ files" in refused(read, *entries)


def test_links_are_left_alone(read, tmp_path):
    link = zipfile.ZipInfo("model.obj")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "0 OBJ files" in refused(read, (link, "/etc/passwd"))


def test_other_kinds_and_nested_archives_are_not_unpacked(read, tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep.obj", TETRAHEDRON)
    noise = [("inner.zip", inner.getvalue()), ("run.sh", b"exit"), ("__MACOSX/._a.obj", b"shadow"), (".obj", b"hidden")]
    assert len(read(("a.obj", TETRAHEDRON), *noise).faces) == 4
    assert len(list((tmp_path / "work").iterdir())) == 1
    assert "0 OBJ files" in refused(read, *noise)


def test_two_objects_are_one_too_many(read):
    assert "2 OBJ files" in refused(read, ("a.obj", TETRAHEDRON), ("b.obj", TETRAHEDRON))


def test_a_bomb_is_stopped_while_it_unpacks(read, tmp_path):
    started = time.monotonic()
    text = refused(read, ("a.obj", TETRAHEDRON), ("a.mtl", bytes(100_000_000)))
    assert "too much" in text and time.monotonic() - started < 3
    assert sum(path.stat().st_size for path in (tmp_path / "work").iterdir()) < 25_000_000


def test_the_size_that_an_entry_claims_is_not_believed(read, tmp_path, monkeypatch):
    monkeypatch.setattr(read_zip, "MAX_TOTAL_BYTES", 1 << 16)
    assert "too much" in refused(read, ("a.obj", TETRAHEDRON + "# " + "x" * (1 << 17)), compression=zipfile.ZIP_STORED)


def test_too_many_entries_are_refused_before_they_are_listed(read, tmp_path, monkeypatch):
    many = [(f"{number}.txt", b"") for number in range(65)]
    assert "66 entries" in refused(read, ("a.obj", TETRAHEDRON), *many)
    data = (tmp_path / "model").read_bytes()
    at = data.rfind(b"PK\x05\x06")
    lying = data[: at + 8] + b"\x01\x00\x01\x00" + data[at + 12 :]
    (tmp_path / "model").write_bytes(lying)
    with pytest.raises(Refused):
        read_mesh(tmp_path / "model", tmp_path)


def test_unusual_packing_is_refused(read):
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert "unusual" in refused(read, ("a.obj", TETRAHEDRON), compression=method)


@pytest.mark.parametrize("cut", [10, 40, 100, -30, -1])
def test_a_cut_archive_is_refused(cut, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.obj", TETRAHEDRON)
    (tmp_path / "model").write_bytes(file.getvalue()[:cut])
    with pytest.raises(Refused) as caught:
        read_mesh(tmp_path / "model", tmp_path)
    assert caught.value.code == "bad_model"


def test_damage_inside_is_noticed(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.obj", TETRAHEDRON)
    data = file.getvalue().replace(b"v 2 0 0", b"v 3 0 0")
    (tmp_path / "model").write_bytes(data)
    with pytest.raises(Refused) as caught:
        read_mesh(tmp_path / "model", tmp_path)
    assert "CRC" in caught.value.vendor_text


def test_random_damage_ends_as_a_mesh_or_refused(read, tmp_path):
    random = np.random.default_rng(5)
    read(("a.obj", PLACED * 9), ("x.mtl", MATERIAL), ("skin.png", picture("lime")))
    whole = (tmp_path / "model").read_bytes()
    for turn in range(300):
        data = bytearray(whole)
        for _ in range(3):
            data[int(random.integers(0, len(data)))] = int(random.integers(0, 256))
        (tmp_path / "model").write_bytes(data)
        folder = tmp_path / f"turn-{turn}"
        folder.mkdir()
        with contextlib.suppress(Refused):
            read_mesh(tmp_path / "model", folder)

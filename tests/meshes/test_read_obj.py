import numpy as np
import pytest
from meshes.reading import CORNERS, FACES, TETRAHEDRON, colours, picture, read_text

from lumi_box.errors import Refused
from lumi_box.meshes import read_obj
from lumi_box.meshes.measure import is_watertight, volume

GREY = (178, 178, 178)
PLACES = "vt 0 0\nvt 1 0\nvt 0 1\n"
RED_MTL = "newmtl red\nKd 1 0 0\nnewmtl blue\nKd 0 0 1\n"


@pytest.mark.parametrize(
    "faces",
    [
        FACES,
        FACES.replace("\n", "\r\n"),
        FACES.replace(" ", "   ").replace("f", " \tf"),
        FACES.replace("f 1 3 2", "f -4 -2 -3"),
        FACES.replace("f 1 3 2", "f \\\n1 3 \\\r\n2"),
        FACES.replace("f 1 3 2", "f 1// 3// 2//"),
        FACES.replace("f 1 3 2", "vn 0 0 1\nf 1//1 3//1 2//1"),
        FACES.replace("f 1 3 2", "g a\ns off\no b\n# f 1 2 3\nf 1 3 2 # bottom".replace(" # bottom", "")),
        FACES.rstrip("\n"),
    ],
)
def test_the_usual_ways_to_write_a_face(faces, tmp_path):
    mesh = read_text(tmp_path, CORNERS + faces)
    assert len(mesh.vertices) == 4 and is_watertight(mesh.faces)
    assert volume(mesh.vertices, mesh.faces) == pytest.approx(1.0)


def test_blocks_may_end_anywhere(tmp_path, monkeypatch):
    whole = read_text(tmp_path, TETRAHEDRON + PLACES + "f 1/1 \\\n2/2 3/3\n" * 3)
    for size in range(8, 40):
        monkeypatch.setattr(read_obj, "BLOCK", size)
        mesh = read_text(tmp_path, TETRAHEDRON + PLACES + "f 1/1 \\\n2/2 3/3\n" * 3)
        assert np.array_equal(mesh.faces, whole.faces) and np.array_equal(mesh.vertices, whole.vertices)


def test_polygons_become_triangles(tmp_path):
    cube = "".join(f"v {x} {y} {z}\n" for x in (0, 1) for y in (0, 1) for z in (0, 1))
    sides = "f 1 2 4 3\nf 5 7 8 6\nf 1 5 6 2\nf 3 4 8 7\nf 1 3 7 5\nf 2 6 8 4\n"
    mesh = read_text(tmp_path, cube + sides)
    assert len(mesh.faces) == 12 and is_watertight(mesh.faces)
    assert volume(mesh.vertices, mesh.faces) == pytest.approx(1.0)


def test_without_material_it_is_grey(tmp_path):
    mesh = read_text(tmp_path, TETRAHEDRON)
    assert set(colours(mesh)) == {GREY} and mesh.uv.shape == (1, 2)


def test_plain_colours_become_squares_of_one_texture(tmp_path):
    faces = FACES.replace("f 1 2 4", "usemtl blue\nf 1 2 4").replace("f 3 1 4", "usemtl unknown\nf 3 1 4")
    mesh = read_text(tmp_path, f"mtllib a.mtl\nusemtl red\n{CORNERS}{faces}", a__mtl=RED_MTL)
    assert colours(mesh) == [(255, 0, 0), (0, 0, 255), (0, 0, 255), GREY]


def textured(map_name):
    material = f"newmtl skin\nKd 0 0 0\nmap_Kd {map_name}\n"
    return f"mtllib a.mtl\n{CORNERS}{PLACES}usemtl skin\n" + FACES.replace("1 3 2", "1/1 3/3 2/2"), material


@pytest.mark.parametrize(
    "named",
    ["skin.png", "SKIN.PNG", "textures/skin.png", "C:\\art\\Skin.png", "-bm 1.0 skin.png", '"skin.png"', "renamed.png"],
)
def test_the_texture_is_found_by_its_base_name(named, tmp_path):
    text, material = textured(named)
    mesh = read_text(tmp_path, text, a__mtl=material, skin__png=picture("lime"))
    assert colours(mesh) == [(0, 255, 0), GREY, GREY, GREY]  # faces without a place in it stay plain


def test_a_name_with_blanks_and_a_material_file_of_another_name(tmp_path):
    text, material = textured("my skin.png")
    files = {"other.mtl": material, "my skin.png": picture("lime"), "skin.png": picture("red")}
    mesh = read_text(tmp_path, text, **{name.replace(".", "__"): data for name, data in files.items()})
    assert colours(mesh)[0] == (0, 255, 0)


def test_a_texture_that_did_not_come_leaves_the_plain_colour(tmp_path):
    text, material = textured("skin.png")
    assert set(colours(read_text(tmp_path, text, a__mtl=material))) == {(0, 0, 0)}
    assert set(colours(read_text(tmp_path, text))) == {GREY}


def test_names_in_it_open_nothing_but_the_siblings(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture("red"))
    text, material = textured(str(secret))
    assert (255, 0, 0) not in colours(read_text(tmp_path, text, a__mtl=material))
    (tmp_path / "evil.mtl").write_text(RED_MTL)
    mesh = read_text(tmp_path, f"mtllib {tmp_path}/evil.mtl\nusemtl red\n{TETRAHEDRON}")
    assert set(colours(mesh)) == {GREY}


def test_up_is_up_in_the_texture(tmp_path):
    text, material = textured("skin.png")
    mesh = read_text(
        tmp_path,
        text.replace("vt 0 0\nvt 1 0", "vt 0 0.9\nvt 1 0.9"),
        a__mtl=material,
        skin__png=picture("red", "blue"),
    )
    assert colours(mesh)[0] == (255, 0, 0)


def test_several_textures_share_an_atlas_and_may_repeat(tmp_path):
    material = "newmtl one\nmap_Kd one.png\nnewmtl two\nmap_Kd two.jpg\nnewmtl plain\nKd 0 1 1\n"
    places = "vt 0.1 0.1\nvt 0.4 0.1\nvt 0.1 0.4\nvt 5.6 -2.4\nvt 5.9 -2.4\nvt 5.6 -2.1\nvt 0 0\nvt 3 0\nvt 0 3\n"
    faces = "usemtl one\nf 1/1 3/3 2/2\nusemtl two\nf 1/4 2/5 4/6\nusemtl plain\nf 2 3 4\nusemtl one\nf 3/7 1/8 4/9\n"
    mesh = read_text(
        tmp_path,
        f"mtllib a.mtl\n{CORNERS}{places}{faces}",
        a__mtl=material,
        one__png=picture("lime lime", "red lime"),
        two__jpg=picture("white blue", "white white", kind="JPEG"),
    )
    seen = colours(mesh)
    assert seen[0] == (255, 0, 0) and seen[2] == (0, 255, 255)
    assert np.allclose(seen[1], (0, 0, 255), atol=9)  # 0.7, 0.8 after whole repeats are taken away
    assert mesh.uv.min() >= 0 and mesh.uv.max() <= 1
    wide = mesh.uv[mesh.uv_faces[3]]
    assert np.ptp(wide[:, 0]) * mesh.texture.width == pytest.approx(3 * 32)  # three copies lie side by side


@pytest.mark.slow
def test_a_hostile_texture_refuses_the_model(tmp_path):
    text, material = textured("skin.png")
    for data in (b"GIF89a", picture("red")[:45], b"", picture("red", scale=9000)):
        with pytest.raises(Refused) as caught:
            read_text(tmp_path, text, a__mtl=material, skin__png=data)
        assert caught.value.code == "bad_model"


def test_a_huge_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(read_obj, "BLOCK", 100)
    with pytest.raises(Refused):
        read_text(tmp_path, TETRAHEDRON + "f " + "1 2 3 " * 100)


def test_reading_ends_in_bounded_time(tmp_path, monkeypatch):
    monkeypatch.setattr(read_obj, "MAX_SECONDS", -1.0)
    with pytest.raises(Refused) as caught:
        read_text(tmp_path, TETRAHEDRON)
    assert "too long" in caught.value.vendor_text


def test_materials_are_counted(tmp_path):
    with pytest.raises(Refused):
        read_text(tmp_path, CORNERS + "".join(f"usemtl m{number}\nf 1 2 3\n" for number in range(5000)) + FACES)

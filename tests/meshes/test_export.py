"""Each file is read back by a program that knows only the format."""

import shutil
import subprocess
import zipfile

import numpy as np
import pytest
import trimesh
from meshes.known_meshes import box
from PIL import Image

from lumi_box.meshes.export import export_all, model_facts

TITLE = 'a <"cat"> & 猫\x01'


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return export_all(box(2, 4, 1), tmp_path_factory.mktemp("model"), name=TITLE)


def test_the_facts_are_those_of_the_print_file(files):
    facts = files.facts
    assert (facts.face_count, facts.vertex_count) == (12, 8)
    assert facts.size_mm == pytest.approx((30.0, 15.0, 60.0))
    assert facts.volume_cm3 == pytest.approx(27.0)


def test_the_names_are_those_of_the_contract(files):
    kept = (files.obj, files.mtl, files.texture, files.glb, files.stl, files.threemf, files.preview)
    assert [path.name for path in kept] == [
        "model.obj", "model.mtl", "texture.png", "model.glb", "model.stl", "model.3mf", "preview.webp",
    ]  # fmt: skip


def test_the_obj_is_centred_with_longest_side_1_and_y_up(files):
    mesh = trimesh.load(files.obj, process=False)
    assert mesh.bounds == pytest.approx(np.array([[-0.25, -0.5, -0.125], [0.25, 0.5, 0.125]]))
    assert mesh.visual.material.image.size == (32, 16)


def test_the_obj_shares_positions_across_seams_and_names_its_files_beside_it(files):
    text = files.obj.read_text()
    assert text.count("\nv ") == 8
    assert text.count("\nvt ") == 24
    assert text.startswith("mtllib model.mtl\n")
    assert "map_Kd texture.png\n" in files.mtl.read_text()


def test_the_glb_is_in_metres_and_stands_on_the_ground(files):
    scene = trimesh.load(files.glb)
    assert scene.bounds == pytest.approx(np.array([[-0.015, 0.0, -0.0075], [0.015, 0.06, 0.0075]]))
    (mesh,) = scene.geometry.values()
    assert mesh.visual.material.baseColorTexture.size == (32, 16)
    assert mesh.visual.material.roughnessFactor == pytest.approx(0.75)


def test_the_glb_keeps_the_texture_the_right_way_up(files):
    (mesh,) = trimesh.load(files.glb).geometry.values()
    assert {tuple(each) for each in mesh.visual.uv.round(4)} == {tuple(each) for each in box().uv.round(4)}


def test_the_stl_is_for_print(files):
    mesh = trimesh.load(files.stl)
    assert mesh.bounds == pytest.approx(np.array([[-15.0, -7.5, 0.0], [15.0, 7.5, 60.0]]), abs=1e-5)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(27_000)


def test_the_3mf_is_for_print_with_its_texture_and_title(files):
    scene = trimesh.load(files.threemf)
    assert scene.bounds == pytest.approx(np.array([[-15.0, -7.5, 0.0], [15.0, 7.5, 60.0]]), abs=1e-5)
    with zipfile.ZipFile(files.threemf) as package:
        assert package.read("3D/Textures/texture.png") == files.texture.read_bytes()
        assert 'a &lt;"cat"&gt; &amp; 猫 <' in package.read("3D/3dmodel.model").decode()


def test_the_front_of_the_model_is_the_front_of_the_print(files):
    """+Z of the mesh becomes -Y of the bed, where slicers look from."""
    mesh = box(2, 4, 1)
    mesh.vertices[mesh.vertices[:, 2] > -2.5, 0] *= 0.1  # a narrow front
    facts = model_facts(mesh)
    assert facts.size_mm[2] == 60.0
    from lumi_box.meshes.placed import for_print

    printed = for_print(mesh.vertices, 60.0)
    front = mesh.vertices[:, 2] > -2.5
    assert printed[front, 1].max() < printed[~front, 1].min()


def test_a_mesh_without_texture_has_the_same_files(tmp_path):
    files = export_all(box(texture=None), tmp_path, name="plain", height_mm=25.0)
    assert files.facts.size_mm[2] == 25.0
    with Image.open(files.texture) as texture:
        assert texture.mode == "RGB"


def test_a_faceted_mesh_is_flat_in_obj_and_glb(tmp_path):
    files = export_all(box(faceted=True), tmp_path, name="low")
    assert files.obj.read_text().count("\nvn ") == 12
    (mesh,) = trimesh.load(files.glb).geometry.values()
    assert np.abs(mesh.vertex_normals).max(axis=1) == pytest.approx(1.0)


def test_the_preview_shows_the_model_on_nothing(files):
    with Image.open(files.preview) as file:
        preview = file.copy()
    assert preview.size == (512, 512)
    assert preview.mode == "RGBA"
    assert preview.getpixel((3, 3))[3] == 0
    red, green, blue, alpha = preview.getpixel((256, 256))
    assert alpha == 255
    assert red > green + 40
    assert red > blue + 40


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("prusa-slicer"), reason="needs PrusaSlicer")
@pytest.mark.parametrize("kind", ["stl", "threemf"])
def test_a_slicer_finds_the_print_files_sound(files, kind):
    command = ["prusa-slicer", "--info", str(getattr(files, kind))]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {line.split("=")[0].strip(): line.split("=")[1].strip() for line in text.splitlines() if "=" in line}
    assert found["manifold"] == "yes"
    assert found["number_of_parts"] == "1"
    assert float(found["size_z"]) == 60.0

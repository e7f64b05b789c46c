"""Binary glTF, written by hand to be exact and by another program to be honest."""

import base64
import copy
import json
import struct

import numpy as np
import pytest
import trimesh
from meshes.reading import colour_at, colours, picture
from PIL import Image

from lumi_box.errors import Refused
from lumi_box.meshes.measure import is_watertight, volume
from lumi_box.meshes.read import read_mesh

POINTS = np.array([(0, 0, 0), (2, 0, 0), (0, 3, 0), (0, 0, 1)], "<f4")
FACES = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)], "<u2")
PLACES = np.array([(0.1, 0.1), (0.4, 0.1), (0.1, 0.4), (0.2, 0.2)], "<f4")  # all in the upper left quarter


def document():
    """A tetrahedron with texture coordinates; the picture comes last in the buffer."""
    image = picture("red blue", "lime white")
    data = POINTS.tobytes() + FACES.tobytes() + PLACES.tobytes() + image
    views, offset = [], 0
    for size in (48, 24, 32, len(image)):
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": size})
        offset += size
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 2}, "indices": 1, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 3, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 12, "type": "SCALAR"},
            {"bufferView": 2, "componentType": 5126, "count": 4, "type": "VEC2"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }, data


def packed(fields, data=b""):
    text = json.dumps(fields).encode() if isinstance(fields, dict) else fields
    text += b" " * (-len(text) % 4)
    data += b"\0" * (-len(data) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(data), 0x004E4942) + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


@pytest.fixture
def read(tmp_path):
    def read_file(fields, data=b""):
        (tmp_path / "model").write_bytes(packed(fields, data))
        return read_mesh(tmp_path / "model", tmp_path)

    return read_file


def refused(read, fields, data=b""):
    with pytest.raises(Refused) as caught:
        read(fields, data)
    assert caught.value.code == "bad_model"
    return caught.value.vendor_text


def test_a_textured_mesh_is_read(read):
    mesh = read(*document())
    assert is_watertight(mesh.faces) and volume(mesh.vertices, mesh.faces) == pytest.approx(1.0)
    assert set(colours(mesh)) == {(255, 0, 0)}  # glTF counts v from the top


def test_nodes_move_turn_and_scale(read):
    fields, data = document()
    fields["nodes"] = [
        {"children": [1], "translation": [10, 0, 0], "rotation": [0, 0, 0.7071068, 0.7071068]},  # a quarter about z
        {"mesh": 0, "scale": [1, 2, 1]},
    ]
    mesh = read(fields, data)
    assert mesh.vertices.min(axis=0) == pytest.approx([4, 0, 0], abs=1e-5)
    assert mesh.vertices.max(axis=0) == pytest.approx([10, 2, 1], abs=1e-5)
    fields["nodes"][1] = {"mesh": 0, "matrix": [1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 5, 1]}
    assert read(fields, data).vertices.max(axis=0) == pytest.approx([10, 2, 6], abs=1e-5)


def test_a_mirror_keeps_the_outside_out(read):
    fields, data = document()
    fields["nodes"][0]["scale"] = [-1, 1, 1]
    mesh = read(fields, data)
    assert mesh.vertices[:, 0].min() == -2 and volume(mesh.vertices, mesh.faces) == pytest.approx(1.0)


def test_a_mesh_shown_twice_is_there_twice(read):
    fields, data = document()
    fields["nodes"] = [{"mesh": 0}, {"mesh": 0, "translation": [9, 0, 0]}]
    fields["scenes"][0]["nodes"] = [0, 1]
    assert len(read(fields, data).faces) == 8
    del fields["scenes"], fields["scene"]
    assert len(read(fields, data).faces) == 8


def test_colours_textures_and_tints_end_in_one_texture(read):
    fields, data = document()
    first = fields["meshes"][0]["primitives"][0]
    fields["materials"] += [
        {"pbrMetallicRoughness": {"baseColorFactor": [0, 0.2158605, 1, 1]}},
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "baseColorFactor": [0.2158605, 1, 1, 1]}},
    ]
    looks = [first, {**first, "material": 1}, {**first, "material": 2}, {**first}]
    del looks[3]["material"]
    fields["meshes"] = [{"primitives": [look]} for look in looks]
    fields["nodes"] = [{"mesh": number, "translation": [9 * number, 0, 0]} for number in range(4)]
    fields["scenes"][0]["nodes"] = [0, 1, 2, 3]
    seen = colours(read(fields, data))
    assert [seen[0], seen[4], seen[8], seen[12]] == [(255, 0, 0), (0, 128, 255), (128, 0, 0), (178, 178, 178)]


def test_texture_coordinates_may_repeat_be_clamped_or_transformed(read):
    fields, data = document()
    data = data[:72] + (PLACES + np.array([1, -3])).astype("<f4").tobytes() + data[104:]
    assert set(colours(read(fields, data))) == {(255, 0, 0)}
    fields["samplers"], fields["textures"][0]["sampler"] = [{"wrapS": 33071, "wrapT": 33071}], 0
    assert set(colours(read(fields, data))) == {(0, 0, 255)}  # the upper right corner
    fields, data = document()
    transform = {"offset": [0.5, 0.5]}
    fields["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["extensions"] = {
        "KHR_texture_transform": transform
    }
    fields["extensionsRequired"] = ["KHR_texture_transform"]
    assert set(colours(read(fields, data))) == {(255, 255, 255)}


def test_strips_fans_and_bare_points(read):
    fields, data = document()
    primitive = fields["meshes"][0]["primitives"][0]
    for mode, faces in ((5, 10), (6, 10)):
        fields["accessors"][1]["count"] = 12
        kept = read({**fields, "meshes": [{"primitives": [primitive, {**primitive, "mode": mode}]}]}, data).faces
        assert 4 < len(kept) <= 4 + faces
    assert "without triangles" in refused(
        read, {**fields, "meshes": [{"primitives": [{**primitive, "mode": 0}]}]}, data
    )


def test_interleaved_and_quantised_numbers(read):
    fields, _ = document()
    rows = np.zeros(4, [("place", "<u2", 2), ("at", "<i2", 3), ("pad", "<u2", 3)])
    rows["place"], rows["at"] = (PLACES * 65535).round(), POINTS * 100
    data = rows.tobytes() + FACES.tobytes() + picture("red blue", "lime white")
    fields["bufferViews"][0] = {"buffer": 0, "byteLength": 64, "byteStride": 16}
    fields["bufferViews"][1] = {"buffer": 0, "byteOffset": 64, "byteLength": 24}
    fields["bufferViews"][3] = {"buffer": 0, "byteOffset": 88, "byteLength": len(data) - 88}
    fields["accessors"][0] = {"bufferView": 0, "byteOffset": 4, "componentType": 5122, "count": 4, "type": "VEC3"}
    fields["accessors"][2] = {"bufferView": 0, "componentType": 5123, "count": 4, "type": "VEC2", "normalized": True}
    fields["extensionsRequired"] = ["KHR_mesh_quantization"]
    fields["nodes"][0]["scale"] = [0.01, 0.01, 0.01]
    mesh = read(fields, data)
    assert volume(mesh.vertices, mesh.faces) == pytest.approx(1.0) and set(colours(mesh)) == {(255, 0, 0)}


def test_data_uris_are_read_and_other_files_are_not(read, tmp_path):
    fields, data = document()
    inline = {**fields, "buffers": [{"byteLength": len(data), "uri": "data:application/octet-stream;base64,"}]}
    inline["buffers"][0]["uri"] += base64.b64encode(data).decode()
    inline["images"] = [{"uri": "data:image/png;base64," + base64.b64encode(picture("lime")).decode()}]
    assert set(colours(read(inline))) == {(0, 255, 0)}
    (tmp_path / "other.bin").write_bytes(data)
    for uri in ("other.bin", "file:///etc/passwd", "http://files.test/x", "data:text/plain,x", ""):
        assert "points to another file" in refused(read, {**fields, "buffers": [{"byteLength": len(data), "uri": uri}]})
        refused(read, {**fields, "images": [{"uri": uri}]}, data)


def change(fields, *path, to):
    changed = copy.deepcopy(fields)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("accessors", 0, "count"), 5),
        (("accessors", 0, "count"), -1),
        (("accessors", 0, "count"), 3),
        (("accessors", 0, "count"), 1e9),
        (("accessors", 0, "count"), 2_000_001),
        (("accessors", 1, "count"), 6_000_003),
        (("accessors", 1, "count"), "12"),
        (("accessors", 0, "type"), "MAT4"),
        (("accessors", 0, "componentType"), 1),
        (("accessors", 0, "sparse"), {}),
        (("accessors", 0, "byteOffset"), 1 << 60),
        (("accessors", 0, "bufferView"), 99),
        (("accessors", 1, "componentType"), 5126),
        (("bufferViews", 0, "byteOffset"), 1 << 40),
        (("bufferViews", 0, "byteOffset"), -8),
        (("bufferViews", 0, "byteLength"), 40),
        (("bufferViews", 0, "byteStride"), 0),
        (("bufferViews", 0, "byteStride"), 1 << 40),
        (("bufferViews", 0, "buffer"), 1),
        (("bufferViews", 3, "byteLength"), 1 << 40),
        (("bufferViews", 3, "byteLength"), 20),
        (("nodes", 0, "children"), [0]),
        (("nodes", 0, "mesh"), 7),
        (("nodes", 0, "scale"), [0, 0, 0]),
        (("nodes", 0, "scale"), [1e300, 1e300, 1e300]),
        (("nodes", 0, "scale"), ["a"]),
        (("nodes", 0, "matrix"), [1]),
        (("nodes",), {"a": 1}),
        (("scene",), 5),
        (("scenes",), "x"),
        (("meshes",), []),
        (("meshes", 0, "primitives"), None),
        (("meshes", 0, "primitives", 0, "attributes"), {}),
        (("meshes", 0, "primitives", 0, "material"), 5),
        (("textures", 0, "source"), 5),
        (("materials", 0, "pbrMetallicRoughness"), 5),
        (("materials", 0, "pbrMetallicRoughness", "baseColorFactor"), ["a", 1, 1]),
        (("extensionsRequired",), ["KHR_draco_mesh_compression"]),
        (("extensionsRequired",), [5]),
    ],
)
def test_what_does_not_add_up_is_refused(path, value, read):
    fields, data = document()
    refused(read, change(fields, *path, to=value), data)


def test_a_scene_that_multiplies_itself_is_refused(read):
    fields, data = document()
    fields["nodes"] = [{"children": [number + 1, number + 1], "mesh": 0} for number in range(40)] + [{"mesh": 0}]
    assert "nodes" in refused(read, fields, data)
    fields["nodes"] = [{"mesh": 0, "children": []}]
    fields["scenes"][0]["nodes"] = [0] * 5000
    assert "primitives" in refused(read, fields, data)


def test_broken_containers_are_refused(read, tmp_path):
    for text in (b"[" * 100_000, b"{", b"[]", b"null", b"\xff\xff"):
        refused(read, text)
    whole = packed(*document())
    for size in (19, 20, 200, len(whole) - 100):
        (tmp_path / "model").write_bytes(whole[:size])
        with pytest.raises(Refused):
            read_mesh(tmp_path / "model", tmp_path)


def test_a_scene_written_by_another_program(tmp_path):
    scene, expected = trimesh.Scene(), []
    for number, colour in enumerate(("red", "lime", "blue")):
        ball = trimesh.creation.icosphere(subdivisions=1)
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.new("RGB", (8 + 8 * number, 16), colour))
        ball.visual = trimesh.visual.TextureVisuals(uv=np.full((len(ball.vertices), 2), 0.5), material=material)
        transform = trimesh.transformations.euler_matrix(0.1, 0.2 * number, 0.3)
        transform[:3, 3] = [3.0 * number, 0, 1]
        scene.add_geometry(ball, transform=transform)
        expected.append(trimesh.transform_points(ball.vertices, transform).mean(axis=0))
    scene.export(tmp_path / "scene.glb")
    mesh = read_mesh(tmp_path / "scene.glb", tmp_path)
    assert mesh.vertices.min(axis=0) == pytest.approx(scene.bounds[0], abs=1e-5)
    assert mesh.vertices.max(axis=0) == pytest.approx(scene.bounds[1], abs=1e-5)
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    for number, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        near = np.linalg.norm(centres - expected[number], axis=1) < 1.2
        assert near.sum() == 80
        assert {colour_at(mesh, mesh.uv[corners].mean(axis=0)) for corners in mesh.uv_faces[near]} == {colour}

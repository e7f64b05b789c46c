"""Stored objects over HTTP."""

import io
import zipfile
from urllib.parse import urljoin, urlsplit

import pytest
import trimesh
from conftest import bearer

from lumi_box.clock import now_ms
from lumi_box.gallery import publish
from lumi_box.storage import addresses
from lumi_box.tables.generation import GeneratedModel


def path_of(address):
    return urlsplit(address).path


@pytest.fixture
def model(client, finished, alice):
    return client.get(f"/api/v1/models/{finished.id}", headers=bearer(alice)).json["data"]


def test_a_signed_address_opens_without_token_or_cookie(client, model):
    for name, media_type in (
        ("modelUrl", "model/obj"),
        ("mtlUrl", "model/mtl"),
        ("textureUrl", "image/png"),
        ("glbUrl", "model/gltf-binary"),
        ("previewImageUrl", "image/webp"),
    ):
        answer = client.get(path_of(model[name]))
        assert (answer.status_code, answer.mimetype) == (200, media_type)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "private" in answer.headers["Cache-Control"]
        assert len(answer.data) == int(answer.headers["Content-Length"])


def test_an_obj_finds_its_material_and_texture_beside_it(client, model):
    obj = client.get(path_of(model["modelUrl"])).get_data(as_text=True)
    mtl_name = next(line.split()[1] for line in obj.splitlines() if line.startswith("mtllib"))
    mtl_address = urljoin(model["modelUrl"], mtl_name)
    assert mtl_address == model["mtlUrl"]
    mtl = client.get(path_of(mtl_address)).get_data(as_text=True)
    texture_name = next(line.split()[1] for line in mtl.splitlines() if line.startswith("map_Kd"))
    assert urljoin(mtl_address, texture_name) == model["textureUrl"]


def test_a_signature_opens_its_folder_only_and_not_for_ever(app, client, model, finished):
    path = path_of(model["glbUrl"])
    _, _, _, ticket, rest = path.split("/", 4)
    expiry, signature = ticket.split(".")
    image_path = path_of(client.get(f"/files/s/{ticket}/images/{finished.request_id}/0.png").request.path)
    for forged in (
        f"/files/s/{int(expiry) + 1}.{signature}/{rest}",
        f"/files/s/{expiry}.{'A' * len(signature)}/{rest}",
        f"/files/s/{expiry}/{rest}",
        f"/files/s/x.{signature}/{rest}",
        f"/files/s/{'9' * 400}.{signature}/{rest}",
        f"/files/{rest}",
        image_path,
    ):
        assert client.get(forged).status_code == 404, forged
    old = addresses.ticket(app.config["SECRET_KEY"], f"models/{finished.id}", now_ms() // 1000 - 1)
    assert client.get(f"/files/s/{old}/{rest}").status_code == 404
    assert int(expiry) * 1000 - now_ms() >= addresses.DAY_MS


def test_the_owner_reads_without_a_signature_and_a_stranger_does_not(client, model, alice, bob):
    rest = path_of(model["glbUrl"]).split("/", 4)[4]
    assert client.get(f"/files/{rest}", headers=bearer(alice)).status_code == 200
    assert client.get(f"/files/{rest}", headers=bearer(bob)).status_code == 404
    assert client.get(f"/files/{rest}").status_code == 404


def test_a_public_file_has_a_lasting_address(client, finished, alice):
    publish.set_visibility(GeneratedModel.get(), publish.PUBLIC)
    model = client.get(f"/api/v1/models/{finished.id}").json["data"]
    assert "/files/s/" not in model["glbUrl"]
    answer = client.get(path_of(model["glbUrl"]))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    publish.set_visibility(GeneratedModel.get(), publish.PRIVATE)
    assert client.get(path_of(model["glbUrl"])).status_code == 404


def test_ranges_and_etags(client, model):
    path = path_of(model["glbUrl"])
    whole = client.get(path)
    part = client.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.data) == (206, whole.data[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.data)}"
    last = client.get(path, headers={"Range": "bytes=-5"})
    assert last.data == whole.data[-5:]
    assert client.get(path, headers={"Range": f"bytes={len(whole.data)}-"}).status_code == 416
    assert client.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    "key", ["../config.toml", "%2e%2e/config.toml", "images/../../config.toml", "nothing", "s/x/y"]
)
def test_no_path_leads_elsewhere(client, box, alice, key):
    assert client.get(f"/files/{key}", headers=bearer(alice)).status_code == 404


@pytest.mark.parametrize("height", [60, 5, 123.4, 1000])
@pytest.mark.parametrize("kind", ["stl", "3mf"])
def test_print_files_are_as_tall_as_asked(client, finished, alice, kind, height):
    path = f"/api/v1/models/{finished.id}/download?format={kind}&heightMm={height}"
    answer = client.get(path, headers=bearer(alice))
    assert (answer.status_code, answer.mimetype) == (200, f"model/{kind}")
    assert "attachment" in answer.headers["Content-Disposition"]
    scene = trimesh.load_scene(io.BytesIO(answer.data), file_type=kind)
    low, high = scene.bounds
    assert high[2] - low[2] == pytest.approx(height, rel=1e-3)
    assert low[2] == pytest.approx(0, abs=0.01)


def test_an_obj_download_is_a_zip_with_its_material_and_texture(client, finished, alice):
    answer = client.get(f"/api/v1/models/{finished.id}/download?format=obj", headers=bearer(alice))
    names = zipfile.ZipFile(io.BytesIO(answer.data)).namelist()
    assert names == ["model.obj", "model.mtl", "texture.png"]


@pytest.mark.parametrize(
    "query", ["", "format=step", "format=stl&heightMm=4", "format=stl&heightMm=nan", "format=stl&heightMm=1001"]
)
def test_bad_downloads_name_the_field(client, finished, alice, query):
    answer = client.get(f"/api/v1/models/{finished.id}/download?{query}", headers=bearer(alice))
    assert (answer.status_code, answer.json["data"]["code"]) == (400, "VALIDATION_ERROR")


def test_downloads_are_counted_and_need_a_user(client, finished, alice, bob):
    path = f"/api/v1/models/{finished.id}/download?format=glb"
    publish.set_visibility(GeneratedModel.get(), publish.PUBLIC)
    assert client.get(path).status_code == 401
    assert client.get(path, headers=bearer(bob)).status_code == 200
    assert GeneratedModel.get().download_count == 1


def test_if_range_sends_the_part_of_what_is_still_the_same_only(client, model):
    path = path_of(model["glbUrl"])
    whole = client.get(path)
    same = client.get(path, headers={"Range": "bytes=0-9", "If-Range": whole.headers["ETag"]})
    assert (same.status_code, same.data) == (206, whole.data[:10])
    for other in ('"another"', "Sat, 21 Nov 2026 12:00:00 GMT"):
        answer = client.get(path, headers={"Range": "bytes=0-9", "If-Range": other})
        assert (answer.status_code, len(answer.data)) == (200, len(whole.data))


def test_several_ranges_at_once_are_answered_with_the_whole(client, model):
    path = path_of(model["glbUrl"])
    assert client.get(path, headers={"Range": "bytes=0-9,20-29"}).status_code == 200
    assert client.get(path, headers={"Range": "lines=0-9"}).status_code == 200


def test_head_tells_the_size_and_opens_nothing(client, model, box, monkeypatch):
    path = path_of(model["glbUrl"])
    size = len(client.get(path).data)
    monkeypatch.setattr(box.storage, "open", None)
    answer = client.head(path)
    assert (answer.status_code, answer.content_length, answer.data) == (200, size, b"")


def test_trap_19_an_obj_names_the_files_that_lie_beside_it(client, model):
    """OBJ whose material names files that were renamed: every name leads to a file that is served."""
    obj = client.get(path_of(model["modelUrl"])).get_data(as_text=True)
    names = [line.split(maxsplit=1)[1] for line in obj.splitlines() if line.startswith("mtllib")]
    assert names
    for name in names:
        mtl = client.get(path_of(urljoin(model["modelUrl"], name)))
        assert mtl.status_code == 200
        textures = [line.split()[-1] for line in mtl.get_data(as_text=True).splitlines() if line.startswith("map_")]
        assert textures
        for texture in textures:
            assert client.get(path_of(urljoin(model["modelUrl"], texture))).status_code == 200

"""Files of a bucket over HTTP: what holds for a disk holds here, and only what is asked for is fetched."""

from __future__ import annotations

import io
import zipfile
from urllib.parse import urlsplit

import pytest
from conftest import bearer
from storage.conftest import s3, s3_config, seaweed  # noqa: F401  fixtures

from lumi_box.storage import ledger
from lumi_box.tables.stored_object import StoredObject

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def box(box, s3):  # noqa: F811
    box.storage = s3
    return box


@pytest.fixture
def address(client, finished, alice):
    model = client.get(f"/api/v1/models/{finished.id}", headers=bearer(alice)).json["data"]
    return urlsplit(model["glbUrl"]).path


def test_whole_ranges_and_etags(client, address):
    whole = client.get(address)
    assert (whole.status_code, whole.mimetype) == (200, "model/gltf-binary")
    assert whole.data[:4] == b"glTF"
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = client.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.data) == (206, whole.data[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.data)}"
    assert client.get(address, headers={"Range": "bytes=-5"}).data == whole.data[-5:]
    assert client.get(address, headers={"Range": f"bytes={len(whole.data)}-"}).status_code == 416
    assert client.get(address, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


def test_no_more_is_fetched_than_is_sent(client, address, box, finished):
    size = StoredObject.get_by_id(finished.glb_key).size
    asked = []
    box.storage._client.meta.events.register("before-send.s3.GetObject", lambda request, **_: asked.append(request))
    client.get(address, headers={"Range": "bytes=0-9"})
    assert [request.headers["Range"] for request in asked] == [b"bytes=0-9"]
    head = client.head(address)
    assert (head.status_code, head.content_length, len(asked)) == (200, size, 1)


def test_every_download(client, finished, alice):
    headers = bearer(alice)
    path = f"/api/v1/models/{finished.id}/download"
    names = zipfile.ZipFile(io.BytesIO(client.get(f"{path}?format=obj", headers=headers).data)).namelist()
    assert names == ["model.obj", "model.mtl", "texture.png"]
    for query in ("format=glb", "format=stl", "format=3mf", "format=stl&heightMm=120"):
        answer = client.get(f"{path}?{query}", headers=headers)
        assert (answer.status_code, bool(answer.data)) == (200, True)


def test_an_object_that_is_gone_is_not_found(client, address, box, finished):
    box.storage.delete_many([finished.glb_key])
    assert client.get(address).status_code == 404
    assert StoredObject.get_by_id(finished.glb_key).state == ledger.STORED

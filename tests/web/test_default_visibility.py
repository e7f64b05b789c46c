"""With `gallery.default_visibility = "PUBLIC"` a finished model is everybody's at once, over HTTP too."""

import dataclasses
from urllib.parse import urlsplit

from conftest import bearer

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image

LIST = "/api/v1/gallery/models"


def test_a_finished_model_shows_at_once_with_addresses_that_everybody_may_open(client, box, alice, drain):
    gallery = dataclasses.replace(box.config.gallery, default_visibility="PUBLIC")
    box.config = dataclasses.replace(box.config, gallery=gallery)
    request = accept_prompt(box, alice.id, "a paper crane")
    drain()
    model = pick_image(box, request, 0)
    before = client.get(LIST)
    assert before.json["data"]["items"] == []
    assert client.get(f"/api/v1/models/{model.id}").status_code == 404
    assert client.get(f"/api/v1/models/{model.id}", headers=bearer(alice)).json["data"]["visibility"] == "PRIVATE"
    drain()
    after = client.get(LIST, headers={"If-None-Match": before.headers["ETag"]})
    (shown,) = after.json["data"]["items"]
    assert (shown["id"], shown["visibility"], bool(shown["publishedAt"])) == (model.id, "PUBLIC", True)
    for name in ("modelUrl", "mtlUrl", "textureUrl", "glbUrl", "previewImageUrl"):
        path = urlsplit(shown[name]).path
        assert path.startswith("/files/models/")  # no signature in it
        assert client.get(path).status_code == 200
    assert client.get(f"/models/{model.id}").status_code == 200

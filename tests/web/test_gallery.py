"""The gallery over HTTP: cached, and right at once; marks, counts and reports."""

import dataclasses
import re

import pytest
from conftest import bearer
from shelf import finished_model, published_model

from lumi_box import listing
from lumi_box.gallery import publish
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.interaction import Visit
from lumi_box.web import gallery_lists
from lumi_box.web.app import create_app

LIST = "/api/v1/gallery/models"


@pytest.fixture
def model(alice):
    return published_model(alice, "a paper crane")


def listed(client, **query):
    return [item["name"] for item in client.get(LIST, query_string=query).json["data"]["items"]]


def test_a_list_is_served_from_memory_until_something_changes(client, model, queries):
    assert listed(client) == ["a paper crane"]
    queries.clear()
    assert listed(client) == ["a paper crane"]
    assert len(queries) == 1  # the gallery's generation


def test_the_etag_saves_the_body(client, model):
    first = client.get(LIST)
    again = client.get(LIST, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    publish.describe(model, name="a swan")
    changed = client.get(LIST, headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.headers["ETag"] != first.headers["ETag"]) == (200, True)


def test_every_change_shows_at_once_on_every_node(client, box, alice, admin, model):
    other = create_app(box)
    node = other.test_client()
    try:
        headers, private = bearer(alice), finished_model(alice, "a swan")
        assert listed(client) == listed(node) == ["a paper crane"]
        client.patch(f"/api/v1/models/{private.id}/visibility", json={"visibility": "PUBLIC"}, headers=headers)
        assert listed(client) == listed(node) == ["a swan", "a paper crane"]
        client.patch(f"/api/v1/models/{private.id}", json={"name": "a goose"}, headers=headers)
        assert listed(client, q="goose") == listed(node, q="goose") == ["a goose"]
        client.delete(f"/api/v1/tasks/{private.request_id}", headers=headers)
        assert listed(client, q="goose") == listed(node, q="goose") == []
        client.delete(f"/api/v1/models/{model.id}", headers=headers)
        assert listed(client) == listed(node) == []
    finally:
        other.extensions["lumi_follower"].close(wait=True)


def test_counters_in_a_list_lag_by_no_more_than_the_cache_lives(client, box, model, bob):
    assert listed(client)
    client.post(f"{LIST}/{model.id}/interactions", json={"type": "LIKE"}, headers=bearer(bob))
    assert client.get(LIST).json["data"]["items"][0]["likeCount"] == 0
    box.config = dataclasses.replace(box.config, gallery=dataclasses.replace(box.config.gallery, cache_seconds=0))
    client.get(LIST, query_string={"limit": 7})
    assert client.get(LIST, query_string={"limit": 7}).json["data"]["items"][0]["likeCount"] == 1


def test_what_is_kept_is_bounded():
    lists = gallery_lists.Lists(max_bytes=1000)
    for number in range(100):
        lists.get(number, 0, lambda: gallery_lists.Listed(b"x" * 100, "", 0, float("inf")))
    assert len(lists._kept) == 10
    made = []
    lists.get(99, 0, lambda: made.append(1))
    assert made == []


def test_a_view_counts_once_a_viewer_and_day_and_keeps_no_address(client, app, model, alice, bob):
    path = f"{LIST}/{model.id}"
    assert client.get(path).json["data"]["viewCount"] == 1
    assert client.get(path, headers={"X-Forwarded-For": "203.0.113.9", "User-Agent": "another"}).status_code == 200
    assert client.get(f"/models/{model.id}").status_code == 200
    assert GeneratedModel.get().view_count == 1
    for address, count in (("198.51.100.7", 2), ("2001:db8::1", 3), ("2001:db8::2", 3), ("2001:db8:1::1", 4)):
        answer = client.get(path, environ_base={"REMOTE_ADDR": address})
        assert answer.json["data"]["viewCount"] == count
    assert client.get(path, headers=bearer(bob)).json["data"]["viewCount"] == 5
    assert client.get(path, headers=bearer(alice)).json["data"]["viewCount"] == 5
    strangers = [row.viewer for row in Visit.select() if row.viewer != bob.id]
    assert all(re.fullmatch("[0-9a-f]{40}", viewer) for viewer in strangers) and len(set(strangers)) == 4
    body = client.get(path).json["data"]
    assert (body["user"]["name"], body["request"]["prompt"]) == ("alice", "a paper crane")


def test_downloads_count_once_for_both_ways_of_telling(client, model, bob):
    path = f"{LIST}/{model.id}/download"
    assert client.post(path).status_code == 401
    for _ in range(3):
        assert client.post(path, headers=bearer(bob)).json["data"] == {"downloadCount": 1}


def test_marks(client, model, bob):
    path, headers = f"{LIST}/{model.id}/interactions", bearer(bob)
    nobody = {"isAuthenticated": False, "interactions": [], "isLiked": False, "isFavorited": False}
    assert client.get(path).json["data"] == nobody
    answer = client.post(path, json={"type": "FAVORITE"}, headers=headers).json["data"]
    assert answer == {"isInteracted": True, "type": "FAVORITE", "likeCount": 0, "favoriteCount": 1}
    assert client.get(path, headers=headers).json["data"] == {
        "isAuthenticated": True,
        "interactions": ["FAVORITE"],
        "isLiked": False,
        "isFavorited": True,
    }
    assert client.post(path, json={"type": "HATE"}, headers=headers).status_code == 400
    batch = client.post(f"{LIST}/batch-interactions", json={"modelIds": [model.id, "x"]}, headers=headers)
    assert batch.json["data"] == {
        "isAuthenticated": True,
        "interactions": {
            model.id: {"isLiked": False, "isFavorited": True},
            "x": {"isLiked": False, "isFavorited": False},
        },
    }
    found = client.get("/api/v1/users/favorites", headers=headers).json["data"]
    assert (found["total"], found["items"][0]["id"]) == (1, model.id)
    assert client.get("/api/users/likes", headers=headers).json["data"] == {"items": [], "total": 0}
    assert client.get("/api/users/stats", headers=headers).json["data"]["totalModels"] == 0


@pytest.mark.parametrize("ids", [[], ["x"] * 201, [""], ["x" * 37], [1], "x", ["\0"]])
def test_batches_have_bounds(client, box, ids):
    answer = client.post(f"{LIST}/batch-interactions", json={"modelIds": ids})
    assert (answer.status_code, answer.json["data"]["code"]) == (400, "VALIDATION_ERROR")


def test_a_private_model_has_no_marks(client, alice, bob):
    private = finished_model(alice)
    for user in (alice, bob):
        for method, tail, body in (
            ("POST", "interactions", {"type": "LIKE"}),
            ("GET", "interactions", None),
            ("POST", "download", None),
            ("POST", "report", {"reason": "x"}),
        ):
            answer = client.open(f"{LIST}/{private.id}/{tail}", method=method, json=body, headers=bearer(user))
            assert answer.status_code == 404


def test_a_reported_model_is_hidden_from_all_but_its_maker(client, model, alice, bob, admin):
    report = client.post(f"{LIST}/{model.id}/report", json={"reason": " not nice "}, headers=bearer(bob))
    assert (report.status_code, report.json["data"]) == (200, None)
    page = client.get("/admin/gallery", headers=bearer(admin)).get_data(as_text=True)
    assert "not nice" in page and "Hide the model" in page
    before = listing.generation()
    decided(client, admin, f"/admin/gallery/{model.id}/hide")
    assert listing.generation() > before
    assert listed(client) == []
    for path in (f"{LIST}/{model.id}", f"/api/v1/models/{model.id}", f"/models/{model.id}"):
        assert client.get(path, headers=bearer(bob)).status_code == 404
    assert client.get(f"/api/v1/models/{model.id}", headers=bearer(alice)).json["data"]["visibility"] == "PUBLIC"
    assert "out of the gallery" in client.get(f"/models/{model.id}", headers=bearer(alice)).get_data(as_text=True)
    publish.set_visibility(model, publish.PRIVATE)
    publish.set_visibility(model, publish.PUBLIC)
    assert listed(client) == []  # its maker cannot bring it back
    page = client.get("/admin/gallery", headers=bearer(admin)).get_data(as_text=True)
    assert "Hide the model" not in page and "Show it again" in page
    decided(client, admin, f"/admin/gallery/{model.id}/show")
    assert listed(client) == ["a paper crane"]


def decided(client, admin, path):
    """A form posted as a page's script would with a bearer: the CSRF token of the page goes with it."""
    page = client.get("/admin/gallery", headers=bearer(admin)).get_data(as_text=True)
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    answer = client.post(path, data={"csrf_token": token}, headers=bearer(admin))
    assert answer.status_code == 303, answer.get_data(as_text=True)


def test_only_operators_hide(client, model, bob):
    page = client.get("/gallery", headers=bearer(bob)).get_data(as_text=True)
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    answer = client.post(f"/admin/gallery/{model.id}/hide", data={"csrf_token": token}, headers=bearer(bob))
    assert answer.status_code == 403
    assert listed(client) == ["a paper crane"]


def test_the_buttons_work_without_script(client, model, bob):
    page = client.get("/gallery", headers=bearer(bob)).get_data(as_text=True)
    assert "Take the like back" not in page
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    form = {"csrf_token": token, "type": "LIKE", "next": "/gallery"}
    answer = client.post(f"/models/{model.id}/marks", data=form, headers=bearer(bob))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/gallery")
    assert "♥</span> 1" in client.get("/gallery", headers=bearer(bob)).get_data(as_text=True)  # not as it was cached
    for path in ("/gallery", f"/models/{model.id}"):
        assert "Take the like back" in client.get(path, headers=bearer(bob)).get_data(as_text=True)
        assert "Take the like back" not in client.get(path).get_data(as_text=True)


LISTS = (
    "/api/v1/gallery/models?limit=50&q=crane",
    "/api/v1/gallery/models?limit=50",
    "/api/v1/users/models?limit=50",
    "/api/v1/users/likes?limit=50",
    "/api/v1/users/favorites?limit=50",
    "/api/v1/tasks?limit=50",
    "/gallery",
    "/creations",
    "/admin/gallery",
)


def test_trap_20_no_list_asks_more_when_it_has_more_rows(client, queries, admin):
    """Trap 20: the gallery asked once for every row."""
    counts = {}
    for rows in (5, 50):
        for number in range(rows):
            model = published_model(admin, f"crane {rows} {number}")
            for kind in ("LIKE", "FAVORITE"):
                path = f"{LIST}/{model.id}/interactions"
                assert client.post(path, json={"type": kind}, headers=bearer(admin)).status_code == 200
            client.post(f"{LIST}/{model.id}/report", json={"reason": "x"}, headers=bearer(admin))
        headers = bearer(admin)
        for path in LISTS:
            assert client.get("/api/v1/auth/me", headers=headers).status_code == 200  # touches the token
            queries.clear()
            assert client.get(path, headers=headers).status_code == 200
            counts.setdefault(path, []).append(len([each for each in queries if not each.startswith("PRAGMA")]))
    assert {path: pair for path, pair in counts.items() if pair[0] != pair[1]} == {}
    assert all(pair[0] > 1 for pair in counts.values())


def test_what_one_has_marked_has_a_page(client, model, bob):
    headers = bearer(bob)
    assert client.get("/gallery/liked").status_code == 302
    assert "Nothing here yet" in client.get("/gallery/liked", headers=headers).get_data(as_text=True)
    client.post(f"{LIST}/{model.id}/interactions", json={"type": "FAVORITE"}, headers=headers)
    assert "a paper crane" in client.get("/gallery/favourites", headers=headers).get_data(as_text=True)
    assert "a paper crane" not in client.get("/gallery/liked", headers=headers).get_data(as_text=True)


@pytest.mark.parametrize("text", ["\0", "\ud800", "a\udfff"])
def test_text_that_cannot_be_kept_is_refused(client, model, bob, text):
    for path, body in (
        (f"{LIST}/{model.id}/report", {"reason": text}),
        ("/api/v1/tasks", {"prompt": f"a {text} b"}),
        ("/api/v1/auth/login", {"email": bob.email, "password": text}),
    ):
        answer = client.post(path, json=body, headers=bearer(bob))
        assert (answer.status_code, answer.json["data"]["code"]) == (400, "VALIDATION_ERROR"), path
    for query in ("%ff", "a%00b", "%ED%A0%80"):
        assert client.get(f"/gallery?q={query}").status_code == 200

"""A site below a path of its host, `https://example.com/lumi`: links and cookies keep to it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from conftest import PASSWORD, bearer

from lumi_box.accounts import local
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.gallery import publish
from lumi_box.tables.generation import GeneratedModel
from lumi_box.web.app import create_app
from lumi_box.web.below import path_of

HOST = "https://example.com"
BASE = f"{HOST}/lumi"
LINKS = re.compile(r'(?:href|src|action|data-[a-z]+)="((?:/|https?:)[^"]*)"')


@pytest.fixture
def box(box):
    box.config = replace(box.config, public_url=BASE)
    return box


@pytest.fixture(params=["kept by the proxy", "taken off by the proxy"])
def ask(request, app):
    """A browser's request for an address, as it comes through either kind of proxy."""
    client, kept, cookies = app.test_client(use_cookies=False), request.param.startswith("kept"), {}

    def send(address, method="GET", headers=(), **options):
        path = address.removeprefix(HOST)
        assert path == "/lumi" or path.startswith("/lumi/"), address
        seen = path if kept else path.removeprefix("/lumi") or "/"
        sent = dict(headers) | {"Cookie": "; ".join(cookies.values())}
        below = {"base_url": HOST, "environ_overrides": {"SCRIPT_NAME": ""}}
        answer = client.open(seen, method=method, headers=sent, **below, **options)
        for cookie in answer.headers.getlist("Set-Cookie"):
            assert "; Path=/lumi" in cookie, cookie
            cookies[cookie.partition("=")[0]] = cookie.partition(";")[0]
        return answer

    return send


def links(answer):
    assert answer.status_code == 200, answer.text
    return set(LINKS.findall(answer.text.replace("&amp;", "&")))


def sign_in(ask):
    local.create("carol@example.org", PASSWORD)
    token = re.search(r'name="csrf_token" value="([^"]+)"', ask("/lumi/login?next=/lumi/creations").text)[1]
    form = {"email": "carol@example.org", "password": PASSWORD, "csrf_token": token, "next": "/lumi/creations"}
    return ask("/lumi/login", "POST", data=form, headers={"Referer": f"{BASE}/login"})


def test_a_page_for_members_leads_to_the_sign_in_and_back(ask):
    answer = ask("/lumi/creations?state=DONE")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/lumi/login?next=/lumi/creations?state%3DDONE"
    assert 'value="/lumi/creations?state=DONE"' in ask(answer.headers["Location"]).text
    signed_in = sign_in(ask)
    assert (signed_in.status_code, signed_in.headers["Location"]) == (303, "/lumi/creations")
    assert ask("/lumi/creations").status_code == 200


@pytest.mark.slow
def test_every_link_of_every_page_works(ask, box, drain):
    assert sign_in(ask).status_code == 303
    user = local.User.get(local.User.email == "carol@example.org")
    request = accept_prompt(box, user.id, "a paper crane")
    drain()
    pick_image(box, request, 1)
    drain()
    model = GeneratedModel.get()
    publish.set_visibility(model, "PUBLIC")
    pages = ["", "/", "/gallery", "/creations", f"/creations/{request.id}", f"/models/{model.id}", "/account", "/about"]
    found = set()
    for page in pages:
        found |= links(ask(f"/lumi{page}"))
    outside = {link for link in found if not link.removeprefix(HOST).startswith("/lumi")}
    assert {link for link in outside if not link.startswith("https://")} == set()
    inside = found - outside
    assert len(inside) > 20
    for link in inside:
        if not link.endswith("/events"):
            assert ask(link).status_code in (200, 302, 400, 405), link  # a form's address, asked without the form
    assert f"/lumi/api/v1/tasks/{request.id}/events" in inside


def test_files_events_and_the_reference_say_where_they_are(ask, box, alice, drain):
    request = accept_prompt(box, alice.id, "a paper crane")
    drain()
    task = ask(f"/lumi/api/v1/tasks/{request.id}", headers=bearer(alice)).json["data"]
    assert task["images"][0]["imageUrl"].startswith(f"{BASE}/files/s/")
    assert ask(task["images"][0]["imageUrl"]).data.startswith(b"\x89PNG")
    assert ask("/lumi/api/openapi.json").json["servers"] == [{"url": "/lumi/api/v1"}]
    assert ask("/lumi/health").status_code == 200
    assert 'href="/lumi/"' in ask("/lumi/nowhere").text


def test_what_only_begins_like_the_path_is_not_it(app):
    client = app.test_client()
    overrides = {"SCRIPT_NAME": ""}
    assert client.get("/lumiere", base_url=HOST, environ_overrides=overrides).status_code == 404
    assert client.get("/lumihealth", base_url=HOST, environ_overrides=overrides).status_code == 404
    assert client.get("/health", base_url=HOST, environ_overrides=overrides).status_code == 200  # asked on the machine


def test_no_header_moves_a_site_that_has_its_host_for_itself(box):
    box.config = replace(box.config, public_url="http://localhost")
    app = create_app(box)
    try:
        answer = app.test_client().get("/creations", headers={"X-Forwarded-Prefix": "/evil", "X-Script-Name": "/evil"})
        assert answer.headers["Location"] == "/login?next=/creations"
    finally:
        app.extensions["lumi_follower"].close(wait=True)


@pytest.mark.parametrize(
    ("url", "path"), [("https://a.example", ""), ("http://a.example:8/x", "/x"), ("https://a.example/x/y", "/x/y")]
)
def test_the_path_is_that_of_the_public_url(url, path):
    assert path_of(url) == path

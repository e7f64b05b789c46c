"""The first administrator, by the link that `serve` prints."""

import re
import threading

import pytest
from conftest import PASSWORD

from lumi_box import runtime
from lumi_box.accounts import local, setup
from lumi_box.errors import NotFound
from lumi_box.tables.account import OneTimeCode, User
from lumi_box.tables.base import database


def submit(client, token, email="root@example.org", password=PASSWORD):
    page = client.get("/gallery").get_data(as_text=True)
    csrf = page.split('name="csrf-token" content="')[1].split('"')[0]
    return client.post("/setup", data={"csrf_token": csrf, "token": token, "email": email, "password": password})


def test_serve_prints_the_link_only_where_there_is_no_account(box, capsys, caplog):
    runtime._offer_setup(box.config)
    out = capsys.readouterr().out
    assert re.search(rf"{re.escape(box.config.public_url)}/setup\?token=[\w-]{{43}}\n", out)
    assert "token=" not in caplog.text
    local.create("someone@example.org", PASSWORD)
    runtime._offer_setup(box.config)
    assert capsys.readouterr().out == ""


def test_the_link_creates_an_administrator_and_signs_in_once(client, box):
    token = setup.new_token()
    assert client.get(f"/setup?token={token}").status_code == 200
    assert submit(client, token).status_code == 303
    assert client.get("/admin").status_code == 200
    assert User.get().is_admin
    assert client.get(f"/setup?token={token}").status_code == 404
    assert submit(client, token, "second@example.org").status_code == 404
    assert User.select().count() == 1
    assert OneTimeCode.select().count() == 0


@pytest.mark.parametrize("token", ["", "x", "\u00ff", "a" * 5000])
def test_without_the_token_there_is_no_such_page(client, box, token):
    setup.new_token()
    assert client.get("/setup", query_string={"token": token}).status_code == 404
    assert submit(client, token).status_code == 404
    assert User.select().count() == 0


def test_the_form_needs_its_csrf_token(client, box):
    token = setup.new_token()
    form = {"token": token, "email": "root@example.org", "password": PASSWORD}
    assert client.post("/setup", data=form).status_code == 403
    assert User.select().count() == 0


def test_it_expires_and_a_new_one_ends_the_one_before(client, box):
    first = setup.new_token()
    second = setup.new_token()
    assert client.get(f"/setup?token={first}").status_code == 404
    OneTimeCode.update(expires_at=1).execute()
    assert client.get(f"/setup?token={second}").status_code == 404


def test_a_mistake_does_not_use_it_up(client, box):
    token = setup.new_token()
    answer = submit(client, token, password="short")
    assert answer.status_code == 400
    assert "8 to 200" in answer.get_data(as_text=True)
    assert submit(client, token, email="nonsense").status_code == 400
    assert submit(client, token).status_code == 303


def test_it_is_void_once_an_account_was_made_elsewhere(client, box):
    token = setup.new_token()
    local.create("cli@example.org", PASSWORD, admin=True)
    assert submit(client, token).status_code == 404


def test_the_database_holds_only_a_hash(box):
    token = setup.new_token()
    assert token not in str(OneTimeCode.get().__data__)


def test_of_two_at_once_one_becomes_administrator(box):
    token, outcomes, start = setup.new_token(), [], threading.Barrier(4)

    def use(number):
        start.wait()
        try:
            setup.create_first_admin(token, f"root{number}@example.org", PASSWORD)
            outcomes.append("created")
        except NotFound:
            outcomes.append("late")
        finally:
            database.close()

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["created", "late", "late", "late"]

"""An account is deleted by its owner, with everything in it."""

from conftest import PASSWORD

from lumi_box.accounts import local
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.storage import ledger
from lumi_box.tables.account import User
from lumi_box.tables.generation import GenerationRequest
from lumi_box.tables.stored_object import StoredObject


def csrf(client, path):
    return client.get(path).get_data(as_text=True).split('name="csrf-token" content="')[1].split('"')[0]


def sign_in(client, email):
    client.post("/login", data={"email": email, "password": PASSWORD, "csrf_token": csrf(client, "/login")})


def test_an_owner_deletes_the_account_and_everything_in_it(client, box, admin, drain):
    carol = local.create("carol@example.org", PASSWORD)
    accept_prompt(box, carol.id, "a crane")
    drain()
    sign_in(client, carol.email)
    answer = client.post("/account/delete", data={"csrf_token": csrf(client, "/account")})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert User.get_or_none(User.id == carol.id) is None
    assert GenerationRequest.select().count() == 0
    assert {row.state for row in StoredObject.select()} == {ledger.DOOMED}
    assert client.get("/account").status_code == 302


def test_the_last_administrator_stays(client, box):
    root = local.create("root@example.org", PASSWORD, admin=True)
    sign_in(client, root.email)
    client.post("/account/delete", data={"csrf_token": csrf(client, "/account")})
    assert User.get_by_id(root.id).disabled_at is None
    page = client.get("/account").get_data(as_text=True)
    assert "last administrator" in page

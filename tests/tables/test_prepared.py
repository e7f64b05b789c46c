"""Statements that are built once: the same rows as peewee's own, on both engines."""

import pytest
from peewee import IntegrityError

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.tables.account import User
from lumi_box.tables.generation import GenerationRequest, Image
from lumi_box.tables.prepared import Prepared, PreparedModels, insert_all
from lumi_box.tables.setting import Setting

OF_REQUESTS = Prepared(lambda ids: Image.select().where(Image.request.in_(ids)).order_by(Image.id))
BY_EMAIL = PreparedModels(lambda email: User.select().where(User.email == email), User)


def test_the_rows_are_those_that_peewee_reads(box, alice):
    requests = [accept_prompt(box, alice.id, f"crane {number}").id for number in range(3)]
    for ids in (requests, requests[:1], requests[1:], requests[::-1]):
        expected = Image.select().where(Image.request.in_(ids)).order_by(Image.id)
        assert [row.id for row in OF_REQUESTS(ids)] == [row.id for row in expected]
    row, image = OF_REQUESTS(requests[:1])[0], Image.get(Image.request == requests[0], Image.position == 0)
    assert (row.request_id, row.prompt, row.seed, row.status) == (image.request_id, image.prompt, image.seed, "PENDING")


def test_instances_are_as_good_as_those_that_peewee_makes(box, alice, bob):
    ((user,),) = BY_EMAIL("alice@example.org")
    assert user == alice
    assert user.is_admin is False and not user.is_dirty()
    assert BY_EMAIL("' OR 1=1 --") == []


def test_limits_and_offsets_are_values_too(box, alice):
    for number in range(5):
        accept_prompt(box, alice.id, f"crane {number}")
    in_order = GenerationRequest.select().order_by(GenerationRequest.id)
    page = Prepared(lambda many, after: in_order.limit(many).offset(after))
    everything = [row.id for row in GenerationRequest.select().order_by(GenerationRequest.id)]
    assert [row.id for row in page(2, 1)] == everything[1:3]
    assert [row.id for row in page(3, 0)] == everything[:3]


@pytest.mark.parametrize("text", ["plain", "'quoted' \"twice\" %s ? :x", "狐狸 🦊", "back\\slash\nline"])
def test_values_are_bound_never_written_into_the_statement(box, text):
    insert_all([Setting(name="a", value=text), Setting(name="b", value=text)])
    assert {row.value for row in Setting.select().where(Setting.name.in_(["a", "b"]))} == {text}
    with pytest.raises(IntegrityError):
        insert_all([Setting(name="c", value=text), Setting(name="a", value=text)])
    assert Setting.get_or_none(Setting.name == "c") is None


def test_rows_that_give_other_columns_have_a_statement_of_their_own(box):
    insert_all([User(email="one@example.org")])
    insert_all([User(email="two@example.org", language="zh", is_admin=True)])
    two = User.get(User.email == "two@example.org")
    assert (two.language, two.is_admin) == ("zh", True)
    assert User.get(User.email == "one@example.org").is_admin is False

"""What the operator sees: alerts, spend, doubtful orders; and what a maker sees of prices."""

import dataclasses

import pytest
from conftest import bearer

from lumi_box.errors import AnswerLost, Refused
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.tables.generation import GenerationRequest


@pytest.fixture
def priced(box):
    spend = dataclasses.replace(box.config.spend, image_price=0.2, model_price=1.5, currency="EUR")
    box.config = dataclasses.replace(box.config, spend=spend)


def test_the_admin_page_shows_what_was_spent_and_what_is_wrong(priced, client, box, alice, admin, drain, images):
    accept_prompt(box, alice.id, "a crane")
    images.fail_next(AnswerLost("lost", code="answer_lost"))
    drain(later=True)
    accept_prompt(box, alice.id, "a swan")
    images.fail_next(*[Refused("no", code="Arrearage", vendor_text="in arrears", alert=True) for _ in range(4)])
    drain()
    page = client.get("/admin", headers=bearer(admin)).get_data(as_text=True)
    for word in ("scripted", "Arrearage", "in arrears", alice.email, "0.80 EUR", "Doubtful orders"):
        assert word in page, word


def test_prices_stand_beside_the_buttons_before_the_click(priced, client, box, alice, drain):
    headers = bearer(alice)
    assert "0.80" in client.get("/", headers=headers).get_data(as_text=True)
    request = accept_prompt(box, alice.id, "a crane")
    drain()
    assert "1.50 EUR" in client.get(f"/creations/{request.id}", headers=headers).get_data(as_text=True)


def test_what_is_free_names_no_price(client, box, alice):
    assert "CNY" not in client.get("/", headers=bearer(alice)).get_data(as_text=True)


def test_a_reached_cap_is_a_quota(priced, client, box, alice):
    spend = dataclasses.replace(box.config.spend, monthly_cap=0.5)
    box.config = dataclasses.replace(box.config, spend=spend)
    answer = client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=bearer(alice))
    assert (answer.status_code, answer.json["data"]["code"]) == (429, "QUOTA_EXCEEDED")
    assert "budget" in answer.json["data"]["message"]
    assert GenerationRequest.select().count() == 0


def test_the_page_says_when_no_variants_could_be_written(client, box, alice, drain):
    request = accept_prompt(box, alice.id, "a crane")
    drain()
    path = f"/creations/{request.id}"
    assert "No variants could be written" not in client.get(path, headers=bearer(alice)).get_data(as_text=True)
    GenerationRequest.update(variants="fallback").execute()
    assert "No variants could be written" in client.get(path, headers=bearer(alice)).get_data(as_text=True)

"""Four variants come before the first picture, durably."""

import dataclasses

import pytest

from lumi_box.clock import now_ms
from lumi_box.errors import Refused, Unavailable
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import lifecycle
from lumi_box.tables.generation import GenerationRequest, Image
from lumi_box.tables.job import Job


class Writer:
    name = "writer"

    def __init__(self):
        self.asked, self.error = [], None

    def write(self, prompt):
        self.asked.append(prompt)
        if self.error:
            raise self.error
        return [f"{prompt}, take {number}" for number in range(4)]

    def check(self):
        return "It writes."


@pytest.fixture
def writer(box):
    box.config = dataclasses.replace(box.config, providers=dataclasses.replace(box.config.providers, prompt="qwen"))
    box.prompt_writer = Writer()
    return box.prompt_writer


def prompts():
    return [row.prompt for row in Image.select().order_by(Image.position)]


def test_four_variants_are_written_once_and_painted(box, alice, drain, writer, images):
    accept_prompt(box, alice.id, "a crane")
    drain(later=True)
    assert writer.asked == ["a crane"]
    assert prompts() == [f"a crane, take {number}" for number in range(4)]
    assert sorted(order.prompt for order in images.submitted) == prompts()
    assert GenerationRequest.get().variants == "written"


@pytest.mark.parametrize("error", [Unavailable("down"), Refused("no", code="data_inspection_failed")])
def test_without_variants_the_prompt_is_painted_as_it_is(box, alice, drain, writer, images, error, caplog):
    writer.error = error
    accept_prompt(box, alice.id, "a crane with a very long and private story")
    drain(later=True)
    assert GenerationRequest.get().variants == "fallback"
    assert GenerationRequest.get().status == "IMAGE_COMPLETED"
    assert len(set(prompts())) == 1
    assert len(writer.asked) == 1
    assert "private story" not in caplog.text


def test_own_variants_and_a_wish_for_none_ask_nobody(box, alice, drain, writer):
    accept_prompt(box, alice.id, "a crane", variants=["a", "b", "c", "d"])
    accept_prompt(box, alice.id, "a swan", optimize=False)
    drain(later=True)
    assert writer.asked == []
    assert {row.variants for row in GenerationRequest.select()} == {"own", "as-is"}


def test_trap_14_a_writer_that_died_is_followed_by_another(box, alice, drain, writer):
    """Prompt expansion used to be a callback that a restart lost."""
    request = accept_prompt(box, alice.id, "a crane")
    GenerationRequest.update(variants_lease_until=now_ms() + 60_000).execute()
    drain()
    assert writer.asked == []
    assert Job.select().where(Job.status == lifecycle.RUNNING, Job.lease.is_null()).count() == 2
    GenerationRequest.update(variants_lease_until=1).execute()
    drain(later=True)
    assert writer.asked == ["a crane"]
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_COMPLETED"

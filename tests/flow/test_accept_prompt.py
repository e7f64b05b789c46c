"""A prompt is accepted whole or not at all."""

import pytest
from peewee import PeeweeException

from lumi_box.errors import Conflict
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.tables import base
from lumi_box.tables.event import Event
from lumi_box.tables.generation import GenerationRequest, Image, Submission
from lumi_box.tables.job import Job

REFUSING = {
    False: "CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN (SELECT COUNT(*) FROM {table}) = {before} "
    "BEGIN SELECT RAISE(ABORT, 'refused by the test'); END",
    True: "CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW "
    "IF (SELECT COUNT(*) FROM {table}) = {before} "
    "THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused by the test'; END IF",
}
TABLES = (GenerationRequest, Image, Job, Event, Submission)


def counts(queue):
    return {table.__name__: table.select().count() for table in TABLES} | {"messages": queue.huey.pending_count()}


def test_a_prompt_becomes_one_request_four_images_four_jobs_and_four_messages(box, queue, alice):
    request = accept_prompt(box, alice.id, "a paper crane")
    assert counts(queue) == {
        "GenerationRequest": 1,
        "Image": 4,
        "Job": 4,
        "Event": 1,
        "Submission": 0,
        "messages": 4,
    }
    assert (request.status, request.phase) == ("IMAGE_PENDING", "IMAGE_GENERATION")
    assert {message.args[0] for message in queue.huey.pending()} == {job.id for job in Job.select()}
    assert {image.job_id for image in Image.select()} == {job.id for job in Job.select()}
    assert [image.position for image in Image.select().order_by(Image.position)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("table", "before"),
    [("generation_request", 0), ("event", 0), ("submission", 0)]
    + [(table, number) for table in ("image", "job", "queue_task") for number in range(4)],
)
def test_an_insert_that_fails_leaves_nothing_behind(box, queue, alice, table, before):
    base.database.execute_sql(REFUSING[base.on_server()].format(table=table, before=before))
    with pytest.raises(PeeweeException, match="refused by the test"):
        accept_prompt(box, alice.id, "a paper crane", idempotency_key="once")
    assert set(counts(queue).values()) == {0}
    base.database.execute_sql("DROP TRIGGER refuse")
    accept_prompt(box, alice.id, "a paper crane", idempotency_key="once")
    assert counts(queue)["messages"] == 4


def test_own_variants_are_painted_as_they_are(box, alice):
    accept_prompt(box, alice.id, "a crane", variants=["one", "two", "three", "four"])
    assert [image.prompt for image in Image.select().order_by(Image.position)] == ["one", "two", "three", "four"]


def test_the_same_key_and_prompt_answer_the_same_request(box, queue, alice, bob):
    first = accept_prompt(box, alice.id, "a crane", idempotency_key="k")
    again = accept_prompt(box, alice.id, "a crane", idempotency_key="k")
    other_user = accept_prompt(box, bob.id, "a crane", idempotency_key="k")
    assert first.id == again.id != other_user.id
    assert counts(queue)["messages"] == 8


def test_the_same_key_with_another_prompt_is_a_conflict(box, alice):
    accept_prompt(box, alice.id, "a crane", idempotency_key="k")
    with pytest.raises(Conflict):
        accept_prompt(box, alice.id, "a swan", idempotency_key="k")
    assert GenerationRequest.select().count() == 1

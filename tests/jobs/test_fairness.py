"""Between users the line is a round robin."""

from dataclasses import replace

import pytest
from peewee import SqliteDatabase

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import fairness, lifecycle
from lumi_box.tables import base
from lumi_box.tables.job import Job


@pytest.fixture(autouse=True)
def without_quotas(box):
    limits = replace(box.config.limits, generations_per_day=0, active_generations=0)
    box.config = replace(box.config, limits=limits)


def finish_one(box, running):
    job = running.pop(0)
    with base.transaction():
        lifecycle.succeed(box, job)


def served(box, count):
    """The first jobs that begin, in order, when each ends before the next begins."""
    order = []
    for _ in range(count):
        job = lifecycle.claim(box, Job.get(Job.status == "PENDING").id)
        order.append(job)
        with base.transaction():
            lifecycle.succeed(box, job)
    return order


def test_another_users_four_images_start_before_the_first_users_third_request(box, alice, bob):
    theirs = [accept_prompt(box, alice.id, f"figure {number}").id for number in range(50)]
    mine = accept_prompt(box, bob.id, "a crane").id
    order = [job.request_id for job in served(box, 16)]
    assert order.count(mine) == 4
    last_of_mine = max(place for place, request in enumerate(order) if request == mine)
    assert theirs[2] not in order[: last_of_mine + 1]


def test_who_comes_late_stands_beside_the_head_of_the_line(box, alice, bob):
    for number in range(20):
        accept_prompt(box, alice.id, f"figure {number}")
    served(box, 40)
    accept_prompt(box, bob.id, "a crane")
    owners = [job.user_id for job in served(box, 8)]
    assert owners.count(bob.id) == 4


def test_a_crowd_is_served_in_turn(box, alice, bob, admin):
    users = [alice, bob, admin]
    for user in users:
        for number in range(5):
            accept_prompt(box, user.id, f"figure {number}")
    owners = [job.user_id for job in served(box, 30)]
    for start in range(0, 30, 3):
        assert set(owners[start : start + 3]) == {user.id for user in users}


def test_who_has_waited_gains_nothing_by_it(box, alice, bob):
    """Turns of a line that has run empty are forgotten: neither credit nor debt."""
    for number in range(5):
        accept_prompt(box, alice.id, f"figure {number}")
    served(box, 20)
    assert fairness.next_turn("image", alice.id) == fairness.next_turn("image", bob.id) == 1


def test_any_wake_up_takes_the_head_of_the_line(box, alice, bob, queue):
    box.config = replace(box.config, queue=replace(box.config.queue, image_concurrency=1))
    accept_prompt(box, alice.id, "a crane")
    head = Job.select().order_by(Job.turn).first()
    last = Job.select().order_by(Job.turn.desc()).first()
    taken = lifecycle.claim(box, last.id)
    assert taken.id == head.id
    assert lifecycle.claim(box, last.id) is None  # no room
    finish_one(box, [taken])
    assert lifecycle.claim(box, taken.id) is not None  # a message for a job that has ended wakes its kind all the same


@pytest.mark.slow
@pytest.mark.parametrize("waiting", [10, 10_000])
def test_a_place_in_a_long_line_costs_no_more_than_in_a_short_one(box, alice, waiting):
    rows = [
        {"kind": "image", "target_id": "i", "request_id": "r", "user_id": f"u{number % 50}", "turn": number}
        for number in range(waiting)
    ]
    with base.transaction():
        for start in range(0, waiting, 1000):
            Job.insert_many(
                [row | {"id": f"j{start + at}"} for at, row in enumerate(rows[start : start + 1000])]
            ).execute()
    if isinstance(base.database.obj, SqliteDatabase):
        question = "SELECT * FROM job WHERE kind = 'image' AND status = 'PENDING' AND run_after <= 1"
        plan = base.database.execute_sql(f"EXPLAIN QUERY PLAN {question} ORDER BY turn, id LIMIT 1").fetchall()
        assert "TEMP B-TREE" not in str(plan)
    assert fairness.next_in_line("image").turn == 0
    assert fairness.next_turn("image", alice.id) == 1

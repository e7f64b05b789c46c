"""`jobs`: the job table, dead letters included."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from lumi_box.clock import iso
from lumi_box.commands.opening import OK, complain, open_box, open_database
from lumi_box.errors import Conflict, LumiError, NotFound
from lumi_box.jobs import statuses

if TYPE_CHECKING:
    from lumi_box.tables.job import Job


def list_all(arguments: argparse.Namespace) -> int:
    from lumi_box.tables.job import Job

    open_database(arguments)
    query = Job.select().order_by(Job.created_at, Job.id)
    if arguments.state:
        query = query.where(Job.status == arguments.state)
    for job in query.iterator():
        print(
            job.id,
            job.kind,
            job.status,
            f"attempt {job.attempt}",
            iso(job.created_at),
            job.error_code or "",
            sep="\t",
        )
    return OK


def show(arguments: argparse.Namespace) -> int:
    from lumi_box.tables.job import Attempt

    open_database(arguments)
    job = _job(arguments.id)
    for name in ("id", "kind", "status", "request_id", "target_id", "attempt", "ticket", "error_code", "error_message"):
        print(f"{name:14} {getattr(job, name) if getattr(job, name) is not None else ''}".rstrip())
    for name in ("created_at", "started_at", "ended_at"):
        print(f"{name:14} {iso(getattr(job, name)) or ''}".rstrip())
    for attempt in Attempt.select().where(Attempt.job == job).order_by(Attempt.started_at, Attempt.id):
        ended = iso(attempt.ended_at) or "still running"
        text = f"attempt {attempt.number}: {iso(attempt.started_at)} to {ended}: {attempt.outcome or ''}"
        print(f"{text} {attempt.error_code or ''} {attempt.error_text or ''}".rstrip())
    return OK


def retry(arguments: argparse.Namespace) -> int:
    from lumi_box.flow import manage_request

    if bool(arguments.id) == arguments.all_dead:
        raise LumiError("name one job, or write --all-dead")
    box = open_box(arguments)
    results: list[tuple[Job, Conflict | None]]
    if arguments.all_dead:
        results = manage_request.retry_all_dead(box)
    else:
        job = _job(arguments.id)
        manage_request.retry_job(box, job)
        results = [(job, None)]
    for job, refused in results:
        if refused is None:
            print(f"waiting again: {job.id}")
        else:
            complain(str(refused))
    return OK


def cancel(arguments: argparse.Namespace) -> int:
    from lumi_box.flow.manage_request import cancel_job

    box = open_box(arguments)
    cancel_job(box, _job(arguments.id))
    print(f"cancelled {arguments.id}")
    return OK


def _job(job_id: str) -> Job:
    from lumi_box.tables.job import Job

    job: Job | None = Job.get_or_none(Job.id == job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def add_parsers(add: Callable, group: object) -> None:
    command = add(group, "list", list_all, "every job, oldest first")
    command.add_argument(
        "--state", metavar="S", type=str.upper, choices=statuses.STATUSES, help=f"one of {', '.join(statuses.STATUSES)}"
    )
    add(group, "show", show, "one job and its attempts").add_argument("id", metavar="ID")
    command = add(group, "retry", retry, "give a failed job, or all of them, new attempts")
    command.add_argument("id", metavar="ID", nargs="?")
    command.add_argument("--all-dead", action="store_true", help="every job that failed or timed out")
    add(group, "cancel", cancel, "stop a job that waits or runs").add_argument("id", metavar="ID")

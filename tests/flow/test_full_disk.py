"""A full disk: the job waits, the operator is told, and it goes on by itself."""

import errno
import os

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import alerts, lifecycle
from lumi_box.tables.job import Attempt, Job


def test_a_full_disk_lets_jobs_wait_and_tells_the_operator(box, alice, drain, images, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    images.slow = True  # tickets: what waits is fetched again, never bought again
    request = accept_prompt(box, alice.id, "a paper crane")
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        drain()
        Job.update(run_after=0).execute()
        for job in Job.select():
            box.enqueue(job.id, 0)
        drain()
    jobs = list(Job.select().where(Job.request_id == request.id))
    assert not {job.status for job in jobs} & {lifecycle.FAILED, lifecycle.COMPLETED}
    assert {job.attempt for job in jobs} <= {0, 1}
    (alert,) = alerts.standing()
    assert (alert.provider, alert.code) == ("storage", "disk_full")
    assert "No space left" in alert.text
    drain(later=True)
    assert {job.status for job in Job.select()} == {lifecycle.COMPLETED}
    assert len(images.submitted) == 4
    assert Attempt.select().count() == 4
    assert alerts.standing() == []

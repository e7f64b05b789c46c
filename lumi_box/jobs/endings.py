"""What is told of a job or an attempt that has ended: to the metrics, and to the operator."""

from __future__ import annotations

from lumi_box import logs
from lumi_box.box import Box
from lumi_box.errors import LumiError
from lumi_box.metrics import tally
from lumi_box.tables.dialect import lock
from lumi_box.tables.job import Job, JobKind


def count(box: Box, job: Job, status: str, ended_at: int) -> None:
    """In the transaction that ends the job: its row may go, the count stays."""
    lock(JobKind, job.kind)  # so that nobody waits in a circle for the rows of the tally
    provider = job.provider or box.provider_name(job.kind)
    took = None if job.started_at is None else ended_at - job.started_at
    tally.job_ended(job.kind, provider, status.lower(), took)


def words_of(error: BaseException) -> str:
    """A vendor's words or ours. Of what nobody foresaw, where to look: its own words may be anything."""
    if isinstance(error, LumiError):
        return getattr(error, "vendor_text", "") or str(error)
    return f"{type(error).__name__}; in the log as error_id={logs.current('error_id')}"

"""Every metric that there is: its name, its labels, what it means. Nothing else invents names."""

from __future__ import annotations

from dataclasses import dataclass

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    kind: str
    labels: tuple[str, ...]
    text: str
    bounds: tuple[float, ...] = ()  # of a histogram's buckets, in seconds; +Inf goes without saying


BUILD = Family("lumibox_build_info", GAUGE, ("version",), "Always 1; the version is its label.")
HTTP_REQUESTS = Family(
    "lumibox_http_requests_total", COUNTER, ("method", "route", "status"), "Requests answered, by template of route."
)
HTTP_SECONDS = Family(
    "lumibox_http_request_duration_seconds",
    HISTOGRAM,
    (),
    "Time from a request's arrival until its answer begins to be sent.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
STREAMS = Family("lumibox_sse_connections", GAUGE, (), "Event streams that are open now.")
JOBS = Family("lumibox_jobs", GAUGE, ("kind", "status"), "Jobs in the database; those that ended well are pruned.")
JOBS_FINISHED = Family(
    "lumibox_jobs_finished_total", COUNTER, ("kind", "provider", "outcome"), "Jobs that came to their end."
)
JOB_SECONDS = Family(
    "lumibox_job_duration_seconds",
    HISTOGRAM,
    ("kind", "outcome"),
    "Time from a job's first start to its end, waiting for the vendor and between attempts included.",
    (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600),
)
OLDEST = Family("lumibox_oldest_queued_seconds", GAUGE, ("kind",), "How long the job has waited that waits longest.")
DEAD = Family("lumibox_dead_letter_jobs", GAUGE, (), "Jobs that failed and wait for an operator.")
PROVIDER_REQUESTS = Family(
    "lumibox_provider_requests_total", COUNTER, ("provider", "operation", "outcome"), "What providers were asked for."
)
PROVIDER_SECONDS = Family(
    "lumibox_provider_request_duration_seconds",
    HISTOGRAM,
    ("provider", "operation"),
    "How long providers took to answer.",
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
SPEND = Family(
    "lumibox_provider_spend_total", COUNTER, ("provider", "currency"), "Price of the orders that vendors accepted."
)
STORAGE = Family("lumibox_storage_bytes", GAUGE, (), "Size of the stored objects.")
ORPHANS = Family(
    "lumibox_orphan_objects", GAUGE, (), "Objects that no row knows, as the newest sweep has found and left them."
)
SWEPT = Family(
    "lumibox_sweep_last_success_timestamp_seconds",
    GAUGE,
    (),
    "When a sweep last went through; absent before.",
)
BACKED_UP = Family(
    "lumibox_backup_last_success_timestamp_seconds", GAUGE, (), "When a backup was last made; absent before."
)

OF_A_PROCESS = (HTTP_REQUESTS, HTTP_SECONDS, STREAMS)  # counted by the web processes of a node
OF_THE_DATABASE = (
    *(JOBS, JOBS_FINISHED, JOB_SECONDS, OLDEST, DEAD, PROVIDER_REQUESTS, PROVIDER_SECONDS, SPEND),
    *(STORAGE, ORPHANS, SWEPT, BACKED_UP),
)
ALL = (BUILD, *OF_A_PROCESS, *OF_THE_DATABASE)


def bucket(family: Family, seconds: float) -> str:
    """The bound of the bucket that the time falls into, as it is shown."""
    return next((f"{bound:g}" for bound in family.bounds if seconds <= bound), "+Inf")

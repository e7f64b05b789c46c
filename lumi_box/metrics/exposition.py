"""The text that Prometheus reads. The web role imports this module, and nothing else does."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from peewee import PeeweeException
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.utils import floatToGoString

from lumi_box import __version__
from lumi_box.config import Config
from lumi_box.metrics import families, figures, folder, tally
from lumi_box.metrics.families import Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FRESH_SECONDS = 1.0  # the database is asked no more often, however many scrape
SHARE_OF_TIME = 0.05  # nor longer than this share of the time
STORAGE_SECONDS = 30.0  # the one figure whose cost grows with what is kept
KINDS = ("image", "model3d")
STATUSES = ("PENDING", "RUNNING", "RETRYING", "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
DEAD, ENDED = ("FAILED", "TIMEOUT"), ("completed", "failed", "timeout", "cancelled")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE, OTHER_METHOD = "unknown", "other"  # one label for all that anybody can think up
PRICE_UNIT, MICROSECONDS = 10_000, 1_000_000

disable_created_metrics()  # they would be metrics that no document names
logger = logging.getLogger(__name__)


class Metrics:
    """What one web process counts, and the text of all of them and of the database."""

    def __init__(self, config: Config) -> None:
        own = CollectorRegistry()
        self._shared = folder.shared()
        self._own, self._database = own, _Database(config)
        requests, seconds, streams = families.HTTP_REQUESTS, families.HTTP_SECONDS, families.STREAMS
        self._requests = Counter(requests.name, requests.text, requests.labels, registry=own)
        self._requests.labels("GET", "/metrics", "200")  # so that there is something to see at the first scrape
        self._seconds = Histogram(seconds.name, seconds.text, buckets=seconds.bounds, registry=own)
        self._streams = Gauge(streams.name, streams.text, multiprocess_mode="livesum", registry=own)

    def answered(self, method: str, route: str | None, status: int, seconds: float) -> None:
        self._requests.labels(method if method in METHODS else OTHER_METHOD, route or NO_ROUTE, str(status)).inc()
        self._seconds.observe(seconds)

    def open_stream(self) -> AbstractContextManager[None]:
        """An event stream is open while the block runs."""
        return self._streams.track_inprogress()

    def text(self) -> bytes:
        build = CollectorRegistry()
        build.register(_Build())
        if self._shared is None:
            return generate_latest(build) + generate_latest(self._own) + self._database.text()
        everybody = CollectorRegistry()
        with folder.unchanged(self._shared) as files:
            everybody.register(_Everybody(files))
            return generate_latest(build) + generate_latest(everybody) + self._database.text()


class _Build:
    def collect(self) -> Iterator[Metric]:
        yield _gauge(families.BUILD, {(__version__,): 1})


class _Everybody:
    def __init__(self, files: list[Path]) -> None:
        self._files = [str(file) for file in files]

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        return MultiProcessCollector.merge(self._files)


class _Database:
    """The figures of all nodes, read at most once a second; without them while the database does not answer."""

    def __init__(self, config: Config) -> None:
        self._providers = {"image": config.providers.image, "model3d": config.providers.model3d}
        self._guard = threading.Lock()
        self._text, self._until = b"", 0.0
        self._bytes, self._bytes_until = 0, 0.0

    def text(self) -> bytes:
        with self._guard:  # one asks, the others wait for what it is told
            started = time.monotonic()
            if started >= self._until:
                self._text = self._read()
                took = time.monotonic() - started
                self._until = started + took + max(FRESH_SECONDS, took / SHARE_OF_TIME)
            return self._text

    def _read(self) -> bytes:
        registry = CollectorRegistry()
        registry.register(self)
        try:
            return generate_latest(registry)
        except PeeweeException as error:
            logger.warning("metrics of the database left out error=%s", error)
            return b""

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._jobs()
        yield from self._finished()
        yield from _provider_calls()
        spent = {row.labels: row.amount / PRICE_UNIT for row in tally.read(tally.SPEND)}
        yield _counter(families.SPEND, spent)
        yield _gauge(families.STORAGE, {(): self._stored_bytes()})
        yield _gauge(families.ORPHANS, {(): figures.orphans()})
        yield _gauge(families.SWEPT, {(): figures.swept_at()})
        yield _gauge(families.BACKED_UP, {(): figures.backed_up_at()})

    def _jobs(self) -> Iterator[Metric]:
        found = figures.jobs()
        yield _gauge(families.JOBS, {(kind, each): found.get((kind, each), 0) for kind in KINDS for each in STATUSES})
        yield _gauge(families.OLDEST, {(kind,): figures.oldest_queued_seconds(kind) for kind in KINDS})
        yield _gauge(families.DEAD, {(): sum(found.get((kind, each), 0) for kind in KINDS for each in DEAD)})

    def _finished(self) -> Iterator[Metric]:
        """From zero on for what is configured: the first failure shall be seen as a rise."""
        counts: dict[tuple[str, ...], float] = {
            (kind, self._providers[kind], each): 0 for kind in KINDS for each in ENDED
        }
        times = _Times(families.JOB_SECONDS)
        for row in tally.read(tally.JOB):
            kind, _, outcome = row.labels
            counts[row.labels] = counts.get(row.labels, 0) + row.count
            if row.bucket != tally.UNMEASURED:
                times.add((kind, outcome), row)
        yield _counter(families.JOBS_FINISHED, counts)
        yield times.metric()

    def _stored_bytes(self) -> int:
        now = time.monotonic()
        if now >= self._bytes_until:
            self._bytes = figures.stored_bytes()
            self._bytes_until = now + max(STORAGE_SECONDS, (time.monotonic() - now) / SHARE_OF_TIME)
        return self._bytes


class _Times:
    """A histogram out of rows that each tell of one bucket."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._counts: dict[tuple[str, ...], dict[float, int]] = defaultdict(lambda: defaultdict(int))
        self._sums: dict[tuple[str, ...], float] = defaultdict(float)

    def add(self, labels: tuple[str, ...], row: tally.Counted) -> None:
        self._counts[labels][float(row.bucket)] += row.count
        self._sums[labels] += row.amount / MICROSECONDS

    def metric(self) -> Metric:
        found = HistogramMetricFamily(self._family.name, self._family.text, labels=self._family.labels)
        for labels, counts in sorted(self._counts.items()):
            bounds = sorted({*self._family.bounds, *counts, float("inf")})  # also those of earlier versions
            up_to = [sum(count for bound, count in counts.items() if bound <= each) for each in bounds]
            shown = [floatToGoString(bound) for bound in bounds]
            found.add_metric(labels, list(zip(shown, up_to, strict=True)), self._sums[labels])
        return found


def _provider_calls() -> Iterator[Metric]:
    counts: dict[tuple[str, ...], float] = defaultdict(float)
    times = _Times(families.PROVIDER_SECONDS)
    for row in tally.read(tally.PROVIDER):
        provider, operation, _ = row.labels
        counts[row.labels] += row.count
        times.add((provider, operation), row)
    yield _counter(families.PROVIDER_REQUESTS, counts)
    yield times.metric()


def _counter(family: Family, values: dict[tuple[str, ...], float]) -> Metric:
    metric = CounterMetricFamily(family.name, family.text, labels=family.labels)
    for labels, value in values.items():
        metric.add_metric(labels, value)
    return metric


def _gauge(family: Family, values: dict[tuple[str, ...], float | None]) -> Metric:
    metric = GaugeMetricFamily(family.name, family.text, labels=family.labels)
    for labels, value in values.items():
        if value is not None:  # there is nothing to tell yet
            metric.add_metric(labels, value)
    return metric

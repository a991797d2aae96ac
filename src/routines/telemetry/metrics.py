"""The metrics of one server for Prometheus: what each is named, counts and says of itself.

Each server has a registry of its own, and nothing is measured here that the layers below do not tell.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from routines.core.model import HeartbeatRun, RunStatus, Source
from routines.observer import AnsweredRequest, DatabaseFault, FireSet
from routines.storage.database import PoolState
from routines.telemetry.backlog import Backlog
from routines.telemetry.histogram import SetHistogram

LATENESS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
BATCH_FIRES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000)
BATCH_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
HEARTBEAT_SECONDS = (1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1_800.0, 3_600.0, 10_800.0)
MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Description:
    """A metric as it is exposed."""

    name: str
    kind: str
    labels: tuple[str, ...]
    documentation: str


class Metrics:
    """Counts what a server does; an `Observer`.

    `pools` and `open_streams` are asked at each scrape, and must answer from memory.
    """

    def __init__(self, pools: Callable[[], Sequence[PoolState]], open_streams: Callable[[], int]) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.described: list[Description] = []
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._scraping = Lock()
        self._scraped = _Scraped(pools, open_streams)
        self._fires = self._counter(
            "routines_fires",
            "Fires on disk, by what fired and what became of it; outcome missed counts slots dropped after an outage.",
            "source",
            "outcome",
        )
        lateness = Description(
            "routines_slot_lateness_seconds", "histogram", (), "How long after its slot a schedule's fire was recorded."
        )
        self._lateness = SetHistogram(lateness.name, lateness.documentation, LATENESS_SECONDS)
        self.described.append(lateness)
        self.registry.register(self._lateness)
        self._batch_fires = self._histogram(
            "routines_batch_fires", "How many fires were recorded by one transaction.", BATCH_FIRES, "by"
        )
        self._batch_seconds = self._histogram(
            "routines_batch_seconds", "How long a transaction took that recorded fires.", BATCH_SECONDS, "by"
        )
        self._deliveries = self._counter(
            "routines_webhook_deliveries", "Deliveries at webhooks, by what their senders were answered.", "outcome"
        )
        self._heartbeats_started = self._counter("routines_heartbeats_started", "Heartbeats that were started.")
        self._heartbeats_finished = self._counter(
            "routines_heartbeats_finished", "Heartbeats that ended, by how.", "status"
        )
        self._heartbeat_seconds = self._histogram(
            "routines_heartbeat_seconds", "How long heartbeats took that ended.", HEARTBEAT_SECONDS, "status"
        )
        self._database_errors = self._counter(
            "routines_database_errors", "Reads and transactions that the database failed, by why.", "fault"
        )
        self._requests = self._counter(
            "routines_http_requests", "HTTP requests that were answered.", "method", "route", "status"
        )
        self._request_seconds = self._histogram(
            "routines_http_request_seconds", "How long requests waited for their reply.", REQUEST_SECONDS, "route"
        )
        for fault in DatabaseFault:  # a rate needs a zero to begin with
            self._database_errors.labels(fault.value)
        for outcome in (RunStatus.ISSUE_CREATED.value, MISSED):
            self._fires.labels(Source.SCHEDULE.value, outcome)
        for source in Source:
            self._fires.labels(source.value, RunStatus.FAILED.value)
        self.described.extend(self._scraped.described)
        self.registry.register(self._scraped)
        ProcessCollector(registry=self.registry)

    def exposition(self, backlog: Backlog | None) -> bytes:
        """All metrics as Prometheus reads them; without what waits in the database where that is not known now."""
        with self._scraping:
            self._scraped.backlog = backlog
            return generate_latest(_WithoutBirths(self.registry))

    def fires_recorded(self, fires: FireSet, seconds: float) -> None:
        """Count a set, each kind of fire in it once."""
        size, is_schedule = 0, False
        for (source, status, slot, missed), count in fires.kinds.items():
            size += count
            if missed:
                self._fires.labels(source, MISSED).inc(missed * count)
                is_schedule = True
                continue
            self._fires.labels(source, status).inc(count)
            if slot is not None:
                self._lateness.observe(max(0, fires.fired_at - slot) / 1000, count)
                is_schedule = True
        by = "schedule" if is_schedule else "request"
        self._batch_fires.labels(by).observe(size)
        self._batch_seconds.labels(by).observe(seconds)

    def delivery_answered(self, outcome: str) -> None:
        """Count it."""
        self._deliveries.labels(outcome).inc()

    def heartbeats_started(self, runs: Sequence[HeartbeatRun]) -> None:
        """Count them."""
        self._heartbeats_started.inc(len(runs))

    def heartbeats_ended(self, runs: Sequence[HeartbeatRun]) -> None:
        """Count them, and how long each took."""
        for run in runs:
            self._heartbeats_finished.labels(run.status.value).inc()
            if run.started_at is not None and run.finished_at is not None:
                took = (run.finished_at - run.started_at).total_seconds()
                self._heartbeat_seconds.labels(run.status.value).observe(took)

    def database_failed(self, fault: DatabaseFault) -> None:
        """Count it."""
        self._database_errors.labels(fault.value).inc()

    def request_answered(self, request: AnsweredRequest) -> None:
        """Count it; its method and route are few, whatever was asked for."""
        key = (request.method, request.route, request.status)
        children = self._children.get(key)
        if children is None:
            counted = self._requests.labels(request.method, request.route, str(request.status))
            children = self._children[key] = (counted, self._request_seconds.labels(request.route))
        counter, histogram = children
        counter.inc()
        histogram.observe(request.seconds)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        self.described.append(Description(f"{name}_total", "counter", labels, documentation))
        return Counter(name, documentation, labels, registry=self.registry)

    def _histogram(self, name: str, documentation: str, bounds: Sequence[float], *labels: str) -> Histogram:
        self.described.append(Description(name, "histogram", labels, documentation))
        return Histogram(name, documentation, labels, registry=self.registry, buckets=bounds)


class _WithoutBirths(Collector):
    """A registry without the series that tell when each counter was made, which would be a third of all."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """All that is left."""
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class _Scraped(Collector):
    """What is asked for when somebody scrapes, and kept by nobody."""

    described = (
        Description("routines_slots_due", "gauge", (), "Schedules whose slot has come and is not fired, up to 10,000."),
        Description("routines_slots_due_age_seconds", "gauge", (), "How long the oldest slot has been due."),
        Description(
            "routines_heartbeats_queued", "gauge", (), "Heartbeats that wait for agents free to start, up to 10,000."
        ),
        Description("routines_heartbeats_queued_age_seconds", "gauge", (), "How long the oldest of them has waited."),
        Description("routines_scrape_error", "gauge", (), "1 if the database did not tell in time what waits, else 0."),
        Description("routines_database_connections", "gauge", ("pool",), "Connections this server may have at most."),
        Description("routines_database_connections_in_use", "gauge", ("pool",), "Connections that are in use."),
        Description("routines_database_waiting", "gauge", ("pool",), "Callers that wait for a connection or a turn."),
        Description("routines_event_streams_open", "gauge", (), "Event streams that are open on this server."),
        Description("routines_build_info", "gauge", ("version", "python"), "1; what runs here, in its labels."),
    )

    def __init__(self, pools: Callable[[], Sequence[PoolState]], open_streams: Callable[[], int]) -> None:
        self._pools = pools
        self._open_streams = open_streams
        self.backlog: Backlog | None = None

    def collect(self) -> Iterator[Metric]:
        """Ask, and tell."""
        values = self._values()
        for each in self.described:
            family = GaugeMetricFamily(each.name, each.documentation, labels=each.labels)
            for labels, value in values.get(each.name, ()):
                family.add_metric(labels, value)
            yield family

    def _values(self) -> dict[str, list[tuple[Sequence[str], float]]]:
        pools, backlog = self._pools(), self.backlog
        values: dict[str, list[tuple[Sequence[str], float]]] = {
            "routines_scrape_error": [((), backlog is None)],
            "routines_database_connections": [((pool.name,), pool.size) for pool in pools],
            "routines_database_connections_in_use": [((pool.name,), pool.in_use) for pool in pools],
            "routines_database_waiting": [((pool.name,), pool.waiting) for pool in pools],
            "routines_event_streams_open": [((), self._open_streams())],
            "routines_build_info": [((version("routines"), platform.python_version()), 1)],
        }
        if backlog is not None:
            values |= {
                "routines_slots_due": [((), backlog.slots_due)],
                "routines_slots_due_age_seconds": [((), backlog.slot_age_seconds)],
                "routines_heartbeats_queued": [((), backlog.heartbeats_queued)],
                "routines_heartbeats_queued_age_seconds": [((), backlog.heartbeat_age_seconds)],
            }
        return values

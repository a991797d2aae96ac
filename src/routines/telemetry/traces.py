"""OpenTelemetry spans of requests, batches of fires and heartbeats, each made whole when what it tells of is over.

Where spans are sent is the exporter's own configuration; nothing is imported until a collector is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING

from routines.clock import epoch_nanoseconds
from routines.core.errors import RoutinesError
from routines.core.instants import to_milliseconds
from routines.core.limits import TRACE_LINKS_MAX
from routines.core.model import HeartbeatRun, HeartbeatStatus
from routines.observer import AnsweredRequest, DatabaseFault, FireSet

if TYPE_CHECKING:  # an extra that few installations have
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanContext

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NANOSECONDS = 1_000_000_000
STOP_SECONDS_MAX = 1.0  # after callers have had seven of the ten seconds of a stop
FAULT_MIN = 500


class TracesError(RoutinesError):
    """Traces are asked for and cannot be made."""


def traces_from(environment: Mapping[str, str]) -> Traces | None:
    """The traces that the environment asks for by naming a collector, or None.

    Raises `TracesError` where what makes them is not installed.
    """
    named = next((name for name in ENDPOINTS if environment.get(name)), None)
    if named is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same
    except ImportError as error:
        raise TracesError(
            f"{named} is set, and what sends traces is not installed: install routines[traces], or unset it"
        ) from error
    name = environment.get("OTEL_SERVICE_NAME") or "routines"  # what is given here wins over what it looks up itself
    resource = Resource.create({"service.name": name, "service.version": version("routines")})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Traces(provider)


class Traces:
    """Makes spans; an `Observer`."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - the same

        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        self._provider = provider
        self._tracer = provider.get_tracer("routines", version("routines"))

    def stop(self) -> None:
        """Send what is left, for a while; a collector that does not answer keeps no server from ending."""
        sending = Thread(target=self._provider.shutdown, name="traces", daemon=True)
        sending.start()
        sending.join(STOP_SECONDS_MAX)

    def fires_recorded(self, fires: FireSet, seconds: float) -> None:
        """A span of the transaction, with how many fires came to what, and links to the traces of their senders."""
        ended_at = epoch_nanoseconds()
        counts: dict[str, int] = {}
        for (_, status, _, missed), count in fires.kinds.items():
            outcome = "missed" if missed else status
            counts[outcome] = counts.get(outcome, 0) + (missed or 1) * count
        links = [
            self._trace.Link(context, {"routines.run.id": run_id})
            for trace, run_id in fires.traces[:TRACE_LINKS_MAX]
            if (context := self._context_of(trace)).is_valid
        ]
        span = self._tracer.start_span(
            "dispatch",
            attributes={"routines.fires": fires.size}
            | {f"routines.outcome.{outcome}": count for outcome, count in counts.items()},
            links=links,
            start_time=ended_at - int(seconds * NANOSECONDS),
        )
        span.end(ended_at)

    def delivery_answered(self, outcome: str) -> None:
        """Nothing: its request has a span."""

    def heartbeats_started(self, runs: Sequence[HeartbeatRun]) -> None:
        """Nothing yet: a span is made of the whole."""

    def heartbeats_ended(self, runs: Sequence[HeartbeatRun]) -> None:
        """A span of each heartbeat's whole life, from its start to its end."""
        for run in runs:
            if run.started_at is None or run.finished_at is None:
                continue
            attributes = {
                "routines.heartbeat.run.id": run.id,
                "routines.company.id": run.company_id,
                "routines.agent.id": run.agent_id,
                "routines.issue.id": run.issue_id,
                "routines.routine.id": run.routine_id,
                "routines.heartbeat.status": run.status.value,
                "routines.heartbeat.attempt": run.attempt,
                "error.type": run.error_code,
            }
            span = self._tracer.start_span(
                "heartbeat",
                attributes={name: value for name, value in attributes.items() if value is not None},
                start_time=to_milliseconds(run.started_at) * 1_000_000,
            )
            if run.status is not HeartbeatStatus.SUCCEEDED:
                span.set_status(self._trace.StatusCode.ERROR, run.error)
            span.end(to_milliseconds(run.finished_at) * 1_000_000)

    def database_failed(self, fault: DatabaseFault) -> None:
        """Nothing: it is counted, and whoever asked has a span."""

    def request_answered(self, request: AnsweredRequest) -> None:
        """A span of the request, in its caller's trace if it named one."""
        ended_at = epoch_nanoseconds()
        parent = None
        if request.trace is not None:
            parent = self._propagator.extract({"traceparent": request.trace})
        span = self._tracer.start_span(
            f"{request.method} {request.route}",
            context=parent,
            kind=self._trace.SpanKind.SERVER,
            attributes={
                "http.request.method": request.method,
                "http.route": request.route,
                "http.response.status_code": request.status,
                "routines.request.id": request.request_id,
            },
            start_time=ended_at - int(request.seconds * NANOSECONDS),
        )
        if request.status >= FAULT_MIN:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end(ended_at)

    def _context_of(self, trace: str) -> SpanContext:
        context = self._propagator.extract({"traceparent": trace})
        return self._trace.get_current_span(context).get_span_context()

"""The spans that are made where a collector is named, and that none are where it is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from routines.telemetry import traces
from routines.telemetry.traces import Traces, TracesError, traces_from
from support.clock import MINUTE
from support.databases import on_sqlite
from support.heartbeats import FAILED, Worker, issue_for, process_agent
from support.service import Company, Place, Service, ok
from support.webhooks import webhook

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("routines.wiring.traces_from", lambda _: Traces(provider))
    return exporter


@pytest.fixture
def service(place: Place, spans: InMemorySpanExporter) -> Iterator[Service]:
    del spans  # is asked for first
    running = Service(place)
    yield running
    running.close()


def only(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    [span] = [each for each in spans.get_finished_spans() if each.name == name]
    return span


@on_sqlite
def test_a_webhook_goes_on_with_its_senders_trace(
    service: Service, company: Company, spans: InMemorySpanExporter
) -> None:
    hook = webhook(service, company)
    spans.clear()
    run = ok(hook.post(hook.signed() | {"traceparent": TRACEPARENT, "X-Request-Id": "req-1"}, b"{}"), 202)
    request = only(spans, "POST /api/routine-triggers/public/{public_id}/fire")
    assert request.kind is SpanKind.SERVER
    assert request.parent is not None
    assert f"{request.parent.span_id:x}".zfill(16) == SPAN_ID
    assert f"{request.parent.trace_id:x}" == TRACE_ID
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/api/routine-triggers/public/{public_id}/fire",
        "http.response.status_code": 202,
        "routines.request.id": "req-1",
    }
    batch = only(spans, "dispatch")
    assert dict(batch.attributes or {}) == {"routines.fires": 1, "routines.outcome.issue_created": 1}
    [link] = batch.links
    assert f"{link.context.trace_id:x}" == TRACE_ID
    assert dict(link.attributes or {}) == {"routines.run.id": run["id"]}
    assert request.start_time is not None
    assert batch.start_time is not None
    assert batch.end_time is not None
    assert request.start_time <= batch.start_time <= batch.end_time


@on_sqlite
@pytest.mark.parametrize("given", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", TRACEPARENT * 100])
def test_a_trace_that_is_none_does_no_harm(
    service: Service, company: Company, spans: InMemorySpanExporter, given: str
) -> None:
    hook = webhook(service, company)
    spans.clear()
    ok(hook.post(hook.signed() | {"traceparent": given}, b"{}"), 202)
    assert only(spans, "dispatch").links == ()
    assert only(spans, "POST /api/routine-triggers/public/{public_id}/fire").parent is None


@on_sqlite
def test_a_heartbeat_is_one_span_from_its_start_to_its_end(
    service: Service, company: Company, spans: InMemorySpanExporter
) -> None:
    worker, agent = Worker(service), process_agent(company)
    issue = issue_for(company, agent)
    work = worker.one()
    service.clock.advance(MINUTE)
    worker.end(work, FAILED)
    span = only(spans, "heartbeat")
    assert dict(span.attributes or {}) == {
        "routines.heartbeat.run.id": work.run.id,
        "routines.company.id": company.id,
        "routines.agent.id": agent,
        "routines.issue.id": issue,
        "routines.heartbeat.status": "failed",
        "routines.heartbeat.attempt": 1,
        "error.type": "exit_code",
    }
    assert (span.end_time or 0) - (span.start_time or 0) == 60 * 10**9
    assert not span.status.is_ok


def test_nothing_is_traced_unless_a_collector_is_named() -> None:
    assert traces_from({}) is None
    assert traces_from({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}) is None


@pytest.mark.parametrize("name", traces.ENDPOINTS)
def test_a_missing_extra_is_told_as_a_sentence(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(TracesError, match=rf"{name} is set, .* install routines\[traces\], or unset it"):
        traces_from({name: "http://127.0.0.1:4318"})


def test_a_collector_that_is_away_keeps_no_server_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "STOP_SECONDS_MAX", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")  # the exporter reads it there
    made = traces_from({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SERVICE_NAME": "here"})
    assert made is not None
    made.stop()

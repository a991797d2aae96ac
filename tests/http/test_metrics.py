"""What Prometheus reads: exactly what happened, to whom it may be told, and of few series whatever is asked."""

from __future__ import annotations

from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest

from routines.core import limits
from routines.core.access import AuthMode
from routines.http.rate_limit import RateLimiter
from routines.http.routes import metrics
from routines.settings import Role
from routines.telemetry import backlog
from support.clock import HOUR, MINUTE, SECOND
from support.databases import on_postgres, on_sqlite
from support.heartbeats import FAILED, Worker, issue_for, process_agent
from support.schedules import ONE_PM, hourly, tick_at
from support.scrapes import scrape, value, values
from support.service import Company, Place, Service, error, ok
from support.webhooks import webhook

TOKEN = "a-token-for-metrics"
HOSTILE = ("/api/routines/{}", "/{}", "/static/{}", "/api/{}", "/api/routine-triggers/public/{}/fire", "/routines/{}")


def test_a_scrape_counts_each_fire_by_source_and_outcome(service: Service, company: Company) -> None:
    fired = hourly(company)
    hourly(company, concurrencyPolicy="coalesce_if_active")
    hourly(company, concurrencyPolicy="skip_if_active")
    tick_at(service, ONE_PM + timedelta(milliseconds=20))
    tick_at(service, ONE_PM + HOUR + 3 * SECOND)
    before = scrape(service)
    assert values(before, "routines_fires_total") == {
        ("issue_created", "schedule"): 4,
        ("coalesced", "schedule"): 1,
        ("skipped", "schedule"): 1,
    }
    assert values(before, "routines_slot_lateness_seconds_bucket")["0.025",] == 3
    assert values(before, "routines_slot_lateness_seconds_bucket")["2.5",] == 3
    assert values(before, "routines_slot_lateness_seconds_bucket")["5.0",] == 6
    assert value(before, "routines_slot_lateness_seconds_sum") == pytest.approx(3 * 0.02 + 3 * 3)
    assert values(before, "routines_batch_fires_count") == {("schedule",): 2}
    assert values(before, "routines_batch_fires_sum") == {("schedule",): 6}

    ok(company.board.post(f"/routines/{fired['id']}/run"), 202)
    tick_at(service, ONE_PM + 5 * HOUR + 120 * SECOND)  # two routines of three slots, and one that coalesces
    after = scrape(service)
    fires = values(after, "routines_fires_total")
    assert fires["missed", "schedule"] == 3 * 4
    assert fires["issue_created", "manual"] == 1
    assert fires["issue_created", "schedule"] == 4
    assert ("skipped", "schedule") in fires
    assert fires["skipped", "schedule"] == 1
    assert value(after, "routines_slot_lateness_seconds_count") == 6
    assert values(after, "routines_batch_seconds_count") == {("schedule",): 3, ("request",): 1}


@on_sqlite
def test_each_delivery_is_counted_by_what_its_sender_was_answered(service: Service, company: Company) -> None:
    hook = webhook(service, company, "hmac_sha256")
    headers = hook.signed(b"{}")
    ok(hook.post(headers, b"{}"), 202)
    error(hook.post(headers, b"{}"), 409)
    keyed = {"Idempotency-Key": "same"}
    for _ in range(2):
        ok(hook.post(hook.signed(b"{}") | keyed, b"{}"), 202)
    error(hook.post(hook.signed_wrongly(), b"{}"), 401)
    error(hook.post(hook.signed(b"{") | {"Content-Type": "application/json"}, b"{"), 400)
    big = b" " * (limits.BODY_BYTES_MAX + 1)
    error(hook.post(hook.signed(big), big), 413)
    error(service.board.post("/routine-triggers/public/nonsense/fire"), 404)
    ok(company.board.patch(f"/routines/{hook.routine['id']}", {"status": "paused"}))
    error(hook.post(hook.signed(b"{}"), b"{}"), 409)
    service.server.app.state.fire_limiter = RateLimiter(1)
    error(hook.post({}, b""), 401)
    error(hook.post({}, b""), 429)
    assert values(scrape(service), "routines_webhook_deliveries_total") == {
        ("accepted",): 2,
        ("refused",): 2,
        ("repeated",): 1,
        ("replay",): 1,
        ("unreadable",): 1,
        ("too_large",): 1,
        ("unknown",): 1,
        ("inactive",): 1,
        ("rate_limited",): 1,
    }


@on_sqlite
def test_no_path_or_method_makes_a_series_of_its_own(service: Service) -> None:
    def series(number: int) -> int:
        for path in HOSTILE:
            for method in ("GET", "POST", f"M{number}"):
                service.client.request(method, path.format(f"{number}-{path.count('/')}"))
        return len([sample for sample in scrape(service) if sample.name.startswith("routines_")])

    scrape(service)  # which is a request of its own
    assert len({series(number) for number in range(4)}) == 1
    requests = values(scrape(service), "routines_http_requests_total")
    assert {route for _, route, _ in requests} == {
        "none",
        "/api/routines/{routine_id}",
        "/api/routine-triggers/public/{public_id}/fire",
        "/metrics",
        "/routines/{routine_id}",
        "/static/{name}",
        "/{path:outside_the_api}",
    }
    assert {method for method, _, _ in requests} == {"GET", "POST", "other"}


def test_heartbeats_are_counted_and_so_is_what_waits(service: Service, company: Company) -> None:
    worker, agent = Worker(service), process_agent(company)
    issue_for(company, agent)
    issue_for(company, company.agent_id)  # who looks for work by itself waits for nobody
    hourly(company)
    service.clock.at = ONE_PM
    service.clock.advance(40 * SECOND)
    waiting = scrape(service)
    assert value(waiting, "routines_heartbeats_queued") == 1
    assert value(waiting, "routines_heartbeats_queued_age_seconds") == 3600 - 30 + 40
    assert value(waiting, "routines_slots_due") == 1
    assert value(waiting, "routines_slots_due_age_seconds") == 40
    assert value(waiting, "routines_scrape_error") == 0

    service.tick()
    work = worker.one()
    service.clock.advance(MINUTE)
    worker.end(work, FAILED)
    after = scrape(service)
    assert value(after, "routines_heartbeats_started_total") == 1
    assert values(after, "routines_heartbeats_finished_total") == {("failed",): 1}
    assert values(after, "routines_heartbeat_seconds_sum") == {("failed",): 60}
    assert value(after, "routines_slots_due") == 0
    assert value(after, "routines_slots_due_age_seconds") == 0


def test_a_scrape_does_not_wait_for_the_database(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "SCRAPE_DATABASE_SECONDS_MAX", 0.05)
    held, let_go, asked = Event(), Event(), 0
    read = service.server.database.read

    def slow(*_: Any) -> Any:
        nonlocal asked
        asked += 1
        held.set()
        let_go.wait(10)
        return read()

    monkeypatch.setattr(service.server.database, "read", slow)
    samples = scrape(service)
    assert value(samples, "routines_scrape_error") == 1
    assert not any(sample.name == "routines_slots_due" for sample in samples)
    assert values(samples, "routines_fires_total") == {}
    scrape(service)
    assert asked == 1  # the second scrape waited for the first one's question
    let_go.set()


@on_sqlite
def test_a_scrape_without_a_thread_keeps_no_later_one_from_asking(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> Thread:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(backlog, "Thread", refuse)
        assert value(scrape(service), "routines_scrape_error") == 1
        assert service.board.get("/health/ready").status_code == 503
    assert value(scrape(service), "routines_scrape_error") == 0


def test_the_pools_tell_who_uses_and_who_waits(service: Service) -> None:
    with service.server.database.write():
        samples = scrape(service)
        assert values(samples, "routines_database_connections_in_use")["writers",] == 1
        pools = {name for (name,) in values(samples, "routines_database_connections")}
        assert {"readers", "writers"} <= pools
    assert ("writers",) not in values(scrape(service), "routines_database_connections_in_use")


@on_sqlite
def test_a_writer_that_waits_is_seen_and_one_that_gives_up_is_an_error(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = service.server.database._writer_turn  # type: ignore[attr-defined]  # noqa: SLF001 - to be impatient
    monkeypatch.setattr(turn, "_patience_seconds", 0.3)

    def write() -> None:
        error(service.board.post("/companies", {"name": "Second"}), 503)

    with service.server.database.write():
        waiting = Thread(target=write)
        waiting.start()
        while not turn.waiting and waiting.is_alive():
            pass
        assert values(scrape(service), "routines_database_waiting") == {("writers",): 1}
        waiting.join()
    assert values(scrape(service), "routines_database_errors_total") == {("busy",): 1}
    assert values(scrape(service), "routines_database_waiting") == {}


@on_sqlite
def test_who_may_read_the_metrics(place: Place) -> None:
    service = Service(place, auth=AuthMode.AUTHENTICATED, metrics_token=TOKEN)
    company = service.company()
    got = {
        "nobody": service.client.get("/metrics").status_code,
        "bad token": service.client.get("/metrics", headers=_bearer(f"{TOKEN}x")).status_code,
        "agent": service.client.get("/metrics", headers=_bearer(company.agent.token)).status_code,
        "board": service.client.get("/metrics", headers=_bearer(service.board.token)).status_code,
        "token": service.client.get("/metrics", headers=_bearer(TOKEN)).status_code,
    }
    assert got == {"nobody": 401, "bad token": 401, "agent": 403, "board": 200, "token": 200}
    error(service.as_agent(TOKEN).get(f"/companies/{company.id}/routines"), 401)  # it opens nothing else
    service.close()


def _bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@on_sqlite
def test_no_foreign_page_reads_the_metrics(service: Service) -> None:
    assert service.client.get("/metrics", headers={"Origin": "https://elsewhere.example"}).status_code == 403


@on_postgres
def test_a_server_without_the_api_exposes_metrics_too(place: Place) -> None:
    service = Service(place, roles=frozenset({Role.SCHEDULER}))
    assert value(scrape(service), "routines_slots_due") == 0
    assert values(scrape(service), "routines_http_requests_total") == {("GET", "/metrics", "200"): 1}
    service.close()

"""History is kept to an age: what goes, what stays for whatever reason, and what may come again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from routines.core.fires import key_cause
from routines.core.limits import REMOVED_AT_ONCE_MAX
from routines.core.model import Source
from routines.dispatch.retention import Retention
from routines.storage.queries import removal
from routines.storage.queries.removal import Age
from routines.storage.schema import activity, metadata, run_aliases, runs
from support.clock import DAY, MINUTE, SECOND
from support.databases import on_postgres
from support.service import Company, Service, ok
from support.subscribing import deliveries, subscribed
from support.webhooks import webhook

KEEP = 30 * DAY


def tidy(service: Service, keep: timedelta | None = KEEP) -> int:
    retention = Retention(service.server.database, service.clock, keep=keep)
    return retention.tidy_once(service.clock.now())


def fire(company: Company, routine: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    run: dict[str, Any] = ok(
        company.board.post(f"/routines/{routine['id']}/run", {"idempotencyKey": key} if key else {}), 202
    )
    return run


def ids(company: Company, routine: dict[str, Any]) -> list[str]:
    return [run["id"] for run in company.runs(routine["id"])]


def count(service: Service, table: str) -> int:
    with service.server.database.read() as connection:
        return connection.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one()


def old_run(service: Service, company: Company) -> dict[str, Any]:
    """A routine whose only run, with the key `k`, is to be removed."""
    routine = company.routine()
    company.close(fire(company, routine, key="k")["linkedIssueId"])
    service.clock.advance(KEEP + SECOND)
    return routine


@pytest.mark.parametrize("ending", ["completed", "failed", "skipped"])
def test_a_run_goes_once_it_has_been_over_for_longer_than_that(service: Service, company: Company, ending: str) -> None:
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "@yearly"}])
    run = fire(company, routine)
    if ending == "skipped":
        ok(company.board.patch(f"/projects/{company.project_id}", {"status": "paused"}))
        hook = webhook(service, company)
        routine, run = hook.routine, ok(hook.fire(), 202)
        assert run["status"] == "skipped"
    else:
        service.clock.advance(5 * DAY)
        company.close(run["linkedIssueId"], "done" if ending == "completed" else "cancelled")
    service.clock.advance(KEEP)
    tidy(service)
    assert ids(company, routine) == [run["id"]]
    service.clock.advance(SECOND)
    tidy(service)
    assert ids(company, routine) == []


@pytest.mark.parametrize("policy", ["coalesce_if_active", "skip_if_active"])
def test_what_an_open_issue_points_to_stays(service: Service, company: Company, policy: str) -> None:
    routine = company.routine(concurrencyPolicy=policy)
    first, joined = fire(company, routine), fire(company, routine)
    service.clock.advance(400 * DAY)
    tidy(service)
    assert ids(company, routine) == [joined["id"], first["id"]]
    company.close(first["linkedIssueId"])
    tidy(service)
    assert ids(company, routine) == [first["id"]]  # it was completed just now, and the other one long ago
    service.clock.advance(KEEP + SECOND)
    tidy(service)
    assert ids(company, routine) == []
    assert ok(company.board.get(f"/issues/{first['linkedIssueId']}"))["routineRuns"] == []


def test_an_issue_whose_run_is_gone_can_be_opened_again_and_joined(service: Service, company: Company) -> None:
    routine = company.routine()
    gone = fire(company, routine)
    company.close(gone["linkedIssueId"])
    service.clock.advance(KEEP + SECOND)
    tidy(service)
    company.close(gone["linkedIssueId"], "todo")
    joined = fire(company, routine)
    assert (joined["status"], joined["linkedIssueId"]) == ("coalesced", gone["linkedIssueId"])
    company.close(gone["linkedIssueId"])
    assert ids(company, routine) == [joined["id"]]


def test_activity_goes_by_its_age(service: Service, company: Company) -> None:
    before = count(service, "activity")
    service.clock.advance(KEEP)
    company.routine()
    assert tidy(service) == before  # the company's own, a minute older
    assert count(service, "activity") == 1


def test_deliveries_that_made_no_run_go_by_their_age(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    hook.post({})
    service.clock.advance(KEEP)
    hook.post({})
    tidy(service, None)
    tidy(service)
    assert count(service, "unfired_deliveries") == 2
    service.clock.advance(SECOND)
    assert tidy(service) >= 1
    assert count(service, "unfired_deliveries") == 1


def test_the_log_of_notifications_is_kept_for_a_month_and_what_waits_stays(service: Service, company: Company) -> None:
    over, waits = (subscribed(company, "https://ops.example.com/hook")["subscription"]["id"] for _ in range(2))
    for subscription in (over, waits):
        ok(company.board.post(f"/notification-subscriptions/{subscription}/test"), 202)
    ok(company.board.patch(f"/notification-subscriptions/{over}", {"enabled": False}))
    service.clock.advance(30 * DAY)
    assert tidy(service, keep=None) == 0
    service.clock.advance(SECOND)
    assert tidy(service, keep=None) == 1
    assert [len(deliveries(company.board, each)) for each in (over, waits)] == [0, 1]


def test_without_an_age_all_history_stays(service: Service, company: Company) -> None:
    routine = company.routine()
    run = fire(company, routine)
    company.close(run["linkedIssueId"])
    entries = count(service, "activity")
    service.clock.advance(5000 * DAY)
    assert tidy(service, keep=None) == 0
    assert ids(company, routine) == [run["id"]]
    assert count(service, "activity") == entries


def test_a_key_may_be_used_anew_once_its_run_is_gone(service: Service, company: Company) -> None:
    routine = company.routine()
    gone = fire(company, routine, key="k")
    company.close(gone["linkedIssueId"])
    service.clock.advance(KEEP)
    tidy(service)
    assert fire(company, routine, key="k")["id"] == gone["id"]
    service.clock.advance(SECOND)
    tidy(service)
    assert fire(company, routine, key="k")["id"] != gone["id"]


def test_every_cause_of_a_run_goes_with_it(service: Service, company: Company) -> None:
    hook = webhook(service, company, "standard_webhooks")
    signed = hook.signed()
    gone = ok(hook.post({**signed, "Idempotency-Key": "k"}), 202)
    assert count(service, "run_aliases") > 0
    company.close(gone["linkedIssueId"])
    service.clock.advance(KEEP + SECOND)
    tidy(service)
    assert (count(service, "runs"), count(service, "run_aliases")) == (0, 0)


def test_a_run_stays_while_one_of_its_causes_is_still_to_be_refused(service: Service, company: Company) -> None:
    hook = webhook(service, company, "hmac_sha256")
    run = ok(hook.fire(headers={"Idempotency-Key": "k"}), 202)
    company.close(run["linkedIssueId"])
    service.clock.advance(KEEP + SECOND)
    late = hook.signed()
    assert ok(hook.post({**late, "Idempotency-Key": "k"}), 202)["id"] == run["id"]
    tidy(service)
    assert hook.post(late).status_code == 409
    service.clock.advance(2 * DAY + SECOND)
    tidy(service)
    assert count(service, "runs") == 0


def test_signed_requests_are_forgotten_when_they_cannot_come_again_and_no_sooner(
    service: Service, company: Company
) -> None:
    hook = webhook(service, company, "hmac_sha256", replayWindowSec=86_400)
    signed = hook.signed(at=service.clock.now() + DAY)
    ok(hook.post({**signed, "Idempotency-Key": "k"}), 202)
    service.clock.advance(2 * DAY)
    tidy(service, keep=None)
    assert hook.post(signed).status_code == 409
    service.clock.advance(SECOND)
    tidy(service, keep=None)
    assert count(service, "run_aliases") == 0
    assert hook.post(signed).status_code == 401


def test_more_than_a_transaction_takes_goes_in_several(service: Service, company: Company) -> None:
    routine = company.routine(concurrencyPolicy="skip_if_active")
    kept = fire(company, routine)
    fire(company, routine)
    copies = 2 * REMOVED_AT_ONCE_MAX
    with service.server.database.write() as transaction:
        connection = transaction.connection
        pattern = connection.execute(select(runs).where(runs.c.id != kept["id"])).one()._asdict()
        for table, row in ((runs, {**pattern, "linked_issue_id": None}), (run_aliases, None), (activity, None)):
            made = service.server.services.issues.context.ids.many(service.clock.now(), copies)
            if table is runs:
                connection.execute(table.insert(), [{**row, "id": each, "cause": each} for each in made])
            elif table is run_aliases:
                alias = {"routine_id": routine["id"], "run_id": kept["id"], "expires_at": service.clock.now()}
                connection.execute(table.insert(), [{**alias, "cause": each} for each in made])
            else:
                entry = connection.execute(select(activity).limit(1)).one()._asdict()
                connection.execute(table.insert(), [{**entry, "id": each} for each in made])
    entries = count(service, "activity")
    service.clock.advance(KEEP + MINUTE)
    assert tidy(service) == copies + copies + entries
    assert count(service, "run_aliases") == count(service, "activity") == 0
    assert len(ids(company, routine)) == 2


def test_it_begins_and_ends_with_the_server(service: Service, company: Company) -> None:
    hook = webhook(service, company, "hmac_sha256")
    ok(hook.fire(headers={"Idempotency-Key": "k"}), 202)
    service.clock.advance(3 * DAY)
    retention = Retention(service.server.database, service.clock, keep=None)
    retention.start()
    while count(service, "run_aliases"):
        pass
    retention.stop()


@on_postgres
def test_one_server_at_a_time_removes_and_the_others_do_not_wait(service: Service, company: Company) -> None:
    routine = old_run(service, company)
    with service.server.database.write() as another:
        assert another.locks.removal()
        assert tidy(service) == 0
    assert tidy(service) > 0
    assert ids(company, routine) == []


@on_postgres
def test_a_repeat_that_is_being_answered_keeps_its_run(service: Service, company: Company) -> None:
    routine = old_run(service, company)
    cause = (routine["id"], key_cause(Source.MANUAL, None, "k"))
    with service.server.database.write() as repeat:
        assert repeat.hot.known_causes([cause])
        tidy(service)
        assert len(ids(company, routine)) == 1
    tidy(service)
    assert ids(company, routine) == []


@on_postgres
def test_a_repeat_during_a_removal_is_a_fire_of_its_own(service: Service, company: Company) -> None:
    routine = old_run(service, company)
    age = Age(service.clock.now() - KEEP, service.clock.now())
    with ThreadPoolExecutor() as threads:
        with service.server.database.write() as transaction:
            gone = ids(company, routine)
            assert removal.remove_runs(transaction.connection, age=age, ids=gone) == 1
            repeat = threads.submit(fire, company, routine, "k")
            with pytest.raises(TimeoutError):
                repeat.result(0.2)
        assert repeat.result()["id"] not in gone

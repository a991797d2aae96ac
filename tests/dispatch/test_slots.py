"""Slots: on time, late, missed, caught up; what a pause, an archive and a suppression do to them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from routines.core.instants import iso
from routines.storage.queries import triggers
from support.clock import DAY, HOUR, MINUTE, SECOND
from support.schedules import GRACE, MILLISECOND, ONE_PM, hourly, only_trigger, schedule, slots, tick_at
from support.service import Company, Place, Service, ok

SKIP_MISSED, ENQUEUE_MISSED = "skip_missed", "enqueue_missed_with_cap"
POLICIES = (SKIP_MISSED, ENQUEUE_MISSED)


def hours(first: datetime, count: int) -> list[str]:
    """`count` hourly slots from `first` on, as on the wire."""
    return [iso(first + index * HOUR) for index in range(count)]


def test_a_slot_that_was_recorded_already_stays_one_run_and_holds_up_no_other(
    service: Service, company: Company
) -> None:
    """As after a trigger's row was put back to what it was, by hand or from a backup."""
    again, other = hourly(company), hourly(company)
    with service.server.database.read() as connection:
        before = triggers.get(connection, again["triggers"][0]["id"])
    assert before is not None
    tick_at(service, ONE_PM)
    with service.server.database.write() as transaction:
        triggers.change(transaction.connection, before)
    tick_at(service, ONE_PM + MINUTE / 2)
    assert slots(company, again) == slots(company, other) == [iso(ONE_PM)]
    assert only_trigger(company, again)["nextRunAt"] == iso(ONE_PM + HOUR)


def test_a_slot_fires_in_its_minute_and_moves_its_trigger_on(service: Service, company: Company) -> None:
    routine = hourly(company)
    assert routine["triggers"][0]["nextRunAt"] == iso(ONE_PM)
    tick_at(service, ONE_PM)
    (run,) = company.runs(routine["id"])
    trigger = only_trigger(company, routine)
    assert (run["source"], run["status"], run["triggerId"]) == ("schedule", "issue_created", trigger["id"])
    assert (run["scheduledFor"], run["triggeredAt"]) == (iso(ONE_PM), iso(ONE_PM))
    assert (trigger["lastFiredAt"], trigger["nextRunAt"]) == (iso(ONE_PM), iso(ONE_PM + HOUR))
    assert trigger["lastResult"] == f"Created execution issue {run['linkedIssue']['identifier']}"


def test_a_slot_does_not_fire_before_its_time(service: Service, company: Company) -> None:
    routine = hourly(company)
    tick_at(service, ONE_PM - MILLISECOND)
    assert company.runs(routine["id"]) == []


def test_a_slot_fires_once_however_often_it_is_looked_at(service: Service, company: Company) -> None:
    routine = hourly(company)
    for age in (0 * SECOND, SECOND, GRACE, GRACE + SECOND, 59 * MINUTE):
        tick_at(service, ONE_PM + age)
    assert slots(company, routine) == [iso(ONE_PM)]
    assert len(company.runs(routine["id"])) == 1


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("age", [MILLISECOND, GRACE])
def test_a_late_slot_fires_under_either_policy(service: Service, company: Company, policy: str, age: timedelta) -> None:
    routine = hourly(company, catchUpPolicy=policy)
    tick_at(service, ONE_PM + age)
    assert slots(company, routine) == [iso(ONE_PM)]
    assert len(company.runs(routine["id"])) == 1


@pytest.mark.parametrize(("policy", "status"), [(SKIP_MISSED, "skipped"), (ENQUEUE_MISSED, "issue_created")])
def test_a_slot_is_missed_only_after_the_grace(service: Service, company: Company, policy: str, status: str) -> None:
    routine = hourly(company, catchUpPolicy=policy)
    tick_at(service, ONE_PM + GRACE + MILLISECOND)
    (run,) = company.runs(routine["id"])
    assert (run["status"], run["scheduledFor"]) == (status, iso(ONE_PM))


def test_dropped_slots_leave_one_record_that_says_how_many_from_when_to_when_and_why(
    service: Service, company: Company
) -> None:
    routine = hourly(company, catchUpPolicy=SKIP_MISSED)
    tick_at(service, ONE_PM + 4 * HOUR + 30 * MINUTE)
    (run,) = company.runs(routine["id"])
    first, last = iso(ONE_PM), iso(ONE_PM + 4 * HOUR)
    assert (run["status"], run["scheduledFor"]) == ("skipped", last)
    assert run["details"] == {"count": 5, "from": first, "to": last}
    assert run["completedAt"] == run["triggeredAt"]
    assert run["linkedIssueId"] is None
    for part in ("5", first, last, "60 s", "skip_missed"):
        assert part in run["failureReason"]
    assert company.issues(routine["id"]) == []
    trigger = only_trigger(company, routine)
    assert trigger["nextRunAt"] == iso(ONE_PM + 5 * HOUR)
    assert trigger["lastResult"] == f"Skipped: {run['failureReason']}"


def test_dropped_slots_never_fire(service: Service, company: Company) -> None:
    routine = hourly(company, catchUpPolicy=SKIP_MISSED)
    tick_at(service, ONE_PM + 2 * HOUR + 30 * MINUTE)
    ok(company.board.patch(f"/routines/{routine['id']}", {"catchUpPolicy": ENQUEUE_MISSED}))
    tick_at(service, ONE_PM + 2 * HOUR + 40 * MINUTE)
    assert company.issues(routine["id"]) == []
    tick_at(service, ONE_PM + 3 * HOUR)
    assert slots(company, routine) == [iso(ONE_PM + 3 * HOUR)]


def test_the_slot_within_the_grace_fires_beside_the_dropped_ones(service: Service, company: Company) -> None:
    routine = hourly(company, catchUpPolicy=SKIP_MISSED)
    tick_at(service, ONE_PM + 3 * HOUR + GRACE)
    assert slots(company, routine) == [iso(ONE_PM + 3 * HOUR)]
    assert slots(company, routine, "skipped") == [iso(ONE_PM + 2 * HOUR)]
    assert only_trigger(company, routine)["lastResult"].startswith("Created execution issue")


def test_missed_slots_are_enqueued_in_order_each_with_its_own_time(service: Service, company: Company) -> None:
    routine = hourly(company, catchUpPolicy=ENQUEUE_MISSED)
    tick_at(service, ONE_PM + 2 * HOUR + 30 * MINUTE)
    assert slots(company, routine) == hours(ONE_PM, 3)
    assert len(company.issues(routine["id"])) == 3
    assert len(company.runs(routine["id"])) == 3


@pytest.mark.parametrize(("missed", "dropped"), [(25, 0), (26, 1), (100, 75)])
def test_the_latest_25_of_an_outage_are_enqueued_and_the_rest_recorded(
    service: Service, company: Company, missed: int, dropped: int
) -> None:
    routine = hourly(company, catchUpPolicy=ENQUEUE_MISSED)
    tick_at(service, ONE_PM + (missed - 1) * HOUR + 30 * MINUTE)
    assert slots(company, routine) == hours(ONE_PM + dropped * HOUR, 25)
    records = [run["details"] for run in company.runs(routine["id"]) if run["status"] == "skipped"]
    last = iso(ONE_PM + (dropped - 1) * HOUR)
    assert records == ([{"count": dropped, "from": iso(ONE_PM), "to": last}] if dropped else [])
    assert only_trigger(company, routine)["nextRunAt"] == iso(ONE_PM + missed * HOUR)


def test_an_outage_is_capped_once_and_not_25_more_on_the_next_tick(service: Service, company: Company) -> None:
    routine = hourly(company, catchUpPolicy=ENQUEUE_MISSED)
    over = ONE_PM + 99 * HOUR + 30 * MINUTE
    for later in (0 * SECOND, SECOND, MINUTE, 20 * MINUTE):
        tick_at(service, over + later)
    assert len(company.issues(routine["id"])) == 25
    tick_at(service, ONE_PM + 100 * HOUR)
    assert len(company.issues(routine["id"])) == 26
    assert slots(company, routine)[-1] == iso(ONE_PM + 100 * HOUR)


@pytest.mark.parametrize(("policy", "joined"), [("coalesce_if_active", "coalesced"), ("skip_if_active", "skipped")])
def test_enqueued_slots_obey_the_concurrency_policy(
    service: Service, company: Company, policy: str, joined: str
) -> None:
    routine = hourly(company, catchUpPolicy=ENQUEUE_MISSED, concurrencyPolicy=policy)
    tick_at(service, ONE_PM + 24 * HOUR + 30 * MINUTE)
    assert slots(company, routine) == [iso(ONE_PM)]
    assert slots(company, routine, joined) == hours(ONE_PM + HOUR, 24)
    assert len(company.issues(routine["id"])) == 1


def test_a_sub_hourly_schedule_does_not_flood_after_downtime(service: Service, company: Company) -> None:
    routine = hourly(
        company, catchUpPolicy=ENQUEUE_MISSED, concurrencyPolicy="coalesce_if_active", triggers=[schedule("* * * * *")]
    )
    service.tick(2 * DAY)
    counts = Counter(run["status"] for run in company.runs(routine["id"]))
    assert (counts["issue_created"], counts["skipped"]) == (1, 1)
    assert len(company.issues(routine["id"])) == 1


@pytest.mark.parametrize(("policy", "fired"), [(SKIP_MISSED, 2), (ENQUEUE_MISSED, 27)])
def test_a_year_of_missed_minutes_is_one_record(service: Service, company: Company, policy: str, fired: int) -> None:
    routine = hourly(company, catchUpPolicy=policy, triggers=[schedule("* * * * *", timezone="Europe/Berlin")])
    first = datetime.fromisoformat(routine["triggers"][0]["nextRunAt"])
    now = first + 365 * DAY
    tick_at(service, now)
    (record,) = [run["details"] for run in company.runs(routine["id"]) if run["status"] == "skipped"]
    assert record == {"count": 365 * 1440 + 1 - fired, "from": iso(first), "to": iso(now - fired * MINUTE)}
    assert slots(company, routine) == [iso(now - age * MINUTE) for age in reversed(range(fired))]


def test_each_outage_has_a_record_of_its_own(service: Service, company: Company) -> None:
    routine = hourly(company)
    for day in (1, 2):
        tick_at(service, ONE_PM + day * DAY + 30 * MINUTE)
    records = [run["details"]["count"] for run in company.runs(routine["id"])]
    assert records == [24, 25]


def test_each_trigger_has_a_record_and_a_cap_of_its_own(service: Service, company: Company) -> None:
    triggers = [schedule("0 * * * *"), schedule("30 * * * *")]
    routine = hourly(company, catchUpPolicy=ENQUEUE_MISSED, triggers=triggers)
    tick_at(service, ONE_PM + 49 * HOUR + 45 * MINUTE)
    runs = company.runs(routine["id"])
    for trigger in routine["triggers"]:
        statuses = Counter(run["status"] for run in runs if run["triggerId"] == trigger["id"])
        assert statuses == {"issue_created": 25, "skipped": 1}


def test_triggers_of_one_routine_that_share_a_minute_are_slots_of_their_own(service: Service, company: Company) -> None:
    routine = hourly(company, triggers=[schedule("0 * * * *"), schedule("0 13 * * *")])
    tick_at(service, ONE_PM)
    assert slots(company, routine) == [iso(ONE_PM)] * 2


def test_the_grace_is_a_setting(place: Place) -> None:
    service = Service(place, misfire_grace=10 * MINUTE)
    company = service.company()
    routine = hourly(company)
    tick_at(service, ONE_PM + 10 * MINUTE)
    assert slots(company, routine) == [iso(ONE_PM)]
    service.close()


PAUSES: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "routine": ("/routines/{routine}", {"status": "paused"}, {"status": "active"}),
    "trigger": ("/routine-triggers/{trigger}", {"enabled": False}, {"enabled": True}),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("what", PAUSES)
def test_a_pause_is_not_an_outage(service: Service, company: Company, what: str, policy: str) -> None:
    routine = hourly(company, catchUpPolicy=policy)
    path, stop, start = PAUSES[what]
    path = path.format(routine=routine["id"], trigger=routine["triggers"][0]["id"])
    ok(company.board.patch(path, stop))
    assert only_trigger(company, routine)["nextRunAt"] is None
    tick_at(service, ONE_PM + 30 * HOUR)
    service.clock.advance(30 * MINUTE)
    ok(company.board.patch(path, start))
    assert only_trigger(company, routine)["nextRunAt"] == iso(ONE_PM + 31 * HOUR)
    service.tick()
    assert company.runs(routine["id"]) == []
    tick_at(service, ONE_PM + 31 * HOUR)
    assert slots(company, routine) == [iso(ONE_PM + 31 * HOUR)]


SUPPRESSORS = {"project": "/projects/{0.project_id}", "company": "/companies/{0.id}"}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("what", SUPPRESSORS)
def test_a_paused_project_or_company_makes_each_slot_one_skipped_run_and_is_not_made_up_for(
    service: Service, company: Company, what: str, policy: str
) -> None:
    routine = hourly(company, catchUpPolicy=policy)
    path = SUPPRESSORS[what].format(company)
    ok(company.board.patch(path, {"status": "paused"}))
    for hour in range(3):
        tick_at(service, ONE_PM + hour * HOUR)
    runs = company.runs(routine["id"])
    assert [(run["status"], run["failureReason"], run["linkedIssueId"]) for run in runs] == [
        ("skipped", "paused", None)
    ] * 3
    assert slots(company, routine, "skipped") == hours(ONE_PM, 3)
    trigger = only_trigger(company, routine)
    assert trigger["lastFiredAt"] == iso(ONE_PM + 2 * HOUR)
    ok(company.board.patch(path, {"status": "active"}))
    tick_at(service, ONE_PM + 2 * HOUR + 30 * MINUTE)
    assert len(company.runs(routine["id"])) == 3
    tick_at(service, ONE_PM + 3 * HOUR)
    assert slots(company, routine) == [iso(ONE_PM + 3 * HOUR)]


def test_an_archived_routine_never_fires_again(service: Service, company: Company) -> None:
    routine = hourly(company, catchUpPolicy=ENQUEUE_MISSED)
    ok(company.board.patch(f"/routines/{routine['id']}", {"status": "archived"}))
    assert only_trigger(company, routine)["nextRunAt"] is None
    tick_at(service, ONE_PM + 30 * HOUR)
    assert company.runs(routine["id"]) == []


@pytest.mark.parametrize(
    ("expression", "zone", "first"),
    [
        ("0 0 * * *", "UTC", datetime(2026, 3, 3, 0, tzinfo=UTC)),
        ("0 0 * * *", "Europe/Berlin", datetime(2026, 3, 2, 23, tzinfo=UTC)),
        ("@daily", "Asia/Kolkata", datetime(2026, 3, 2, 18, 30, tzinfo=UTC)),
        ("0 12 29 2 *", "UTC", datetime(2028, 2, 29, 12, tzinfo=UTC)),
        ("0 9 * * 7", "UTC", datetime(2026, 3, 8, 9, tzinfo=UTC)),
    ],
)
def test_a_stored_schedule_always_has_a_next_time_and_fires_then(
    service: Service, company: Company, expression: str, zone: str, first: datetime
) -> None:
    routine = company.routine(triggers=[schedule(expression, timezone=zone)])
    assert only_trigger(company, routine)["nextRunAt"] == iso(first)
    tick_at(service, first)
    assert slots(company, routine) == [iso(first)]

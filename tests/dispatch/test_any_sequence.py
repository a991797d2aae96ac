"""Whatever happens in whatever order, each slot is accounted for once and each run stands for what became of it."""
# ruff: noqa: D102 - a rule's name says what it does, as a test's name does

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Select

from routines.core.instants import iso
from routines.dispatch import zone_data
from routines.storage.schema import issues, runs, schedule_changes
from support.bookkeeping import RoutineBook, ScheduleBook, TriggerBook
from support.clock import DAY, MONDAY_NOON, ManualClock
from support.databases import Places
from support.service import Company, Service, created, error, ok

T = TypeVar("T")
SEQUENCES = {"sqlite": 12, "postgres": 5}  # what happens is the same; that the books agree is asked of both
STEPS = 40
ROUTINES_MAX = 4
STARTS = [
    MONDAY_NOON,
    datetime(2026, 3, 7, 22, 0, 30, tzinfo=UTC),  # New York skips an hour in the night
    datetime(2026, 10, 24, 21, 0, 30, tzinfo=UTC),  # Berlin has one twice in the night
]
EXPRESSIONS = ["* * * * *", "*/5 * * * *", "0 * * * *", "30 1-3 * * *", "30 2 * * *", "@daily", "0 9 1 * mon"]
CONCURRENCY = ["coalesce_if_active", "skip_if_active", "always_enqueue"]
CATCH_UP = ["skip_missed", "enqueue_missed_with_cap"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
ISSUE_STATUSES = ["backlog", "todo", "in_progress", "in_review", "blocked", "done", "cancelled"]
CLOSED = {"done", "cancelled"}
RUN_OF_ISSUE = {"done": "completed", "cancelled": "failed"}
MADE_AN_ISSUE = {"issue_created", "completed", "failed"}
WHICH = st.integers(0, 11)
"""Which of those that there are, counted round."""
KEYS = st.sampled_from([None, None, "a", "b"])
PAUSES = st.one_of(
    st.just(timedelta(0)),
    st.timedeltas(timedelta(seconds=1), timedelta(minutes=3)),
    st.timedeltas(timedelta(minutes=3), timedelta(hours=4)),
    st.timedeltas(timedelta(hours=4), timedelta(days=2)),
    st.timedeltas(-DAY, timedelta(0)),
)
"""How long it is from one step to the next; a clock that was set back makes it less than nothing."""


events: list[st.SearchStrategy[tuple[str, dict[str, Any]]]] = []


def event(weight: int = 1, **arguments: st.SearchStrategy[Any]) -> Callable[[T], T]:
    """Note a method as one of the things that can happen, `weight` times as often as others.

    They are no rules of their own, since most sequences leave some rules out, and what is left does little.
    """

    def note(method: T) -> T:
        name: str = method.__name__  # type: ignore[attr-defined]  # it is a function
        events.extend(st.tuples(st.just(name), st.fixed_dictionaries(arguments)) for _ in range(weight))
        return method

    return note


class AnySequence(RuleBasedStateMachine):
    """A service and the books of a test, to which anything may happen; after each step they must agree."""

    kind: str
    places: Places
    """Which database the test is on, and where services work on it."""

    def __init__(self) -> None:
        super().__init__()
        self.lent = ExitStack()
        self.place = self.lent.enter_context(type(self).places.lend())
        self.clock = ManualClock()
        self.start()
        self.company: Company = self.service.company()
        self.agents = {self.company.agent_id: "idle", self.company.colleague_id: "idle"}
        self.paused: set[str] = set()
        self.books: list[RoutineBook] = []
        self.schedule_books: list[ScheduleBook] = []
        self.trigger_books: list[TriggerBook] = []
        self.keys: dict[tuple[str, str, str | None, str], str] = {}
        self.known_runs: set[str] = set()
        self.known_issues: set[str] = set()

    def teardown(self) -> None:
        self.service.close()
        self.lent.close()

    def start(self) -> None:
        self.service = Service(self.place, self.clock)

    @initialize(
        start=st.sampled_from(STARTS),
        policies=st.permutations(CONCURRENCY),
        catch_ups=st.lists(st.sampled_from(CATCH_UP), min_size=2, max_size=2),
        expressions=st.permutations(EXPRESSIONS),
        zones=st.permutations(ZONES),
    )
    def begin(
        self, start: datetime, policies: list[str], catch_ups: list[str], expressions: list[str], zones: list[str]
    ) -> None:
        self.clock.at = start
        for number, catch_up in enumerate(catch_ups):
            self.create_routine(policies[number], catch_up, "active")
            self.add_schedule(number, expressions[number], zones[number])
            self.add_trigger(number, "webhook")

    # What is set up and changed

    @event(
        concurrency=st.sampled_from(CONCURRENCY),
        catch_up=st.sampled_from(CATCH_UP),
        status=st.sampled_from(["active", "active", "active", "paused"]),
    )
    def create_routine(self, concurrency: str, catch_up: str, status: str) -> None:
        if len(self.books) == ROUTINES_MAX or "idle" not in self.agents.values():
            return
        agent_id = next(agent_id for agent_id, agent in self.agents.items() if agent == "idle")
        fields = {"concurrencyPolicy": concurrency, "catchUpPolicy": catch_up, "status": status}
        made = self.company.routine(assigneeAgentId=agent_id, **fields)
        book = RoutineBook(made["id"], agent_id, self.company.project_id, status, concurrency, catch_up)
        self.books.append(book)

    @event(which=WHICH, expression=st.sampled_from(EXPRESSIONS), zone=st.sampled_from(ZONES))
    def add_schedule(self, which: int, expression: str, zone: str) -> None:
        routine = pick(self.books, which)
        body = {"kind": "schedule", "cronExpression": expression, "timezone": zone}
        reply = self.company.board.post(f"/routines/{routine.id}/triggers", body)
        if routine.deleted or routine.status == "archived":
            error(reply, 404 if routine.deleted else 409)
            return
        book = ScheduleBook(created(reply)["trigger"]["id"], routine, expression, zone, self.clock.at)
        self.schedule_books.append(book)

    @event(which=WHICH, kind=st.sampled_from(["webhook", "api"]))
    def add_trigger(self, which: int, kind: str) -> None:
        routine = pick(self.books, which)
        body = {"kind": kind, **({"signingMode": "none"} if kind == "webhook" else {})}
        reply = self.company.board.post(f"/routines/{routine.id}/triggers", body)
        if routine.deleted or routine.status == "archived":
            error(reply, 404 if routine.deleted else 409)
            return
        trigger = created(reply)["trigger"]
        self.trigger_books.append(TriggerBook(trigger["id"], routine, trigger["publicId"]))

    @event(
        which=WHICH,
        changes=st.fixed_dictionaries(
            {},
            optional={
                "cronExpression": st.sampled_from(EXPRESSIONS),
                "timezone": st.sampled_from(ZONES),
                "enabled": st.booleans(),
            },
        ),
    )
    def change_schedule(self, which: int, changes: dict[str, Any]) -> None:
        schedule = pick(self.schedule_books, which)
        if schedule.deleted or schedule.routine.deleted:
            return
        before = (schedule.expression, schedule.zone, schedule.enabled)
        after = tuple(
            changes.get(name, old) for name, old in zip(("cronExpression", "timezone", "enabled"), before, strict=True)
        )
        reply = self.company.board.patch(f"/routine-triggers/{schedule.id}", changes)
        if after != before and schedule.routine.status == "archived":
            error(reply, 409)
            return
        ok(reply)
        if after != before:
            schedule.settle(self.clock.at)
            schedule.expression, schedule.zone, schedule.enabled = after
            schedule.changed(self.clock.at)

    @event(which=WHICH, enabled=st.booleans())
    def enable_trigger(self, which: int, enabled: bool) -> None:  # noqa: FBT001 - a rule's argument
        trigger = pick(self.trigger_books, which)
        if not trigger.routine.deleted and trigger.routine.status != "archived":
            ok(self.company.board.patch(f"/routine-triggers/{trigger.id}", {"enabled": enabled}))
            trigger.enabled = enabled

    @event(which=WHICH)
    def delete_schedule(self, which: int) -> None:
        schedule = pick(self.schedule_books, which)
        if schedule.deleted or schedule.routine.deleted or schedule.routine.status == "archived":
            return
        ok_without_reply(self.company.board.delete(f"/routine-triggers/{schedule.id}").status_code)
        schedule.settle(self.clock.at)
        schedule.deleted = True
        schedule.changed(self.clock.at)

    @event(which=WHICH, status=st.sampled_from(["active", "active", "active", "paused", "paused", "archived"]))
    def move_routine(self, which: int, status: str) -> None:
        routine = pick(self.books, which)
        if routine.deleted or routine.status == status:
            return
        reply = self.company.board.patch(f"/routines/{routine.id}", {"status": status})
        unassignable = status == "active" and self.agents[routine.agent_id] == "terminated"
        if routine.status == "archived" or unassignable:
            error(reply, 409)
            return
        ok(reply)
        self._moved(routine, lambda: setattr(routine, "status", status))

    @event(which=WHICH, policy=st.sampled_from(CONCURRENCY))
    def change_policy(self, which: int, policy: str) -> None:
        routine = pick(self.books, which)
        if not routine.deleted and routine.status != "archived":
            ok(self.company.board.patch(f"/routines/{routine.id}", {"concurrencyPolicy": policy}))
            routine.concurrency = policy

    @event(which=WHICH)
    def reassign_routine(self, which: int) -> None:
        routine = pick(self.books, which)
        able = [agent_id for agent_id, status in self.agents.items() if status != "terminated"]
        if able and not routine.deleted and routine.status != "archived":
            ok(self.company.board.patch(f"/routines/{routine.id}", {"assigneeAgentId": able[-1]}))
            routine.agent_id = able[-1]

    @event(which=WHICH)
    def delete_routine(self, which: int) -> None:
        routine = pick(self.books, which)
        if not routine.deleted and len(self.books) == ROUTINES_MAX:
            path = f"/routines/{routine.id}?force=true"
            ok_without_reply(self.company.board.delete(path).status_code)
            self._moved(routine, lambda: setattr(routine, "deleted", True))

    def _moved(self, routine: RoutineBook, move: Callable[[], None]) -> None:
        """Enter a change of a routine that its schedules follow; what was due before fires first."""
        own = [book for book in self.schedule_books if book.routine is routine and not book.deleted]
        for book in own:
            book.settle(self.clock.at)
        move()
        for book in own:
            book.changed(self.clock.at)

    @event(what=st.sampled_from(["companies", "projects"]), status=st.sampled_from(["paused", "active", "active"]))
    def pause_or_resume_company_or_project(self, what: str, status: str) -> None:
        identity = self.company.id if what == "companies" else self.company.project_id
        ok(self.company.board.patch(f"/{what}/{identity}", {"status": status}))
        self.paused = self.paused | {what} if status == "paused" else self.paused - {what}

    @event(number=st.integers(0, 1), action=st.sampled_from(["pause", "resume", "resume", "terminate"]))
    def tell_agent(self, number: int, action: str) -> None:
        agent_id = list(self.agents)[number]
        if action == "terminate" and (number == 0 or self.agents[agent_id] == "terminated"):
            return
        reply = self.company.board.post(f"/agents/{agent_id}/{action}")
        if self.agents[agent_id] == "terminated":
            error(reply, 409)
            return
        self.agents[agent_id] = ok(reply)["status"]
        if action == "terminate":
            for book in self.books:
                if book.agent_id == agent_id and book.status == "active" and not book.deleted:
                    self._moved(book, lambda book=book: setattr(book, "status", "paused"))  # type: ignore[misc]

    # What fires

    @event(which=WHICH, key=KEYS, by_trigger=st.booleans())
    def run(self, which: int, key: str | None, by_trigger: bool) -> None:  # noqa: FBT001 - a rule's argument
        if by_trigger:
            trigger = pick(self.trigger_books, which)
            self._run(trigger.routine, trigger, {"source": "api", "triggerId": trigger.id}, key)
        else:
            self._run(pick(self.books, which), None, {"source": "manual"}, key)

    def _run(self, routine: RoutineBook, trigger: TriggerBook | None, body: dict[str, Any], key: str | None) -> None:
        named = {**body, **({} if key is None else {"idempotencyKey": key})}
        reply = self.company.board.post(f"/routines/{routine.id}/run", named)
        if routine.deleted:
            error(reply, 404)
            return
        refused = routine.status == "archived" or (trigger is not None and not trigger.enabled)
        self._expect(reply, refused, None if key is None else (routine.id, body["source"], body.get("triggerId"), key))

    @event(which=WHICH, key=KEYS)
    def deliver_webhook(self, which: int, key: str | None) -> None:
        trigger = pick(self.trigger_books, which)
        if trigger.public_id is None:
            return
        headers = {} if key is None else {"Idempotency-Key": key}
        reply = self.company.board.post(f"/routine-triggers/public/{trigger.public_id}/fire", headers=headers)
        if trigger.routine.deleted:
            error(reply, 404)
            return
        refused = trigger.routine.status != "active" or not trigger.enabled
        self._expect(reply, refused, None if key is None else (trigger.routine.id, "webhook", trigger.id, key))

    def _expect(self, reply: Any, refused: bool, key: tuple[str, str, str | None, str] | None) -> None:  # noqa: FBT001
        """The same key gives the same run, whatever has happened since; a new fire is taken unless refused."""
        if key in self.keys:
            assert ok(reply, 202)["id"] == self.keys[key]
            assert reply.headers["Idempotent-Replayed"] == "true"
        elif refused:
            error(reply, 409)
        else:
            run = ok(reply, 202)
            assert "Idempotent-Replayed" not in reply.headers
            if key is not None:
                self.keys[key] = run["id"]

    @event(weight=3, which=WHICH, status=st.sampled_from([*ISSUE_STATUSES, "blocked", "done"]))
    def move_issue(self, which: int, status: str) -> None:
        if self.known_issues:
            self.company.close(pick(sorted(self.known_issues, reverse=True), which), status)

    # What time does

    @event(weight=3)
    def tick(self) -> None:
        self.service.tick()
        for book in self.schedule_books:
            book.settle(self.clock.at)
            assert book.next_run_at is None or book.next_run_at > iso(self.clock.at)

    @event()
    def restart(self) -> None:
        self.service.close()
        self.start()
        zone_data.refresh(self.service.server.database)
        self.company = replace(self.company, board=self.service.board)

    @rule(pause=PAUSES, is_up=st.booleans(), event=st.one_of(events))
    def happen(self, pause: timedelta, is_up: bool, event: tuple[str, dict[str, Any]]) -> None:  # noqa: FBT001
        """Something happens after a pause; what is due by then fires first unless the service is down meanwhile."""
        self.clock.advance(timedelta(milliseconds=pause // timedelta(milliseconds=1)))
        if is_up:
            self.tick()
            self.the_books_agree()
        name, arguments = event
        getattr(self, name)(**arguments)

    # What must hold

    @invariant()
    def the_books_agree(self) -> None:
        self.runs = self._rows(runs.select().order_by(runs.c.scheduled_for))
        self.issues = {issue["id"]: issue for issue in self._rows(issues.select())}
        self._each_slot_is_accounted_for()
        self._each_run_is_what_became_of_it()
        self._no_issue_is_made_while_one_is_open()
        self._schedules_are_what_they_were_made()

    def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        with self.service.server.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _each_slot_is_accounted_for(self) -> None:
        fired, dropped = defaultdict(list), defaultdict(list)
        for run in self.runs:
            if run["source"] == "schedule":
                slot = iso(run["scheduled_for"])
                if run["details"] is None:
                    fired[run["trigger_id"]].append(slot)
                else:
                    assert json.loads(run["details"])["to"] == slot
                    assert run["status"] == "skipped"
                    dropped[run["trigger_id"]].append(json.loads(run["details"]))
        for book in self.schedule_books:
            assert fired.pop(book.id, []) == book.fired
            assert dropped.pop(book.id, []) == book.dropped
        assert not fired
        assert not dropped

    def _each_run_is_what_became_of_it(self) -> None:
        makers = {}
        for run in self.runs:
            issue = self.issues.get(run["linked_issue_id"])
            if run["status"] in MADE_AN_ISSUE and issue is not None:
                assert issue["origin_run_id"] == run["id"]
                assert run["status"] == RUN_OF_ISSUE.get(issue["status"], "issue_created")
                makers[issue["id"]] = run["id"]
            elif issue is not None:
                assert run["status"] in {"coalesced", "skipped"}
                assert run["coalesced_into_run_id"] == issue["origin_run_id"]
            else:
                assert run["status"] in {"skipped", "failed"}
                assert run["failure_reason"]
            assert (run["completed_at"] is None) is (run["status"] == "issue_created")
        assert makers.keys() == self.issues.keys()

    def _no_issue_is_made_while_one_is_open(self) -> None:
        """And one is made whenever none is open, unless what forbids it is on record."""
        new_runs = [run for run in self.runs if run["id"] not in self.known_runs]
        made = Counter(issue["origin_id"] for issue in self.issues.values() if issue["id"] not in self.known_issues)
        due = Counter(run["routine_id"] for run in new_runs if run["details"] is None and not self._is_forbidden(run))
        for book in self.books:
            most = due[book.id]
            if book.concurrency != "always_enqueue":
                most = 0 if book.open_issues else min(1, most)
            assert made[book.id] == most
            book.open_issues = {
                issue["id"]
                for issue in self.issues.values()
                if issue["origin_id"] == book.id and issue["status"] not in CLOSED
            }
        self.known_runs |= {run["id"] for run in new_runs}
        self.known_issues |= self.issues.keys()

    def _is_forbidden(self, run: dict[str, Any]) -> bool:
        """Whether a new run may make no issue; it must then say so."""
        suppressed = bool(self.paused) and run["source"] in {"schedule", "webhook"}
        assert (run["failure_reason"] == "paused") is suppressed
        (book,) = [book for book in self.books if book.id == run["routine_id"]]
        # Slots that were due when the agent was terminated fired first; its routines have none after that.
        unable = self.agents[book.agent_id] == "terminated" and run["source"] != "schedule" and not suppressed
        assert (run["status"] == "failed") is unable
        return suppressed or unable

    def _schedules_are_what_they_were_made(self) -> None:
        history = defaultdict(list)
        for row in self._rows(schedule_changes.select().order_by(schedule_changes.c.at)):
            history[row["trigger_id"]].append((row["cron_expression"], row["timezone"], row["live"]))
        assert dict(history) == {book.id: book.history for book in self.schedule_books}
        listed = ok(self.company.board.get(f"/companies/{self.company.id}/routines"))
        shown = {trigger["id"]: trigger["nextRunAt"] for routine in listed for trigger in routine["triggers"]}
        for book in self.schedule_books:
            assert shown.get(book.id) == book.next_run_at


def pick(several: list[T], which: int) -> T:
    """One of several, whatever the number."""
    return several[which % len(several)]


def ok_without_reply(status: int) -> None:
    """Assert that a call did what it was to do and says nothing more."""
    assert status == 204


@pytest.mark.parametrize("kind", SEQUENCES)
def test_the_books_agree_whatever_happens(request: pytest.FixtureRequest, kind: str) -> None:
    class OnThisDatabase(AnySequence):
        places = request.getfixturevalue(f"places_on_{kind}")

    OnThisDatabase.kind = kind

    run_state_machine_as_test(
        OnThisDatabase,
        settings=settings(
            max_examples=SEQUENCES[kind],
            stateful_step_count=STEPS,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],  # each starts a server
        ),
    )

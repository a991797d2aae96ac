"""What databases are filled with for measuring, in bulk: what would take the API minutes takes a second here.

The rows are those that the service itself would have written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Table

from benchmarks.stores import Store, opened
from routines.clock import Ids
from routines.core import cron, model
from routines.core.instants import to_milliseconds
from routines.storage import schema
from routines.storage.queries import agents, companies, projects
from routines.storage.rows import columns

IDS = Ids()
MINUTE = timedelta(minutes=1)
EVERY_MINUTE = "* * * * *"
ONCE_A_YEAR = "0 0 1 1 *"
COALESCE = model.ConcurrencyPolicy.COALESCE_IF_ACTIVE
ENQUEUE = model.ConcurrencyPolicy.ALWAYS_ENQUEUE
Model = model.Routine | model.Trigger | model.Run | model.Issue | model.HeartbeatRun


@dataclass(frozen=True, slots=True)
class Home:
    """The company, project and agent that routines are made for."""

    company_id: str
    project_id: str
    agent_id: str


def add_homes(store: Store, now: datetime, count: int = 1) -> list[Home]:
    """Companies, each with a project and an agent."""
    homes = []
    with opened(store) as database, database.write() as transaction:
        for number in range(count):
            home = Home(*IDS.many(now, 3))
            homes.append(home)
            companies.add(
                transaction.connection,
                model.Company(home.company_id, "Acme", None, model.CompanyStatus.ACTIVE, f"ACME{number}", now, now),
            )
            projects.add(
                transaction.connection,
                model.Project(home.project_id, home.company_id, "Web", None, model.ProjectStatus.ACTIVE, now, now),
            )
            agents.add(transaction.connection, _agent(home, now))
    return homes


def _agent(home: Home, now: datetime) -> model.Agent:
    return model.Agent(
        id=home.agent_id,
        company_id=home.company_id,
        name="Ada",
        role="engineer",
        title=None,
        capabilities=None,
        reports_to=None,
        adapter_type=model.AdapterType.NONE,
        adapter_config="{}",
        runtime_config="{}",
        status=model.AgentStatus.IDLE,
        created_at=now,
        updated_at=now,
    )


def add_schedules(
    store: Store,
    homes: Sequence[Home],
    count: int,
    now: datetime,
    *,
    expression: str = EVERY_MINUTE,
    policy: model.ConcurrencyPolicy = COALESCE,
) -> datetime:
    """Routines of these companies in turn, each with one schedule, all of them next due at the instant returned."""
    slot = cron.next_after(cron.parse(expression, "UTC"), now)
    routine_ids, trigger_ids = IDS.many(now, count), IDS.many(now, count)
    of = [homes[number % len(homes)] for number in range(count)]
    routine, trigger = _routine(homes[0], policy, now), _schedule(homes[0], expression, now, slot)
    newest, step = to_milliseconds(now), 17_000
    load_like(
        store,
        schema.routines,
        routine,
        (
            {
                "id": routine_id,
                "company_id": home.company_id,
                "project_id": home.project_id,
                "assignee_agent_id": home.agent_id,
                "title": f"Look after part {number}",
                "created_at": newest - (count - number) * step,
                "updated_at": newest - (count - number) * step,
            }
            for number, (routine_id, home) in enumerate(zip(routine_ids, of, strict=True))
        ),
    )
    load_like(
        store,
        schema.triggers,
        trigger,
        (
            {"id": trigger_id, "company_id": home.company_id, "routine_id": routine_id}
            for trigger_id, routine_id, home in zip(trigger_ids, routine_ids, of, strict=True)
        ),
    )
    return slot


def _routine(home: Home, policy: model.ConcurrencyPolicy, now: datetime) -> model.Routine:
    return model.Routine(
        id="",
        company_id=home.company_id,
        project_id=home.project_id,
        goal_id=None,
        parent_issue_id=None,
        assignee_agent_id=home.agent_id,
        title="",
        description="Read what came in since the last time, decide what it means, and write down what is to be done.",
        priority=model.Priority.MEDIUM,
        status=model.RoutineStatus.ACTIVE,
        pause_reason=None,
        concurrency_policy=policy,
        catch_up_policy=model.CatchUpPolicy.SKIP_MISSED,
        created_by_agent_id=None,
        created_by_user_id=model.LOCAL_BOARD.id,
        updated_by_agent_id=None,
        updated_by_user_id=model.LOCAL_BOARD.id,
        last_triggered_at=None,
        last_enqueued_at=None,
        created_at=now,
        updated_at=now,
    )


def _schedule(home: Home, expression: str, now: datetime, slot: datetime) -> model.Trigger:
    return model.Trigger(
        id="",
        company_id=home.company_id,
        routine_id="",
        kind=model.TriggerKind.SCHEDULE,
        label=None,
        enabled=True,
        cron_expression=expression,
        timezone="UTC",
        slots_decided_until=now,
        next_run_at=slot,
        last_fired_at=None,
        public_id=None,
        signing_mode=None,
        replay_window_sec=None,
        sealed_secret=None,
        last_rotated_at=None,
        last_result=None,
        created_by_agent_id=None,
        created_by_user_id=model.LOCAL_BOARD.id,
        updated_by_agent_id=None,
        updated_by_user_id=model.LOCAL_BOARD.id,
        created_at=now,
        updated_at=now,
    )


def load_like(store: Store, table: Table, like: Model, varying: Iterable[Mapping[str, object]]) -> None:
    """Rows like a value of the model, each with its own values of some columns, as the driver takes them."""
    base = {each.name: _stored(getattr(like, each.name)) for each in columns(table, type(like))}  # type: ignore[arg-type]  # a class is hashable
    store.load(table, tuple(base), (tuple({**base, **own}.values()) for own in varying))


def _stored(value: object) -> object:
    if isinstance(value, datetime):
        return to_milliseconds(value)
    return value.value if isinstance(value, StrEnum) else value

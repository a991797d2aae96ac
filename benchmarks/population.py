"""Databases filled for measuring, by direct statements: what would take the API minutes takes a second here.

The rows are those that the service itself would have written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert

from routines.clock import Ids
from routines.core import cron, model
from routines.core.instants import to_milliseconds
from routines.dispatch import zone_data
from routines.storage import schema
from routines.storage.database import Database
from routines.storage.opening import DATABASE_FILE
from routines.storage.queries import agents, companies, projects
from routines.storage.sqlite.database import SqliteDatabase

IDS = Ids()
MINUTE = timedelta(minutes=1)
EVERY_MINUTE = "* * * * *"
ONCE_A_YEAR = "0 0 1 1 *"


@dataclass(frozen=True, slots=True)
class Home:
    """The company, project and agent that routines are made for."""

    company_id: str
    project_id: str
    agent_id: str


def database_in(data_dir: Path) -> SqliteDatabase:
    """A migrated database where a server with that data folder will look for it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    database = SqliteDatabase(data_dir / DATABASE_FILE)
    database.migrate()
    zone_data.refresh(database)
    return database


def add_home(database: Database, now: datetime, prefix: str = "ACME") -> Home:
    """A company with a project and an agent."""
    home = Home(*IDS.many(now, 3))
    with database.write() as transaction:
        add_rows = transaction.connection
        companies.add(
            add_rows, model.Company(home.company_id, "Acme", None, model.CompanyStatus.ACTIVE, prefix, now, now)
        )
        projects.add(
            add_rows,
            model.Project(home.project_id, home.company_id, "Web", None, model.ProjectStatus.ACTIVE, now, now),
        )
        agents.add(add_rows, _agent(home, now))
    return home


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
    database: Database, home: Home, count: int, now: datetime, *, expression: str = EVERY_MINUTE
) -> datetime:
    """`count` routines, each with one schedule, all of them next due at the instant returned."""
    slot = cron.next_after(cron.parse(expression, "UTC"), now)
    routine_ids, trigger_ids = IDS.many(now, count), IDS.many(now, count)
    numbered = zip(range(count), routine_ids, trigger_ids, strict=True)
    routines, triggers = [], []
    for number, routine_id, trigger_id in numbered:
        made_at = now - (count - number) * timedelta(seconds=17)
        routines.append(_routine(home, routine_id, f"Look after part {number}", made_at))
        triggers.append(_schedule(home, routine_id, trigger_id, expression, now, slot))
    with database.write() as transaction:
        _insert(transaction.connection, schema.routines, routines)
        _insert(transaction.connection, schema.triggers, triggers)
    return slot


def _routine(home: Home, routine_id: str, title: str, now: datetime) -> model.Routine:
    return model.Routine(
        id=routine_id,
        company_id=home.company_id,
        project_id=home.project_id,
        goal_id=None,
        parent_issue_id=None,
        assignee_agent_id=home.agent_id,
        title=title,
        description="Read what came in since the last time, decide what it means, and write down what is to be done.",
        priority=model.Priority.MEDIUM,
        status=model.RoutineStatus.ACTIVE,
        pause_reason=None,
        concurrency_policy=model.ConcurrencyPolicy.COALESCE_IF_ACTIVE,
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


def _schedule(
    home: Home, routine_id: str, trigger_id: str, expression: str, now: datetime, slot: datetime
) -> model.Trigger:
    return model.Trigger(
        id=trigger_id,
        company_id=home.company_id,
        routine_id=routine_id,
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


def add_history(database: Database, now: datetime, lengths: Sequence[int]) -> list[str]:
    """A routine for each length in a company of its own, with that many coalesced runs behind it; their ids."""
    home = add_home(database, now, prefix="PAST")
    routine_ids = IDS.many(now, len(lengths))
    with database.write() as transaction:
        _insert(
            transaction.connection,
            schema.routines,
            [
                _routine(home, *each, now)
                for each in zip(routine_ids, (f"After {n} runs" for n in lengths), strict=True)
            ],
        )
        for routine_id, length in zip(routine_ids, lengths, strict=True):
            began = now - length * MINUTE
            runs = (_run(home, routine_id, began + number * MINUTE) for number in range(length))
            driver = transaction.connection.connection.driver_connection
            assert driver is not None  # noqa: S101 - tells the type checker that the connection is open
            driver.executemany(f"INSERT INTO runs VALUES ({', '.join('?' * len(schema.runs.c))})", runs)  # noqa: S608 - constants
    return routine_ids


def _run(home: Home, routine_id: str, at: datetime) -> tuple[object, ...]:
    """A run's columns, as the dispatcher writes them."""
    instant, run_id = to_milliseconds(at), Ids().new(at)
    cause = f"once/{run_id}"
    payload = '{"service":"web","environment":"production","build":4711}'
    who = (model.ActorType.SYSTEM.value, "webhook", instant)
    ends = ("coalesced", instant, None, cause, None, payload, None, None, None, None, instant)
    return (run_id, home.company_id, routine_id, None, "webhook", *ends, *who)


def _insert(connection: Connection, table: Table, values: Iterable[Any]) -> None:
    connection.execute(insert(table), [{name: getattr(value, name) for name in value.__slots__} for value in values])


Filler = Callable[[Database, datetime], None]

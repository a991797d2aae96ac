"""The hot statements in SQLite's words: each a named SQL text over a whole set, sent straight to the driver.

A set of ids travels as one JSON text, so that each statement is prepared once. Locks need no words here: the
transaction began IMMEDIATE and is the only writer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from routines.core.fires import OpenIssue, RoutineState
from routines.core.instants import from_milliseconds, to_milliseconds
from routines.core.model import (
    AgentStatus,
    CatchUpPolicy,
    CompanyStatus,
    ConcurrencyPolicy,
    Priority,
    ProjectStatus,
    RoutineStatus,
)
from routines.core.signing import SigningMode
from routines.storage.database import DueTrigger, Rows, Webhook
from routines.storage.schema import issues, runs

_DUE_COLUMNS = """
    t.id, t.routine_id, t.cron_expression, t.timezone, t.slots_decided_until, t.next_run_at, r.catch_up_policy
    FROM triggers t JOIN routines r ON r.id = t.routine_id
"""
CLAIM = f"""
    SELECT {_DUE_COLUMNS}
    WHERE t.id IN (SELECT value FROM json_each(?)) AND t.next_run_at IS NOT NULL
    ORDER BY t.next_run_at, t.id
"""  # noqa: S608 - constants
WEBHOOKS = """
    SELECT public_id, id, routine_id, enabled, signing_mode, replay_window_sec, sealed_secret FROM triggers
    WHERE public_id IN (SELECT value FROM json_each(?)) AND deleted_at IS NULL
"""
ROUTINE_STATES = """
    SELECT r.id, r.company_id, r.status, r.concurrency_policy, c.status, p.status, a.status, c.issue_prefix,
           r.assignee_agent_id, r.project_id, r.goal_id, r.parent_issue_id, r.title, r.description, r.priority
    FROM routines r
    JOIN companies c ON c.id = r.company_id
    JOIN projects p ON p.id = r.project_id
    JOIN agents a ON a.id = r.assignee_agent_id
    WHERE r.id IN (SELECT value FROM json_each(?)) AND r.deleted_at IS NULL
"""
# The newest alone: `always_enqueue` may leave thousands open. Rows keep their order, and the index ends in their rowid.
OPEN_ISSUES = """
    SELECT origin_id, id, identifier, origin_run_id FROM issues
    WHERE rowid IN (
        SELECT (
            SELECT newest.rowid FROM issues AS newest
            WHERE newest.origin_id = asked.value AND newest.status NOT IN ('done', 'cancelled')
            ORDER BY newest.rowid DESC LIMIT 1
        )
        FROM json_each(?) AS asked
    )
"""
KNOWN_CAUSES = """
    SELECT r.routine_id, r.cause, r.id FROM json_each(?) AS asked
    JOIN runs r ON r.routine_id = json_extract(asked.value, '$[0]') AND r.cause = json_extract(asked.value, '$[1]')
"""
KNOWN_ALIASES = """
    SELECT a.routine_id, a.cause, a.run_id FROM json_each(?) AS asked
    JOIN run_aliases a ON a.routine_id = json_extract(asked.value, '$[0]')
                      AND a.cause = json_extract(asked.value, '$[1]')
"""
TAKE_ISSUE_NUMBERS = """
    UPDATE issue_counters SET last_number = last_number + ? WHERE company_id = ? RETURNING last_number
"""
INSERT_RUN = f"INSERT INTO runs VALUES ({', '.join('?' * len(runs.c))})"  # noqa: S608 - constants
INSERT_ISSUE = f"INSERT INTO issues VALUES ({', '.join('?' * len(issues.c))})"  # noqa: S608 - constants
INSERT_WAKE_UP = "INSERT INTO wake_ups (issue_id, agent_id, company_id, reason, created_at) VALUES (?, ?, ?, ?, ?)"
INSERT_ALIAS = "INSERT INTO run_aliases (routine_id, cause, run_id, expires_at) VALUES (?, ?, ?, ?)"
FIRED_TRIGGER = "UPDATE triggers SET last_fired_at = ?, last_result = ? WHERE id = ?"
DECIDED_TRIGGER = "UPDATE triggers SET last_result = ? WHERE id = ?"
TRIGGERED_ROUTINE = "UPDATE routines SET last_triggered_at = ? WHERE id = ?"
ENQUEUED_ROUTINE = "UPDATE routines SET last_triggered_at = ?, last_enqueued_at = ? WHERE id = ?"
ADVANCE = "UPDATE triggers SET slots_decided_until = ?, next_run_at = ? WHERE id = ?"


class SqliteStatements:
    """The hot statements on one connection."""

    def __init__(self, connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - tells the type checker what the engine makes
        self._driver = driver

    def claim(self, trigger_ids: Sequence[str]) -> list[DueTrigger]:
        """Those triggers as they are now; ones that fire no more are left out."""
        return [_due_trigger(row) for row in self._driver.execute(CLAIM, (json.dumps(trigger_ids),))]

    def webhooks(self, public_ids: Sequence[str]) -> dict[str, Webhook]:
        """The webhook triggers behind these public ids; unknown ones are left out."""
        found = self._driver.execute(WEBHOOKS, (json.dumps(public_ids),)).fetchall()
        return {
            public_id: Webhook(identity, routine_id, bool(enabled), _SIGNING[mode], window, secret)
            for public_id, identity, routine_id, enabled, mode, window, secret in found
        }

    def routine_states(self, routine_ids: Sequence[str]) -> dict[str, RoutineState]:
        """The routines with their open issues, the newest where there are several."""
        ids = json.dumps(routine_ids)
        states = {row[0]: _routine_state(row) for row in self._driver.execute(ROUTINE_STATES, (ids,))}
        for routine_id, issue_id, identifier, run_id in self._driver.execute(OPEN_ISSUES, (ids,)):
            if routine_id in states:
                states[routine_id].open_issue = OpenIssue(issue_id, identifier, run_id)
        return states

    def known_causes(self, causes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Which (routine id, cause) pairs are runs already, and which."""
        return {(row[0], row[1]): row[2] for row in self._driver.execute(KNOWN_CAUSES, (json.dumps(causes),))}

    def known_aliases(self, causes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Which (routine id, cause) pairs are further causes of runs, and of which."""
        return {(row[0], row[1]): row[2] for row in self._driver.execute(KNOWN_ALIASES, (json.dumps(causes),))}

    def take_issue_numbers(self, company_id: str, count: int) -> int:
        """Reserve `count` issue numbers of a company and return the first."""
        last: int = self._driver.execute(TAKE_ISSUE_NUMBERS, (count, company_id)).fetchall()[0][0]
        return last - count + 1

    def write(self, rows: Rows) -> None:
        """Write a batch."""
        for statement, values in (
            (INSERT_RUN, rows.runs),
            (INSERT_ISSUE, rows.issues),
            (INSERT_WAKE_UP, rows.wake_ups),
            (INSERT_ALIAS, rows.aliases),
            (FIRED_TRIGGER, rows.fired_triggers),
            (DECIDED_TRIGGER, rows.decided_triggers),
            (TRIGGERED_ROUTINE, rows.triggered_routines),
            (ENQUEUED_ROUTINE, rows.enqueued_routines),
        ):
            if values:
                self._driver.executemany(statement, values)

    def advance(self, triggers: Sequence[tuple[datetime, datetime | None, str]]) -> None:
        """Move schedules on: (slots decided until, next run at, trigger id) each."""
        self._driver.executemany(
            ADVANCE,
            [
                (to_milliseconds(until), None if following is None else to_milliseconds(following), trigger_id)
                for until, following, trigger_id in triggers
            ],
        )


_CATCH_UP = {policy.value: policy for policy in CatchUpPolicy}
_ROUTINE = {status.value: status for status in RoutineStatus}
_CONCURRENCY = {policy.value: policy for policy in ConcurrencyPolicy}
_COMPANY = {status.value: status for status in CompanyStatus}
_PROJECT = {status.value: status for status in ProjectStatus}
_AGENT = {status.value: status for status in AgentStatus}
_SIGNING: dict[str | None, SigningMode | None] = {None: None, **{mode.value: mode for mode in SigningMode}}
_PRIORITY = {priority.value: priority for priority in Priority}


def _due_trigger(row: tuple[Any, ...]) -> DueTrigger:
    trigger_id, routine_id, expression, timezone, until, following, catch_up = row
    return DueTrigger(
        trigger_id,
        routine_id,
        expression,
        timezone,
        from_milliseconds(until),
        from_milliseconds(following),
        _CATCH_UP[catch_up],
    )


def _routine_state(row: tuple[Any, ...]) -> RoutineState:
    identity, company_id, status, policy, company, project, agent, prefix, assignee, project_id, *copied = row
    goal_id, parent_issue_id, title, description, priority = copied
    return RoutineState(
        identity,
        company_id,
        _ROUTINE[status],
        _CONCURRENCY[policy],
        _COMPANY[company],
        _PROJECT[project],
        _AGENT[agent],
        prefix,
        assignee,
        project_id,
        goal_id,
        parent_issue_id,
        title,
        description,
        _PRIORITY[priority],
    )

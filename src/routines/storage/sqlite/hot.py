"""The hot statements in SQLite's words: each a named SQL text over a whole set, sent straight to the driver.

A set of ids travels as one JSON text, so that each statement is prepared once. Locks need no words here: the
transaction began IMMEDIATE and is the only writer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from routines.core.deliveries import DeliveryRecord
from routines.core.fires import OpenIssue, RoutineState
from routines.core.instants import to_milliseconds
from routines.storage.database import Claim, Rows, Webhook
from routines.storage.hot_rows import (
    DUE_TRIGGERS,
    ROUTINE_STATES,
    WEBHOOKS,
    claim,
    delivery_row,
    routine_state,
    webhook,
)
from routines.storage.schema import issues, runs, unfired_deliveries, wake_ups

CLAIM_DUE = f"{DUE_TRIGGERS} WHERE t.company_id = ? AND t.next_run_at <= ? ORDER BY t.next_run_at LIMIT ?"
CLAIM = f"""
    {DUE_TRIGGERS}
    WHERE t.id IN (SELECT value FROM json_each(?)) AND t.next_run_at IS NOT NULL
    ORDER BY t.next_run_at, t.id
"""  # noqa: S608 - constants
OF_PUBLIC_IDS = (
    f"{WEBHOOKS} WHERE public_id IN (SELECT value FROM json_each(?)) AND public_id IS NOT NULL AND deleted_at IS NULL"  # noqa: S608 - constants
)
STATES = f"{ROUTINE_STATES} WHERE r.id IN (SELECT value FROM json_each(?)) AND r.deleted_at IS NULL"  # noqa: S608 - constants
# The newest alone: `always_enqueue` may leave thousands open.
OPEN_ISSUES = """
    SELECT origin_id, id, identifier, origin_run_id FROM issues
    WHERE id IN (
        SELECT (
            SELECT newest.id FROM issues AS newest
            WHERE newest.origin_id = asked.value AND newest.status NOT IN ('done', 'cancelled')
            ORDER BY newest.id DESC LIMIT 1
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
INSERT_WAKE_UP = f"INSERT INTO wake_ups VALUES ({', '.join('?' * len(wake_ups.c))})"  # noqa: S608 - constants
INSERT_UNFIRED = f"INSERT INTO unfired_deliveries VALUES ({', '.join('?' * len(unfired_deliveries.c))})"  # noqa: S608 - constants
# One walk along the index for each trigger, from its newest to the first that is to go.
REMOVE_UNFIRED = """
    DELETE FROM unfired_deliveries WHERE id IN (
        SELECT old.id FROM json_each(?) AS asked
        CROSS JOIN unfired_deliveries AS old ON old.trigger_id = asked.value AND old.id <= (
            SELECT newest.id FROM unfired_deliveries AS newest
            WHERE newest.trigger_id = asked.value ORDER BY newest.id DESC LIMIT 1 OFFSET ?
        )
    )
"""
INSERT_ALIAS = "INSERT INTO run_aliases (routine_id, cause, run_id, expires_at) VALUES (?, ?, ?, ?)"
CHANGE_TRIGGER = """
    UPDATE triggers SET
        last_fired_at = coalesce(?1, last_fired_at),
        last_result = coalesce(?2, last_result),
        slots_decided_until = coalesce(?3, slots_decided_until),
        next_run_at = CASE WHEN ?3 IS NULL THEN next_run_at ELSE ?4 END
    WHERE id = ?5
"""
CHANGE_ROUTINE = """
    UPDATE routines SET last_triggered_at = ?1, last_enqueued_at = coalesce(?2, last_enqueued_at) WHERE id = ?3
"""


class SqliteStatements:
    """The hot statements on one connection."""

    def __init__(self, connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - tells the type checker what the engine makes
        self._driver = driver

    def claim_due(self, company_ids: Sequence[str], now: datetime, each: int) -> Claim:
        """Schedules whose slot has come: of each company up to `each`, longest due first."""
        at = to_milliseconds(now)
        return self._with_open_issues(
            claim(row for company_id in company_ids for row in self._driver.execute(CLAIM_DUE, (company_id, at, each)))
        )

    def claim(self, trigger_ids: Sequence[str]) -> Claim:
        """Those triggers as they are now; ones that fire no more are left out."""
        return self._with_open_issues(claim(self._driver.execute(CLAIM, (json.dumps(trigger_ids),))))

    def webhooks(self, public_ids: Sequence[str]) -> dict[str, Webhook]:
        """The webhook triggers behind these public ids; unknown ones are left out."""
        found = self._driver.execute(OF_PUBLIC_IDS, (json.dumps(public_ids),))
        return {public_id: webhook(row) for public_id, *row in found}

    def routine_states(self, routine_ids: Sequence[str]) -> dict[str, RoutineState]:
        """The routines with their open issues, the newest where there are several."""
        rows = self._driver.execute(STATES, (json.dumps(routine_ids),))
        states = {row[0]: routine_state(row) for row in rows}
        self._find_open_issues(states)
        return states

    def _with_open_issues(self, claimed: Claim) -> Claim:
        self._find_open_issues(claimed.routines)
        return claimed

    def _find_open_issues(self, states: dict[str, RoutineState]) -> None:
        for routine_id, *issue in self._driver.execute(OPEN_ISSUES, (json.dumps(list(states)),)):
            states[routine_id].open_issue = OpenIssue(*issue)

    def known_causes(self, causes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Which (routine id, cause) pairs are runs already, and which."""
        return {(row[0], row[1]): row[2] for row in self._driver.execute(KNOWN_CAUSES, (json.dumps(causes),))}

    def known_aliases(self, causes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Which (routine id, cause) pairs are further causes of runs, and of which."""
        return {(row[0], row[1]): row[2] for row in self._driver.execute(KNOWN_ALIASES, (json.dumps(causes),))}

    def take_issue_numbers(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """Reserve so many issue numbers of each company, and return each company's first."""
        return {
            company_id: self._driver.execute(TAKE_ISSUE_NUMBERS, (count, company_id)).fetchall()[0][0] - count + 1
            for company_id, count in wanted.items()
        }

    def write(self, rows: Rows) -> None:
        """Write a batch."""
        for statement, values in (
            (INSERT_RUN, rows.runs),
            (INSERT_ISSUE, rows.issues),
            (INSERT_WAKE_UP, rows.wake_ups),
            (INSERT_ALIAS, rows.aliases),
            (CHANGE_TRIGGER, rows.triggers),
            (CHANGE_ROUTINE, rows.routines),
        ):
            if values:
                self._driver.executemany(statement, values)

    def keep_unfired(self, records: Sequence[DeliveryRecord], kept_max: int) -> None:
        """Keep deliveries that made no run, and of each of their triggers no more than the newest `kept_max`."""
        self._driver.executemany(INSERT_UNFIRED, map(delivery_row, records))
        self._driver.execute(REMOVE_UNFIRED, (json.dumps(list({each.trigger_id for each in records})), kept_max))

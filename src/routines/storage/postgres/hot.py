"""The hot statements in PostgreSQL's words: each a named SQL text over a whole set, sent straight to the driver.

What a decision stands on is read in a statement after the one that locks: under READ COMMITTED a statement sees what
was committed before it began, and a lock may have been waited for (postgresql.org/docs/current/transaction-iso.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from psycopg import Connection

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
from routines.storage.schema import issues, run_aliases, runs, unfired_deliveries, wake_ups

# Claims never wait: a routine that somebody holds is being fired, or changed, which settles its slots itself.
LOCK_DUE = """
    SELECT due.id FROM unnest(%s::uuid[]) AS company(id)
    CROSS JOIN LATERAL (
        SELECT t.id FROM triggers t JOIN routines r ON r.id = t.routine_id
        WHERE t.company_id = company.id AND t.next_run_at <= %s
        ORDER BY t.company_id, t.next_run_at
        LIMIT %s
        FOR NO KEY UPDATE OF r SKIP LOCKED
    ) AS due
"""
LOCK_ROUTINES_OF = """
    SELECT t.id FROM unnest(%s::uuid[]) AS asked(id)
    JOIN triggers t ON t.id = asked.id JOIN routines r ON r.id = t.routine_id
    FOR NO KEY UPDATE OF r SKIP LOCKED
"""
CLAIMED = f"""
    {DUE_TRIGGERS} JOIN unnest(%s::uuid[]) AS asked(id) ON asked.id = t.id
    WHERE t.next_run_at IS NOT NULL AND (%s::bigint IS NULL OR t.next_run_at <= %s) ORDER BY t.next_run_at, t.id
"""
OF_PUBLIC_IDS = f"{WEBHOOKS} WHERE public_id = ANY(%s) AND public_id IS NOT NULL AND deleted_at IS NULL"
LOCK_ROUTINES = "SELECT id FROM routines WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE"
STATES = f"{ROUTINE_STATES} JOIN unnest(%s::uuid[]) AS asked(id) ON asked.id = r.id WHERE r.deleted_at IS NULL"
# The newest alone: `always_enqueue` may leave thousands open. Ordered as the index is, in whose place a planner that
# knows nothing of the table yet would walk the primary key backwards.
OPEN_ISSUES = """
    SELECT asked.id, newest.id, newest.identifier, newest.origin_run_id FROM unnest(%s::uuid[]) AS asked(id)
    CROSS JOIN LATERAL (
        SELECT id, identifier, origin_run_id FROM issues
        WHERE origin_id = asked.id AND origin_id IS NOT NULL AND status NOT IN ('done', 'cancelled')
        ORDER BY origin_id DESC, id DESC LIMIT 1
    ) AS newest
"""
# What is found stays until the transaction ends: a run that is being removed is waited for, and is then not known.
KNOWN_CAUSES = """
    SELECT r.routine_id, r.cause, r.id FROM unnest(%s::uuid[], %s::text[]) AS asked(routine_id, cause)
    JOIN runs r ON r.routine_id = asked.routine_id AND r.cause = asked.cause
    FOR KEY SHARE OF r
"""
KNOWN_ALIASES = """
    SELECT a.routine_id, a.cause, a.run_id FROM unnest(%s::uuid[], %s::text[]) AS asked(routine_id, cause)
    JOIN run_aliases a ON a.routine_id = asked.routine_id AND a.cause = asked.cause
    JOIN runs r ON r.id = a.run_id
    FOR KEY SHARE OF r
"""
# A transaction of its own, which ends at once: a counter is one row for a whole company, and held until the end of a
# batch it would have all batches of the company wait for each other. It need not be on disk by itself, for the batch
# that uses its numbers is written to disk after it (postgresql.org/docs/current/wal-async-commit.html). Rows are
# locked in one order first: an update of several takes them in any.
TAKE_ISSUE_NUMBERS = """
    WITH setting AS MATERIALIZED (
        SELECT set_config('synchronous_commit', 'off', true)
    ), locked AS MATERIALIZED (
        SELECT company_id FROM issue_counters WHERE company_id = ANY(%(companies)s::uuid[])
        ORDER BY company_id FOR NO KEY UPDATE
    )
    UPDATE issue_counters AS counter SET last_number = counter.last_number + wanted.number
    FROM setting CROSS JOIN locked
    JOIN unnest(%(companies)s::uuid[], %(numbers)s::bigint[]) AS wanted(company_id, number)
        ON wanted.company_id = locked.company_id
    WHERE counter.company_id = locked.company_id
    RETURNING counter.company_id, counter.last_number - wanted.number + 1
"""
COPY_RUNS = f"COPY runs ({', '.join(runs.c.keys())}) FROM STDIN"
COPY_ISSUES = f"COPY issues ({', '.join(issues.c.keys())}) FROM STDIN"
COPY_WAKE_UPS = f"COPY wake_ups ({', '.join(wake_ups.c.keys())}) FROM STDIN"
COPY_ALIASES = f"COPY run_aliases ({', '.join(run_aliases.c.keys())}) FROM STDIN"
COPY_UNFIRED = f"COPY unfired_deliveries ({', '.join(unfired_deliveries.c.keys())}) FROM STDIN"
# One walk along the index for each trigger, past its newest to those that are to go. The last of a transaction's
# locks, and none that is waited for: an accepted fire of the same set must not fail for it.
REMOVE_UNFIRED = """
    DELETE FROM unfired_deliveries WHERE id = ANY(ARRAY(
        SELECT id FROM unfired_deliveries WHERE id = ANY(ARRAY(
            SELECT old.id FROM unnest(%s::uuid[]) AS asked(id)
            CROSS JOIN LATERAL (
                SELECT id FROM unfired_deliveries WHERE trigger_id = asked.id
                ORDER BY trigger_id DESC, id DESC OFFSET %s
            ) AS old
        )) FOR UPDATE SKIP LOCKED
    ))
"""
CHANGE_TRIGGERS = """
    UPDATE triggers AS t SET
        last_fired_at = coalesce(change.fired_at, t.last_fired_at),
        last_result = coalesce(change.result, t.last_result),
        slots_decided_until = coalesce(change.decided_until, t.slots_decided_until),
        next_run_at = CASE WHEN change.decided_until IS NULL THEN t.next_run_at ELSE change.next_run_at END
    FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::uuid[])
        AS change(fired_at, result, decided_until, next_run_at, id)
    WHERE t.id = change.id
"""
CHANGE_ROUTINES = """
    UPDATE routines AS r SET
        last_triggered_at = change.triggered_at,
        last_enqueued_at = coalesce(change.enqueued_at, r.last_enqueued_at)
    FROM unnest(%s::bigint[], %s::bigint[], %s::uuid[]) AS change(triggered_at, enqueued_at, id)
    WHERE r.id = change.id
"""


class PostgresStatements:
    """The hot statements on one connection; `aside` lends another for what is not to wait for the end of this one."""

    def __init__(self, driver: Connection, aside: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._driver = driver
        self._aside = aside

    def claim_due(self, company_ids: Sequence[str], now: datetime, each: int) -> Claim:
        """Schedules whose slot has come, with their routines locked: of each company up to `each`, longest due first.

        What another server has claimed is passed over.
        """
        at = to_milliseconds(now)
        locked = self._rows(LOCK_DUE, _array(company_ids), at, each)
        claimed = self._claimed(locked, at)
        if len(claimed.triggers) + len(claimed.unreadable) < len(locked):
            # Another server had fired some while they were looked for. What else is due of their routines was passed
            # over by everybody who met these locks, so it is looked for now.
            claimed = self._claimed(self._rows(LOCK_DUE, _array(company_ids), at, each), at)
        return claimed

    def claim(self, trigger_ids: Sequence[str]) -> Claim:
        """Those triggers as they are now, with their routines locked.

        Ones that fire no more, and what another server has claimed, are left out.
        """
        return self._claimed(self._rows(LOCK_ROUTINES_OF, _array(trigger_ids)))

    def webhooks(self, public_ids: Sequence[str]) -> dict[str, Webhook]:
        """The webhook triggers behind these public ids; unknown ones are left out."""
        return {public_id: webhook(row) for public_id, *row in self._rows(OF_PUBLIC_IDS, list(public_ids))}

    def routine_states(self, routine_ids: Sequence[str]) -> dict[str, RoutineState]:
        """The routines, locked, with their open issues; deleted and unknown ones are left out."""
        ids = _array(routine_ids)
        self._driver.execute(LOCK_ROUTINES, (ids,))
        states = {row[0]: routine_state(row) for row in self._rows(STATES, ids)}
        self._find_open_issues(states)
        return states

    def known_causes(self, causes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Which (routine id, cause) pairs are runs already, and which."""
        return {(row[0], row[1]): row[2] for row in self._rows(KNOWN_CAUSES, *_causes(causes))}

    def known_aliases(self, causes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Which (routine id, cause) pairs are further causes of runs, and of which."""
        return {(row[0], row[1]): row[2] for row in self._rows(KNOWN_ALIASES, *_causes(causes))}

    def take_issue_numbers(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """Reserve so many issue numbers of each company, and return each company's first; unused ones are gone."""
        asked = {"companies": _array(wanted), "numbers": _array(wanted.values())}
        with self._aside() as driver:
            return dict(driver.execute(TAKE_ISSUE_NUMBERS, asked).fetchall())

    def write(self, rows: Rows) -> None:
        """Write a batch."""
        for statement, values in (
            (COPY_RUNS, rows.runs),
            (COPY_ISSUES, rows.issues),
            (COPY_WAKE_UPS, rows.wake_ups),
            (COPY_ALIASES, rows.aliases),
        ):
            if values:
                self._copy(statement, values)
        if rows.triggers:
            fired_at, results, decided_until, next_run_at, ids = zip(*rows.triggers, strict=True)
            columns = (_array(fired_at), _texts(results), _array(decided_until), _array(next_run_at), _array(ids))
            self._driver.execute(CHANGE_TRIGGERS, columns)
        if rows.routines:
            self._driver.execute(CHANGE_ROUTINES, [_array(column) for column in zip(*rows.routines, strict=True)])

    def keep_unfired(self, records: Sequence[DeliveryRecord], kept_max: int) -> None:
        """Keep deliveries that made no run, and of each of their triggers no more than the newest `kept_max`.

        What another server is removing just now is passed over, and goes with the next.
        """
        self._copy(COPY_UNFIRED, map(delivery_row, records))
        self._driver.execute(REMOVE_UNFIRED, (_array({each.trigger_id for each in records}), kept_max))

    def _copy(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self._driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def _claimed(self, locked: Sequence[tuple[Any, ...]], due_at: int | None = None) -> Claim:
        if not locked:
            return Claim([], {}, [])
        claimed = claim(self._rows(CLAIMED, _array(row[0] for row in locked), due_at, due_at))
        self._find_open_issues(claimed.routines)
        return claimed

    def _find_open_issues(self, states: dict[str, RoutineState]) -> None:
        for routine_id, *issue in self._rows(OPEN_ISSUES, _array(states)):
            states[routine_id].open_issue = OpenIssue(*issue)

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._driver.execute(statement, values).fetchall()


def _array(values: Iterable[object]) -> str:
    """Ids or numbers as the text of an array, which the driver takes ten times as long to write."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _texts(values: Iterable[object]) -> str:
    """Texts as the text of an array (postgresql.org/docs/current/arrays.html#ARRAYS-IO)."""
    return "{" + ",".join(["NULL" if value is None else _quoted(str(value)) for value in values]) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _causes(causes: Sequence[tuple[str, str]]) -> tuple[str, str]:
    return _array(routine_id for routine_id, _ in causes), _texts(cause for _, cause in causes)

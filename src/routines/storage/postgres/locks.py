"""The locks of a use case on PostgreSQL: a company by an advisory lock, routines and issues by their rows.

What they mean, and the order in which they are asked for, is said in `storage.database.Locks`. Advisory locks are fair
and write nothing; they end with the transaction, so that they work through a pooler too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from psycopg import Connection

# The first half of each lock's key (postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS).
_REGISTRY = 7_341_001
_COMPANY = 7_341_002
_ISSUE_TREE = 7_341_003
_REMOVAL = 7_341_004
_SILENCES = 7_341_005

REGISTRY = f"SELECT pg_advisory_xact_lock({_REGISTRY}, 0)"
COMPANY = f"SELECT pg_advisory_xact_lock({_COMPANY}, hashtext(%s))"
COMPANY_SHARED = f"SELECT pg_advisory_xact_lock_shared({_COMPANY}, hashtext(%s))"
ISSUE_TREE = f"SELECT pg_advisory_xact_lock({_ISSUE_TREE}, hashtext(%s))"
REMOVAL = f"SELECT pg_try_advisory_xact_lock({_REMOVAL}, 0)"
SILENCES = f"SELECT pg_try_advisory_xact_lock({_SILENCES}, 0)"
_COMPANY_OF = f"SELECT pg_advisory_xact_lock({_COMPANY}, hashtext(company_id::text)) FROM"
COMPANY_OF_AGENT = f"{_COMPANY_OF} agents WHERE id = %s::uuid"
COMPANY_OF_PROJECT = f"{_COMPANY_OF} projects WHERE id = %s::uuid"
COMPANY_OF_GOAL = f"{_COMPANY_OF} goals WHERE id = %s::uuid"
COMPANY_OF_ROUTINE = f"{_COMPANY_OF} routines WHERE id = %s::uuid"
COMPANY_OF_TRIGGER = f"{_COMPANY_OF} triggers WHERE id = %s::uuid"
COMPANY_OF_ISSUE = (
    f"SELECT pg_advisory_xact_lock_shared({_COMPANY}, hashtext(company_id::text)) FROM issues "  # noqa: S608 - constants
    "WHERE id = %s::uuid"
)
AGENT = "SELECT id FROM agents WHERE id = %s::uuid FOR NO KEY UPDATE"
ROUTINE_OF_TRIGGER = """
    SELECT id FROM routines WHERE id = (SELECT routine_id FROM triggers WHERE id = %s::uuid) FOR NO KEY UPDATE
"""
ROUTINES = "SELECT id FROM routines WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE"
COMPANIES_OF_ISSUES = f"""
    SELECT pg_advisory_xact_lock_shared({_COMPANY}, hashtext(found.company_id))
    FROM (
        SELECT DISTINCT company_id::text AS company_id FROM issues WHERE id = ANY(%s::uuid[]) ORDER BY 1
    ) AS found
"""  # noqa: S608 - constants
ISSUES = "SELECT id FROM issues WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE"
ISSUE = "SELECT id FROM issues WHERE id = %s::uuid FOR NO KEY UPDATE"


class PostgresLocks:
    """The locks of one transaction."""

    def __init__(self, driver: Connection) -> None:
        self._driver = driver

    def registry(self) -> None:
        """What is one in the whole database: issue prefixes, facts."""
        self._driver.execute(REGISTRY)

    def company(self, company_id: str) -> None:
        """A company, and the right to change what belongs to it but its issues."""
        self._lock(COMPANY, company_id)

    def agent(self, agent_id: str) -> None:
        """The company of an agent, and the agent against those who start it."""
        self._lock(COMPANY_OF_AGENT, agent_id)
        self._lock(AGENT, agent_id)

    def project(self, project_id: str) -> None:
        """The company of a project."""
        self._lock(COMPANY_OF_PROJECT, project_id)

    def goal(self, goal_id: str) -> None:
        """The company of a goal."""
        self._lock(COMPANY_OF_GOAL, goal_id)

    def routine(self, routine_id: str) -> None:
        """The company of a routine, and the routine against fires."""
        self._lock(COMPANY_OF_ROUTINE, routine_id)
        self.routines([routine_id])

    def trigger(self, trigger_id: str) -> None:
        """The company of a trigger, and its routine against fires."""
        self._lock(COMPANY_OF_TRIGGER, trigger_id)
        self._lock(ROUTINE_OF_TRIGGER, trigger_id)

    def issues_of(self, company_id: str) -> None:
        """A company against changes of all but its issues, beside others who ask for the same."""
        self._lock(COMPANY_SHARED, company_id)

    def issue(self, issue_id: str) -> None:
        """The company of an issue as `issues_of` does, and the issue."""
        self._lock(COMPANY_OF_ISSUE, issue_id)
        self._lock(ISSUE, issue_id)

    def issues(self, issue_ids: Sequence[str]) -> None:
        """Issues with their companies, each as `issue` does."""
        if issue_ids:
            self._driver.execute(COMPANIES_OF_ISSUES, (list(issue_ids),))
            self._driver.execute(ISSUES, (list(issue_ids),))

    def routines(self, routine_ids: Sequence[str]) -> None:
        """Routines of a company that is locked, against fires."""
        self._driver.execute(ROUTINES, (list(routine_ids),))

    def issue_tree(self, company_id: str) -> None:
        """Which issue is below which, in a company."""
        self._lock(ISSUE_TREE, company_id)

    def removal(self) -> bool:
        """The removal of what is old; it is tried, and False if another server is at it."""
        return self._driver.execute(REMOVAL).fetchone() == (True,)

    def silences(self) -> bool:
        """Telling of routines that are quiet; it is tried, and False if another server is at it."""
        return self._driver.execute(SILENCES).fetchone() == (True,)

    def _lock(self, statement: LiteralString, identity: str) -> None:
        self._driver.execute(statement, (identity,))

"""The locks of a use case on SQLite, where a write transaction is alone: it holds them all from its beginning.

What they mean is said in `storage.database.Locks`.
"""

from __future__ import annotations

from collections.abc import Sequence


class SqliteLocks:
    """Every lock is held already."""

    def registry(self) -> None:
        """Held."""

    def company(self, company_id: str) -> None:
        """Held."""

    def agent(self, agent_id: str) -> None:
        """Held."""

    def project(self, project_id: str) -> None:
        """Held."""

    def goal(self, goal_id: str) -> None:
        """Held."""

    def routine(self, routine_id: str) -> None:
        """Held."""

    def trigger(self, trigger_id: str) -> None:
        """Held."""

    def issues_of(self, company_id: str) -> None:
        """Held."""

    def issue(self, issue_id: str) -> None:
        """Held."""

    def issues(self, issue_ids: Sequence[str]) -> None:
        """Issues with their companies, each as `issue` does."""

    def routines(self, routine_ids: Sequence[str]) -> None:
        """Held."""

    def issue_tree(self, company_id: str) -> None:
        """Held."""

    def removal(self) -> bool:
        """Held."""
        return True

    def silences(self) -> bool:
        """Held."""
        return True

"""The use cases of companies: list, look at, create, change.

What belongs to a company has use cases of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from string import ascii_uppercase
from typing import TypedDict

from sqlalchemy import Connection

from routines.core.access import Action, require
from routines.core.activity import ActivityAction
from routines.core.errors import ConflictError
from routines.core.model import Actor, ActorType, Company, CompanyStatus
from routines.services.context import Body, Context, changed_names, company_of_path
from routines.storage.database import Transaction
from routines.storage.queries import companies

DERIVED_PREFIX_LETTERS = 4  # as in ACME-12
PREFIX_OF_NAMELESS = "CMP"


@dataclass(frozen=True, slots=True)
class NewCompany:
    """A company to be made; without a prefix one is derived from the name."""

    name: str
    description: str | None
    status: CompanyStatus
    issue_prefix: str | None


class CompanyChanges(TypedDict, total=False):
    """The fields that an update names, with their new values."""

    name: str
    description: str | None
    status: CompanyStatus
    issue_prefix: str


@dataclass(frozen=True, slots=True)
class Companies:
    """The use cases of companies."""

    context: Context

    def every_company(self, actor: Actor) -> list[Company]:
        """All companies for the board, its own for an agent."""
        with self.context.database.read() as connection:
            if actor.type is ActorType.AGENT:
                own = companies.get(connection, actor.company_id or "")
                return [] if own is None else [own]
            return companies.every_company(connection)

    def get(self, actor: Actor, company_id: str) -> Company:
        """The company that a path names."""
        with self.context.database.read() as connection:
            return company_of_path(connection, actor, company_id)

    def create(self, actor: Actor, body: Body[NewCompany]) -> Company:
        """Make a company; raises `ConflictError` for an issue prefix that another company has."""
        with self.context.database.write() as transaction:
            transaction.locks.registry()
            connection = transaction.connection
            require(actor, Action.MANAGE_COMPANY)
            new = body()
            if new.issue_prefix is not None:
                _require_free_prefix(connection, new.issue_prefix)
            now = self.context.clock.now()
            company = Company(
                id=self.context.ids.new(now),
                name=new.name,
                description=new.description,
                status=new.status,
                issue_prefix=new.issue_prefix or _free_prefix(connection, new.name),
                created_at=now,
                updated_at=now,
            )
            companies.add(connection, company)
            self._record(transaction, actor, ActivityAction.COMPANY_CREATED, company, now, {"name": company.name})
        return company

    def update(self, actor: Actor, company_id: str, body: Body[CompanyChanges]) -> Company:
        """Change a company; while it is not active its schedules and webhooks are suppressed."""
        with self.context.database.write() as transaction:
            transaction.locks.registry()
            transaction.locks.company(company_id)
            connection = transaction.connection
            before = company_of_path(connection, actor, company_id)
            require(actor, Action.MANAGE_COMPANY)
            after = replace(before, **body())
            names = changed_names(before, after)
            if not names:
                return before
            if before.issue_prefix != after.issue_prefix:
                _require_free_prefix(connection, after.issue_prefix)
            now = self.context.clock.now()
            after = replace(after, updated_at=now)
            companies.change(connection, after)
            if after.status is CompanyStatus.ACTIVE and before.status is not after.status:
                companies.activated(connection, after.id, now)
            transaction.wakes()  # its agents may be started again
            self._record(
                transaction,
                actor,
                ActivityAction.COMPANY_UPDATED,
                after,
                now,
                {"changed": names, "status": after.status.value},
            )
        return after

    def _record(
        self,
        transaction: Transaction,
        actor: Actor,
        action: ActivityAction,
        company: Company,
        now: datetime,
        details: dict[str, object],
    ) -> None:
        subject = (company.id, "company", company.id)
        self.context.record(transaction, actor, action, subject, now, details)


def _require_free_prefix(connection: Connection, prefix: str) -> None:
    if companies.has_prefix(connection, prefix):
        raise ConflictError(f"Issue prefix {prefix} is another company's; choose one that is not in use")


def _free_prefix(connection: Connection, name: str) -> str:
    """The first letters of the name, followed by as many more as make them unique."""
    letters = re.sub(r"[^A-Z]", "", name.upper())[:DERIVED_PREFIX_LETTERS] or PREFIX_OF_NAMELESS
    return next(prefix for prefix in _with_suffixes(letters) if not companies.has_prefix(connection, prefix))


def _with_suffixes(letters: str) -> Iterator[str]:
    yield letters
    for length in range(1, 5):
        for suffix in product(ascii_uppercase, repeat=length):
            yield letters + "".join(suffix)

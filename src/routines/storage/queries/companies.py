"""Questions about companies, and changes of them; a new one comes with its issue counter."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from routines.core.model import Company
from routines.storage.rows import every, get_model, insert_model, select_model, update_model
from routines.storage.schema import companies, issue_counters


def get(connection: Connection, company_id: str) -> Company | None:
    """The company, or None."""
    return get_model(connection, companies, Company, company_id)


def every_company(connection: Connection) -> list[Company]:
    """All companies, oldest first."""
    return every(connection, Company, select_model(companies, Company).order_by(companies.c.id))


def has_prefix(connection: Connection, issue_prefix: str) -> bool:
    """True if some company's issues are named so."""
    query = select(companies.c.id).where(companies.c.issue_prefix == issue_prefix)
    return connection.execute(query).first() is not None


def add(connection: Connection, company: Company) -> None:
    """Store a new company whose first issue will be number 1."""
    insert_model(connection, companies, company)
    connection.execute(insert(issue_counters).values(company_id=company.id, last_number=0))


def change(connection: Connection, company: Company) -> None:
    """Store a company as it now is."""
    update_model(connection, companies, company)


def activated(connection: Connection, company_id: str, at: datetime) -> None:
    """Note when the status of a company became active."""
    connection.execute(update(companies).where(companies.c.id == company_id).values(active_since=at))

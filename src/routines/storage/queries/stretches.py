"""How far back one look through a company's entries goes, where no index knows those that are wanted.

What they are held against is the questions' own.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, select


def end_of_stretch(
    connection: Connection, table: Table, company_id: str, before: str | None, entries: int
) -> str | None:
    """The id of the last of so many of a company's entries, newest first from the one after `before` on.

    None where there are no more behind it. The table has an index of `company_id` and `id`.
    """
    query = select(table.c.id).where(table.c.company_id == company_id)
    if before is not None:
        query = query.where(table.c.id < before)
    ids = connection.execute(query.order_by(table.c.id.desc()).offset(entries - 1).limit(2)).scalars().all()
    return ids[0] if len(ids) > 1 else None

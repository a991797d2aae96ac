"""The one chain of schema changes for every database, and how a database is brought to its end.

A revision says what it does in plain types, so that it stays what it was when `schema` moves on.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from routines.core.errors import RoutinesError

NEWEST_VERSION = "0008"
"""The version of the schema that this program works with: the end of the chain."""


class DatabaseTooNewError(RoutinesError):
    """The database was written by a newer version of the program, which alone knows how to read it."""


def upgrade(connection: Connection) -> None:
    """Bring the database up to date in the caller's transaction.

    Raises `DatabaseTooNewError`, having changed nothing, when the database's version is not one that this program
    knows.
    """
    current = version(connection)
    if current == NEWEST_VERSION:
        return
    # Alembic takes longer to load than all the rest of a start, and is needed once in the life of a version.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise DatabaseTooNewError(
            f"The database has version {current}, which is newer than this program ({NEWEST_VERSION}): "
            "install the version of Routines that wrote it, or a later one"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def version(connection: Connection) -> str | None:
    """The version of the database's schema, or None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found

"""The one chain of schema changes for every database, and how a database is brought to its end.

A revision says what it does in plain types, so that it stays what it was when `schema` moves on.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from routines.core.errors import RoutinesError


class DatabaseTooNewError(RoutinesError):
    """The database was written by a newer version of the program, which alone knows how to read it."""


def upgrade(connection: Connection) -> str:
    """Bring the database up to date in the caller's transaction, and return its version.

    Raises `DatabaseTooNewError`, having changed nothing, when the database's version is not one that this program
    knows.
    """
    config = _config()
    script = ScriptDirectory.from_config(config)
    newest = script.get_current_head() or ""
    current = version(connection)
    if current == newest:
        return newest
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise DatabaseTooNewError(
            f"The database has version {current}, which is newer than this program ({newest}): "
            "install the version of Routines that wrote it, or a later one"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return newest


def version(connection: Connection) -> str | None:
    """The version of the database's schema, or None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config

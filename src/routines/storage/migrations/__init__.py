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
    newest = newest_version()
    current = version(connection)
    if current == newest:
        return newest
    if current is not None and current not in known_versions():
        raise DatabaseTooNewError(
            f"The database has version {current}, which is newer than this program ({newest}): "
            "install the version of Routines that wrote it, or a later one"
        )
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return newest


def version(connection: Connection) -> str | None:
    """The version of the database's schema, or None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str:
    """The version of the schema that this program works with."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def known_versions() -> set[str]:
    """Every version of the schema that this program can bring up to date."""
    return {revision.revision for revision in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config

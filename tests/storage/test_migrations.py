"""The chain of migrations leads from an empty database to the very schema that the program works with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text

from routines.storage import migrations
from routines.storage.migrations import DatabaseTooNewError
from routines.storage.schema import metadata
from routines.storage.sqlite.database import SqliteDatabase


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "migrated.db")
    database.migrate()
    yield database
    database.close()


def indexes(connection: Connection) -> dict[str, str]:
    """Every index of a SQLite database in the words that made it."""
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
    return {row.name: row.sql for row in rows}


def test_the_chain_ends_at_the_schema(migrated: SqliteDatabase) -> None:
    with migrated.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_indexes_are_word_for_word_those_of_the_schema(migrated: SqliteDatabase) -> None:
    """Alembic does not compare the conditions of partial indexes, without which a database may not use them."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        expected = indexes(connection)
    engine.dispose()
    with migrated.read() as connection:
        assert indexes(connection) == expected
    assert any(" WHERE " in sql for sql in expected.values())


def test_the_columns_stand_in_the_order_of_the_schema(migrated: SqliteDatabase) -> None:
    """Hot statements insert whole rows without naming columns."""
    with migrated.read() as connection:
        for table in metadata.sorted_tables:
            columns = [column["name"] for column in inspect(connection).get_columns(table.name)]
            assert columns == [column.name for column in table.columns]


def test_the_newest_version_is_the_chains_end(migrated: SqliteDatabase) -> None:
    from alembic.config import Config  # noqa: PLC0415 - needed here alone
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - needed here alone

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with migrated.read() as connection:
        assert ScriptDirectory.from_config(config).get_heads() == [migrations.version(connection)]


def test_migrating_again_changes_nothing(migrated: SqliteDatabase) -> None:
    migrated.close()
    before = migrated.path.read_bytes()
    migrated.migrate()
    migrated.close()
    assert migrated.path.read_bytes() == before


def test_several_programs_may_migrate_one_database_at_once(tmp_path: Path) -> None:
    databases = [SqliteDatabase(tmp_path / "shared.db") for _ in range(8)]
    with ThreadPoolExecutor(len(databases)) as threads:
        list(threads.map(SqliteDatabase.migrate, databases))
    for database in databases:
        with database.read() as connection:
            assert migrations.version(connection) is not None
        database.close()


def test_a_migration_that_fails_leaves_the_database_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("alembic.op.create_index", fail)
    database = SqliteDatabase(tmp_path / "failed.db")
    with pytest.raises(RuntimeError):
        database.migrate()
    database.close()
    connection = sqlite3.connect(database.path)
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()


def test_a_version_that_is_not_known_is_refused(migrated: SqliteDatabase) -> None:
    with migrated.write() as transaction:
        transaction.connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNewError, match="9999"):
        migrated.migrate()
    with migrated.read() as connection:
        assert migrations.version(connection) == "9999"

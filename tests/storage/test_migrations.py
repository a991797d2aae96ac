"""The chain of migrations leads from an empty database to the very schema that the program works with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, inspect, text

from routines.storage import migrations
from routines.storage.database import Database
from routines.storage.migrations import DatabaseTooNewError
from routines.storage.opening import DatabasePlace, database_at, open_database
from routines.storage.schema import metadata
from support.databases import Places
from support.service import Place
from support.together import together

INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname AS name, indexdef AS sql FROM pg_indexes WHERE schemaname = 'public'",
}


@pytest.fixture
def blank(places: Places) -> Iterator[DatabasePlace]:
    """A database in which nothing is."""
    with places.blank() as place:
        yield of(place)


@pytest.fixture
def migrated(blank: DatabasePlace) -> Iterator[Database]:
    database = open_database(blank)
    yield database
    database.close()


def of(place: Place) -> DatabasePlace:
    """The database of a place."""
    place.data_dir.mkdir(exist_ok=True)
    return DatabasePlace(place.database_url, place.data_dir)


def indexes(connection: Connection) -> dict[str, str]:
    """Every index in the words that made it, but for Alembic's own."""
    rows = connection.execute(text(INDEXES[connection.dialect.name]))
    return {row.name: row.sql for row in rows if not row.name.startswith("alembic_version")}


def with_conditions_for_postgres() -> MetaData:
    """The schema; it says for SQLite alone which rows an index is for, to spare each start the other's dialect."""
    whole = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        for index in table.to_metadata(whole).indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    return whole


def test_the_chain_ends_at_the_schema(migrated: Database) -> None:
    with migrated.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, with_conditions_for_postgres()) == []


def test_indexes_are_word_for_word_those_of_the_schema(migrated: Database, places: Places) -> None:
    """Alembic does not compare the conditions of partial indexes, without which a database may not use them."""
    with places.blank() as place:
        database = database_at(of(place))
        with database.write() as transaction:
            with_conditions_for_postgres().create_all(transaction.connection)
            expected = indexes(transaction.connection)
        database.close()
    with migrated.read() as connection:
        assert indexes(connection) == expected
    assert any(re.search(r"\bWHERE\b", sql) for sql in expected.values())


def test_the_columns_stand_in_the_order_of_the_schema(migrated: Database) -> None:
    """Hot statements insert whole rows without naming columns."""
    with migrated.read() as connection:
        for table in metadata.sorted_tables:
            columns = [column["name"] for column in inspect(connection).get_columns(table.name)]
            assert columns == [column.name for column in table.columns]


def test_the_newest_version_is_the_chains_end(migrated: Database) -> None:
    from alembic.config import Config  # noqa: PLC0415 - needed here alone
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - needed here alone

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with migrated.read() as connection:
        assert ScriptDirectory.from_config(config).get_heads() == [migrations.version(connection)]


def test_migrating_again_changes_nothing(migrated: Any, blank: DatabasePlace) -> None:
    before = content(migrated, blank)
    migrated.migrate()
    assert content(migrated, blank) == before


def content(database: Database, place: DatabasePlace) -> object:
    """All that a database holds: the bytes of the file, or what PostgreSQL says of each table and its last writer."""
    path = place.file()
    if path is not None:
        database.close()
        return path.read_bytes()
    with database.read() as connection:
        query = "SELECT relname, oid, xmin::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        return sorted(tuple(row) for row in connection.execute(text(query)))


def test_several_programs_may_migrate_one_database_at_once(blank: DatabasePlace) -> None:
    databases = together([lambda: open_database(blank)] * 8)
    for database in databases:
        with database.read() as connection:
            assert migrations.version(connection) == migrations.NEWEST_VERSION
        database.close()


def test_a_migration_that_fails_leaves_the_database_empty(
    blank: DatabasePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("alembic.op.create_index", fail)
    database = database_at(blank)
    with pytest.raises(RuntimeError):
        database.migrate()
    with database.read() as connection:
        assert inspect(connection).get_table_names() == []
    database.close()


def test_a_version_that_is_not_known_is_refused(migrated: Any) -> None:
    with migrated.write() as transaction:
        transaction.connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNewError, match="9999"):
        migrated.migrate()
    with migrated.read() as connection:
        assert migrations.version(connection) == "9999"

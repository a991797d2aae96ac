"""What every database promises the service: reads of one state, writes that are whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from routines.core.errors import UnavailableError
from routines.storage.database import Database, Transaction
from routines.storage.opening import DatabasePlace, open_database
from support.service import Place
from support.together import together

COUNT = "SELECT count(*) FROM facts WHERE value = 'x'"
WRITERS = 8
READERS = 8


@pytest.fixture
def at(place: Place) -> DatabasePlace:
    """Where the database is."""
    return DatabasePlace(place.database_url, place.data_dir)


@pytest.fixture
def database(at: DatabasePlace) -> Iterator[Database]:
    opened = open_database(at)
    yield opened
    opened.close()


def put(transaction: Transaction, name: str) -> None:
    """Write something."""
    transaction.connection.execute(text("INSERT INTO facts VALUES (:name, 'x')"), {"name": name})


def names(database: Database) -> list[str]:
    """What was written and is committed."""
    with database.read() as connection:
        return list(connection.execute(text("SELECT name FROM facts WHERE value = 'x' ORDER BY name")).scalars())


def test_foreign_keys_are_kept(database: Database) -> None:
    statement = text("INSERT INTO issue_counters VALUES ('00000000-0000-7000-8000-000000000000', 0)")
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), database.write() as transaction:
        transaction.connection.execute(statement)


def test_a_reader_cannot_write(database: Database) -> None:
    statement = text("INSERT INTO facts VALUES ('a', 'x')")
    with pytest.raises(UnavailableError), database.read() as connection:
        connection.execute(statement)
    assert names(database) == []


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(database: Database) -> None:
    query = text(COUNT)
    with database.read() as connection:
        assert connection.execute(query).scalar_one() == 0
        with database.write() as transaction:
            put(transaction, "a")
        assert connection.execute(query).scalar_one() == 0
    assert names(database) == ["a"]


def test_a_connection_in_use_when_the_database_is_closed_is_closed_with_its_transaction(database: Database) -> None:
    reader, writer = database.read(), database.write()
    drivers = [_driver(reader.__enter__()), _driver(writer.__enter__().connection)]
    database.close()
    reader.__exit__(None, None, None)
    writer.__exit__(None, None, None)
    assert [_is_open(driver) for driver in drivers] == [False, False]


def test_as_many_readers_as_there_are_connections_read_beside_a_writer(database: Database) -> None:
    with database.write() as transaction:
        put(transaction, "a")
        readers = [database.read() for _ in range(READERS)]
        counts = [reader.__enter__().execute(text(COUNT)).scalar_one() for reader in readers]
        for reader in readers:
            reader.__exit__(None, None, None)
    assert counts == [0] * READERS


def test_what_many_write_at_once_is_all_there(database: Database) -> None:
    def write(name: str) -> None:
        with database.write() as transaction:
            put(transaction, name)

    together([lambda name=f"{number}": write(name) for number in range(WRITERS)])
    assert names(database) == [f"{number}" for number in range(WRITERS)]


def test_a_transaction_that_raises_leaves_no_trace_and_announces_nothing(database: Database) -> None:
    announced: list[str] = []

    def put_and_fail() -> None:
        with database.write() as transaction:
            put(transaction, "a")
            transaction.after_commit(lambda: announced.append("a"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        put_and_fail()
    with database.write() as transaction:
        put(transaction, "b")
        transaction.after_commit(lambda: announced.append("b"))
        assert announced == []
    assert names(database) == ["b"]
    assert announced == ["b"]


def test_our_own_faults_are_not_taken_for_an_absent_database(database: Database) -> None:
    with pytest.raises(DBAPIError, match="no_such_table"), database.read() as connection:
        connection.execute(text("SELECT * FROM no_such_table"))


def test_what_was_committed_is_there_after_closing(database: Database, at: DatabasePlace) -> None:
    with database.write() as transaction:
        put(transaction, "a")
    database.close()
    again = open_database(at)
    assert names(again) == ["a"]
    again.close()


def test_it_says_where_it_is_without_a_password(database: Database) -> None:
    assert database.place
    assert "password" not in database.place


def _driver(connection: Connection) -> sqlite3.Connection | psycopg.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection | psycopg.Connection)
    return driver


def _is_open(driver: sqlite3.Connection | psycopg.Connection) -> bool:
    try:
        driver.execute("SELECT 1")
    except (sqlite3.ProgrammingError, psycopg.OperationalError):
        return False
    return True

"""SQLite as the service uses it: one writer in turn, readers that cannot write, every commit on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import text

from routines.storage.database import Transaction
from routines.storage.sqlite import hot
from routines.storage.sqlite.database import SqliteDatabase
from routines.storage.sqlite.fair_lock import FairLock

SYNCHRONOUS_FULL = 2
WAITERS = 8


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "test.db")
    opened.migrate()
    yield opened
    opened.close()


def put(transaction: Transaction, name: str) -> None:
    """Write something."""
    transaction.connection.execute(text("INSERT INTO facts VALUES (:name, 'x')"), {"name": name})


def names(database: SqliteDatabase) -> list[str]:
    """What was written and is committed."""
    with database.read() as connection:
        return list(connection.execute(text("SELECT name FROM facts ORDER BY name")).scalars())


def wait_for_waiters(lock: FairLock, count: int) -> None:
    """Return once that many threads wait for a lock."""
    while len(lock._waiting) < count:  # noqa: SLF001 - nothing else tells that a thread waits
        pass


def test_the_writer_is_handed_on_in_the_order_in_which_it_was_asked_for() -> None:
    lock, order = FairLock(patience_seconds=60), list[int]()

    def take_turn(number: int) -> None:
        with lock.turn():
            order.append(number)

    threads = [Thread(target=take_turn, args=(number,)) for number in range(WAITERS)]
    with lock.turn():
        for count, thread in enumerate(threads, start=1):
            thread.start()
            wait_for_waiters(lock, count)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == list(range(WAITERS))


def test_the_lock_goes_on_after_a_holder_that_failed() -> None:
    lock = FairLock(patience_seconds=60)
    for _ in range(2):
        with pytest.raises(RuntimeError), lock.turn():
            raise RuntimeError
    with lock.turn():
        pass


def test_a_commit_is_on_disk(database: SqliteDatabase) -> None:
    with database.write() as transaction:
        pragma = transaction.connection.execute(text("PRAGMA synchronous")).scalar_one()
        journal = transaction.connection.execute(text("PRAGMA journal_mode")).scalar_one()
    assert (pragma, journal) == (SYNCHRONOUS_FULL, "wal")


def test_closing_leaves_one_file_that_holds_everything(database: SqliteDatabase) -> None:
    with database.write() as transaction:
        put(transaction, "a")
    database.close()
    assert [file.name for file in database.path.parent.iterdir()] == ["test.db"]
    again = SqliteDatabase(database.path)
    assert names(again) == ["a"]
    again.close()


@pytest.mark.parametrize("statement", [hot.CLAIM, hot.STATES, hot.OPEN_ISSUES, hot.KNOWN_CAUSES, hot.KNOWN_ALIASES])
def test_hot_statements_cost_what_is_asked_for_and_not_what_is_stored(database: SqliteDatabase, statement: str) -> None:
    with database.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("[]",)).all()
    steps = [str(row[3]) for row in plan]
    assert any(step.startswith("SEARCH") for step in steps)
    of_tables = [step for step in steps if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
    assert of_tables == []

"""SQLite as the service uses it: one writer in turn, readers that cannot write, every commit on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from routines.core.errors import UnavailableError
from routines.storage.database import Transaction
from routines.storage.sqlite import hot
from routines.storage.sqlite.database import READERS_MAX, SqliteDatabase
from routines.storage.sqlite.fair_lock import FairLock
from support.clock import MINUTE, MONDAY_NOON
from support.service import Company, Service, ok

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


def test_foreign_keys_are_kept(database: SqliteDatabase) -> None:
    with database.write() as transaction:
        assert transaction.connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


def test_a_reader_cannot_write(database: SqliteDatabase) -> None:
    statement = text("INSERT INTO facts VALUES ('a', 'x')")
    with pytest.raises(UnavailableError), database.read() as connection:
        connection.execute(statement)
    assert names(database) == []


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(database: SqliteDatabase) -> None:
    query = text("SELECT count(*) FROM facts")
    with database.read() as connection:
        assert connection.execute(query).scalar_one() == 0
        with database.write() as transaction:
            put(transaction, "a")
        assert connection.execute(query).scalar_one() == 0
    assert names(database) == ["a"]


def test_as_many_readers_as_there_are_connections_read_beside_a_writer(database: SqliteDatabase) -> None:
    with database.write() as transaction:
        put(transaction, "a")
        readers = [database.read() for _ in range(READERS_MAX)]
        counts = [reader.__enter__().execute(text("SELECT count(*) FROM facts")).scalar_one() for reader in readers]
        for reader in readers:
            reader.__exit__(None, None, None)
    assert counts == [0] * READERS_MAX


def test_a_transaction_that_raises_leaves_no_trace_and_announces_nothing(database: SqliteDatabase) -> None:
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


def test_our_own_faults_are_not_taken_for_an_absent_database(database: SqliteDatabase) -> None:
    with pytest.raises(OperationalError, match="no such table"), database.read() as connection:
        connection.execute(text("SELECT * FROM no_such_table"))


def test_closing_leaves_one_file_that_holds_everything(database: SqliteDatabase) -> None:
    with database.write() as transaction:
        put(transaction, "a")
    database.close()
    assert [file.name for file in database.path.parent.iterdir()] == ["test.db"]
    again = SqliteDatabase(database.path)
    assert names(again) == ["a"]
    again.close()


def in_transaction(service: Service, question: Callable[[Transaction], Any]) -> Any:
    """The answer to a question asked of the hot statements."""
    with service.server.database.write() as transaction:
        return question(transaction)


def test_claiming_leaves_out_what_fires_no_more(service: Service, company: Company) -> None:
    schedule = {"kind": "schedule", "cronExpression": "1 12 * * *"}
    live, disabled = company.routine(triggers=[schedule, {**schedule, "enabled": False}])["triggers"]
    paused = company.routine(status="paused", triggers=[schedule])["triggers"][0]
    asked = [each["id"] for each in (live, disabled, paused)] + ["unknown"]
    claimed = in_transaction(service, lambda transaction: transaction.hot.claim(asked))
    assert [each.id for each in claimed] == [live["id"]]
    assert claimed[0].next_run_at == MONDAY_NOON.replace(minute=1, second=0)
    in_transaction(
        service, lambda transaction: transaction.hot.advance([(MONDAY_NOON + timedelta(days=1), None, live["id"])])
    )
    assert in_transaction(service, lambda transaction: transaction.hot.claim(asked)) == []


def test_routines_are_read_with_their_newest_open_issue(service: Service, company: Company) -> None:
    busy = company.routine(concurrencyPolicy="always_enqueue")["id"]
    idle, gone = company.routine()["id"], company.routine()["id"]
    ok(company.board.post(f"/routines/{busy}/run"), 202)
    service.clock.advance(MINUTE)
    newest = ok(company.board.post(f"/routines/{busy}/run"), 202)
    closed = ok(company.board.post(f"/routines/{idle}/run"), 202)
    company.close(closed["linkedIssueId"])
    assert company.board.delete(f"/routines/{gone}").status_code == 204
    states = in_transaction(service, lambda transaction: transaction.hot.routine_states([busy, idle, gone, "unknown"]))
    assert set(states) == {busy, idle}
    assert (states[busy].open_issue.id, states[busy].open_issue.origin_run_id) == (
        newest["linkedIssueId"],
        newest["id"],
    )
    assert states[idle].open_issue is None


def test_issue_numbers_are_taken_in_blocks(service: Service, company: Company) -> None:
    def take(count: int) -> Callable[[Transaction], int]:
        return lambda transaction: transaction.hot.take_issue_numbers(company.id, count)

    assert [in_transaction(service, take(count)) for count in (3, 1, 20, 1)] == [1, 4, 5, 25]


def test_known_causes_are_found_in_sets(service: Service, company: Company) -> None:
    routine = company.routine()["id"]
    run = ok(company.board.post(f"/routines/{routine}/run", {"idempotencyKey": "ü\"'"}), 202)
    with service.server.database.read() as connection:
        cause = connection.execute(text("SELECT cause FROM runs")).scalar_one()
    asked = [(routine, cause), (routine, "unheard of"), ("unknown", cause)]
    assert in_transaction(service, lambda transaction: transaction.hot.known_causes(asked)) == {
        (routine, cause): run["id"]
    }
    assert in_transaction(service, lambda transaction: transaction.hot.known_aliases(asked)) == {}


@pytest.mark.parametrize(
    "statement", [hot.CLAIM, hot.ROUTINE_STATES, hot.OPEN_ISSUES, hot.KNOWN_CAUSES, hot.KNOWN_ALIASES]
)
def test_hot_statements_cost_what_is_asked_for_and_not_what_is_stored(database: SqliteDatabase, statement: str) -> None:
    with database.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("[]",)).all()
    steps = [str(row[3]) for row in plan]
    assert any(step.startswith("SEARCH") for step in steps)
    of_tables = [step for step in steps if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
    assert of_tables == []

"""PostgreSQL as the service uses it: servers that pass each other by, one clock, and news from server to server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from routines.clock import ClockSetting, Ids
from routines.core.deliveries import DeliveryOutcome, DeliveryRecord
from routines.core.errors import UnavailableError
from routines.core.instants import to_milliseconds
from routines.storage.database import Claim, Notices, Rows, Transaction, ignore
from routines.storage.opening import DatabasePlace, open_database
from routines.storage.postgres import hot
from routines.storage.postgres.database import BEGIN_WRITE, PREPARED_AFTER, REPLAN_SECONDS, PostgresDatabase
from routines.storage.schema import runs
from support.clock import HOUR, MINUTE, MONDAY_NOON
from support.databases import Places, on_postgres
from support.service import Company, Place, Service, ok

pytestmark = on_postgres
PATIENCE_SECONDS = 10
SCHEDULE = {"kind": "schedule", "cronExpression": "1 12 * * *"}
DUE = MONDAY_NOON + MINUTE
NOBODY_LISTENS = Notices(slot=lambda _: None, wake_up=ignore)


@contextmanager
def opened(place: Place) -> Iterator[PostgresDatabase]:
    """The place's database, as one more server opens it."""
    database = open_database(DatabasePlace(place.database_url, place.data_dir))
    assert isinstance(database, PostgresDatabase)
    yield database
    database.close()


@pytest.fixture
def database(place: Place) -> Iterator[PostgresDatabase]:
    with opened(place) as database:
        yield database


def wait_until(true: Callable[[], object]) -> None:
    """Return once it is; fail when it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def claimed(transaction: Transaction, company: Company, each: int = 100) -> set[str]:
    """The triggers that a transaction can claim."""
    return {due.id for due in transaction.hot.claim_due([company.id], DUE, each).triggers}


def test_a_claim_passes_over_what_another_server_has_claimed(
    service: Service, company: Company, database: PostgresDatabase
) -> None:
    triggers = {company.routine(triggers=[SCHEDULE])["triggers"][0]["id"] for _ in range(4)}
    with service.server.database.write() as first, database.write() as second:
        mine = claimed(first, company, each=3)
        assert len(mine) == 3
        assert claimed(second, company) == triggers - mine
        assert second.hot.claim(list(mine)).triggers == []


def test_a_claim_that_comes_later_sees_what_the_earlier_one_made_of_it(
    service: Service, company: Company, database: PostgresDatabase
) -> None:
    trigger_id = company.routine(triggers=[SCHEDULE])["triggers"][0]["id"]
    with service.server.database.write() as first:
        claimed(first, company)
        at = to_milliseconds(DUE)
        first.hot.write(Rows(triggers=[(at, "Created", at, at + 60_000, trigger_id)]))
    with database.write() as second:
        assert claimed(second, company) == set()


def test_a_write_that_waits_for_a_lock_too_long_is_told_to_come_back(
    service: Service, company: Company, database: PostgresDatabase
) -> None:
    def impatiently() -> None:
        with database.write() as second:
            second.connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
            second.locks.company(company.id)

    with service.server.database.write() as first:
        first.locks.company(company.id)
        with pytest.raises(UnavailableError):
            impatiently()


def test_who_starts_waits_for_a_migration_however_long_it_takes(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = "SET LOCAL lock_timeout = '5s'"
    assert patience in BEGIN_WRITE
    monkeypatch.setattr(
        "routines.storage.postgres.database.BEGIN_WRITE",
        BEGIN_WRITE.replace(patience, "SET LOCAL lock_timeout = '50ms'"),
    )
    starting = PostgresDatabase(database.url.render_as_string(hide_password=False))
    with database.write() as migrating:
        migrating.locks.registry()
        thread = Thread(target=starting.migrate)
        thread.start()
        thread.join(0.3)  # as long as six patiences
        assert thread.is_alive()
    thread.join(PATIENCE_SECONDS)
    with starting.write() as transaction:  # it did not fail, and goes on with the usual patience
        assert transaction.connection.execute(text("SHOW lock_timeout")).scalar_one() == "50ms"
    starting.close()


@pytest.mark.parametrize("sqlstate", ["53100", "57P01", "08006", "40P01", "25006", "58030"])
def test_what_the_operator_or_time_can_mend_is_unavailability(database: PostgresDatabase, sqlstate: str) -> None:
    with pytest.raises(UnavailableError), database.write() as transaction:
        transaction.connection.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{sqlstate}'; END $$"))


@pytest.mark.parametrize("sqlstate", ["26000", "42P05"])
def test_what_a_pooler_does_to_prepared_statements_is_noticed_once(database: PostgresDatabase, sqlstate: str) -> None:
    def prepares_after() -> int | None:
        with database.write() as transaction:
            driver = transaction.connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            return driver.prepare_threshold

    assert prepares_after() is not None
    with pytest.raises(UnavailableError), database.write() as transaction:
        transaction.connection.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{sqlstate}'; END $$"))
    assert prepares_after() is None


def test_a_fault_of_ours_stays_one(database: PostgresDatabase) -> None:
    with pytest.raises(IntegrityError), database.write() as transaction:
        transaction.connection.execute(text("INSERT INTO facts VALUES ('a', NULL)"))


def test_readers_see_one_state_and_cannot_write(database: PostgresDatabase) -> None:
    with database.read() as reader:
        before = reader.execute(text("SELECT count(*) FROM facts")).scalar_one()
        with database.write() as transaction:
            transaction.connection.execute(text("INSERT INTO facts VALUES ('a', 'b')"))
        assert reader.execute(text("SELECT count(*) FROM facts")).scalar_one() == before
    with pytest.raises(UnavailableError), database.read() as reader:
        reader.execute(text("DELETE FROM facts"))


def test_the_clock_is_the_databases_whatever_the_machine_says(
    database: PostgresDatabase, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routines.clock.time.time", lambda: 0.0)
    clock = database.make_clock(ClockSetting())
    with psycopg.connect(place.database_url or "") as connection:
        before = clock.now()
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    assert timedelta(0) <= row[0] - before < timedelta(seconds=1)
    assert clock.now() - row[0] < timedelta(seconds=1)


def test_a_slot_that_came_nearer_is_told_to_every_server(place: Place, database: PostgresDatabase) -> None:
    told: list[datetime] = []
    listening = Event()

    def notice(at: datetime) -> None:
        told.append(at)
        listening.set()

    with opened(place) as other:
        for each in (database, other):
            each.make_clock(ClockSetting())
        other.watch(Notices(slot=notice, wake_up=ignore))
        assert listening.wait(PATIENCE_SECONDS), "a server looks once when it begins to listen"
        database.watch(NOBODY_LISTENS)
        for at in (DUE + HOUR, DUE, DUE + MINUTE):
            database.announce(at)
        wait_until(lambda: DUE in told)


def test_a_watch_that_was_cut_off_comes_back(place: Place, database: PostgresDatabase) -> None:
    looks: list[datetime] = []
    database.make_clock(ClockSetting())
    database.watch(Notices(slot=looks.append, wake_up=ignore))
    wait_until(lambda: looks)
    with psycopg.connect(place.database_url or "", autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE '%clock_timestamp%' AND pid <> pg_backend_pid()"
        )
    wait_until(lambda: len(looks) > 1)
    database.announce(DUE)
    wait_until(lambda: DUE in looks)


UUIDS, TEXTS, NUMBERS = "'{019cae6b-db34-7e23-a662-db5247e23189}'", "'{x}'", "'{1}'"


@pytest.mark.parametrize(
    "statement",
    [
        hot.LOCK_DUE,
        hot.LOCK_ROUTINES_OF,
        hot.CLAIMED,
        hot.OF_PUBLIC_IDS,
        hot.LOCK_ROUTINES,
        hot.STATES,
        hot.OPEN_ISSUES,
        hot.KNOWN_CAUSES,
        hot.KNOWN_ALIASES,
        hot.TAKE_ISSUE_NUMBERS,
        hot.CHANGE_TRIGGERS,
        hot.CHANGE_ROUTINES,
    ],
)
def test_hot_statements_find_by_index_in_a_database_that_was_never_analysed(place: Place, statement: str) -> None:
    def value(match: re.Match[str]) -> str:
        kind = match[1]
        return {"::uuid[]": UUIDS, "::text[]": TEXTS, "::bigint[]": NUMBERS}.get(kind, "1") + kind

    filled = statement.replace("public_id = ANY(%s)", "public_id = ANY('{x}')")
    filled = re.sub(r"%(?:\(\w+\))?s((?:::\w+(?:\[\])?)?)", value, filled)
    with psycopg.connect(place.database_url or "", autocommit=True) as connection:
        connection.execute(BEGIN_WRITE)
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {filled}").fetchall())
    assert "Index" in plan
    assert not re.search(r"Seq Scan|Bitmap|Hash Join|Merge Join", plan), plan


def test_what_is_due_is_claimed_although_another_fires_what_was_found_first(
    database: PostgresDatabase, place: Place, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would wait, since this claim's locks kept it from everybody else."""
    triggers = {each["id"] for each in company.routine(triggers=[SCHEDULE, SCHEDULE])["triggers"]}
    found: list[str] = []
    claimed = hot.PostgresStatements._claimed  # noqa: SLF001 - the moment between the locks and what is read under them

    def after_another(self: hot.PostgresStatements, locked: list[tuple[str]], due_at: int) -> Claim:
        if not found:
            found.extend(row[0] for row in locked)
            with psycopg.connect(place.database_url or "", autocommit=True) as connection:
                connection.execute(
                    "UPDATE triggers SET next_run_at = next_run_at + 86400000 WHERE id = ANY(%s)", [found]
                )
        return claimed(self, locked, due_at)

    monkeypatch.setattr(hot.PostgresStatements, "_claimed", after_another)
    with database.write() as transaction:
        due = transaction.hot.claim_due([company.id], DUE, 1).triggers
    assert [each.id for each in due] == list(triggers - set(found))


def plan_of_known_causes(transaction: Transaction) -> str:
    """How a connection finds runs by their causes, as it remembers it."""
    prepared = transaction.connection.execute(text("SELECT name, statement FROM pg_prepared_statements"))
    [name] = [name for name, statement in prepared if "JOIN runs r ON r.routine_id = asked.routine_id" in statement]
    return "\n".join(line for (line,) in transaction.connection.execute(text(f"EXPLAIN EXECUTE {name}(NULL, NULL)")))


def test_plans_are_made_anew_as_tables_grow(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was planned for a table of a few rows may be no way to find one among thousands."""
    with places.blank() as place:  # for the size of indexes counts, and in a place that was lent before they are large
        service = Service(place)
        company = service.company()
        routine = company.routine()["id"]
        ok(company.board.post(f"/routines/{routine}/run"), 202)
        service.close()
        _require_new_plans(place, routine, monkeypatch)


def _require_new_plans(place: Place, routine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ", ".join(column.name for column in runs.c if column.name not in {"id", "cause"})
    more = f"SELECT gen_random_uuid(), gen_random_uuid()::text, {kept} FROM runs, generate_series(1, 20000)"  # noqa: S608 - constants
    with opened(place) as database:
        with database.write() as transaction:
            for _ in range(PREPARED_AFTER + 1):
                transaction.hot.known_causes([(routine, "unheard of")])
            before = plan_of_known_causes(transaction)
            transaction.connection.execute(text(f"INSERT INTO runs (id, cause, {kept}) {more}"))
        later = time.monotonic() + 2 * REPLAN_SECONDS
        monkeypatch.setattr("routines.storage.postgres.database.monotonic", lambda: later)
        with database.write() as transaction:
            transaction.hot.known_causes([(routine, "unheard of")])
            after = plan_of_known_causes(transaction)
    assert after != before, "the cost of what is remembered is that of the table as it is"
    assert re.search(r"Index Cond: .*routine_id = .*cause = ", after), after


def test_texts_reach_the_database_as_they_are(service: Service, company: Company) -> None:
    routine = company.routine()["id"]
    causes = ["a,b", '"quoted"', "back\\slash", "{brace}", "NULL", "", " ", "ü\n\t'"]
    now = to_milliseconds(MONDAY_NOON)
    run_id = ok(company.board.post(f"/routines/{routine}/run"), 202)["id"]
    with service.server.database.write() as transaction:
        transaction.hot.write(Rows(aliases=[(routine, cause, run_id, now) for cause in causes]))
        known: dict[tuple[str, str], Any] = transaction.hot.known_aliases([(routine, cause) for cause in causes])
    assert known == {(routine, cause): run_id for cause in causes}


@pytest.mark.usefixtures("places")
def test_the_place_is_told_without_its_password(tmp_path: Path) -> None:
    assert DatabasePlace("postgresql://me:secret@db/routines", tmp_path).file() is None
    assert PostgresDatabase("postgresql://me:secret@db/routines").place == "postgresql://me:***@db/routines"


def test_deliveries_are_kept_and_removed_by_several_servers_without_waiting(
    service: Service, database: PostgresDatabase
) -> None:
    ids = Ids()
    trigger_id = ids.new(MONDAY_NOON)

    def keep(transaction: Transaction, count: int) -> None:
        transaction.hot.keep_unfired(
            [
                DeliveryRecord(identity, trigger_id, MONDAY_NOON, DeliveryOutcome.REFUSED, None, None)
                for identity in ids.many(MONDAY_NOON, count)
            ],
            5,
        )

    def kept() -> int:
        with database.read() as connection:
            return int(connection.execute(text("SELECT count(*) FROM unfired_deliveries")).scalar_one())

    with service.server.database.write() as transaction:
        keep(transaction, 5)
    with service.server.database.write() as first:
        keep(first, 3)
        with database.write() as second:
            keep(second, 3)
        assert kept() == 8
    assert kept() == 8
    with database.write() as transaction:
        keep(transaction, 1)
    assert kept() == 5

"""`routines migrate`: everything arrives, from each kind of database on the other, or nothing does and it says why."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event

import pytest
from rich.console import Console
from sqlalchemy import Table, text
from typer.testing import CliRunner

from routines.cli import main
from routines.cli.migrate import CannotMigrateError, migrate
from routines.core.errors import RoutinesError
from routines.storage import migrations
from routines.storage.database import Database, Notices, RowsRefusedError, StoredRow, ignore
from routines.storage.opening import DatabaseInUseError, DatabasePlace, database_at, open_database
from routines.storage.queries import facts
from routines.storage.schema import metadata
from routines.storage.sqlite.tables import SqliteTables
from routines.storage.transfer import NotEmptyError
from support.databases import Places
from support.heartbeats import Worker, issue_for, process_agent
from support.service import Place, Service, created, ok
from support.webhooks import webhook
from support.world import World

EACH_TARGET = pytest.mark.parametrize("to", ["target", "target_on_postgres"])


def url(place: Place) -> str:
    return place.database_url or f"sqlite:///{place.data_dir / 'routines.db'}"


def open_place(place: Place) -> Database:
    return open_database(DatabasePlace(place.database_url, place.data_dir))


def put_version(place: Place, version: str) -> None:
    with (
        closing(database_at(DatabasePlace(place.database_url, place.data_dir))) as database,
        database.write() as transaction,
    ):
        transaction.connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": version})


def everything(place: Place) -> dict[str, list[StoredRow]]:
    with closing(open_place(place)) as database, database.read_tables() as tables:
        return {table.name: list(tables.rows(table)) for table in metadata.sorted_tables}


def moved(source: Place, target: Place) -> tuple[bool, str]:
    console = Console(record=True, width=500)
    return migrate(url(source), url(target), console), console.export_text()


@pytest.fixture
def lent() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def source(places: Places, lent: ExitStack) -> Place:
    """A database with some of everything in it, on each kind in turn."""
    place = lent.enter_context(places.lend())
    service = Service(place)
    world = World(service, as_agent=False)
    hook = webhook(service, world.home, "hmac_sha256")
    run = ok(hook.fire('{"sign": "☃ \\\\N \\t"}'.encode(), {"Idempotency-Key": "further"}), 202)
    created(service.board.post(f"/issues/{run['linkedIssueId']}/comments", {"body": "a\tb\n\\."}))
    ok(service.board.patch(f"/agents/{world.home.agent_id}", {"reportsTo": world.home.colleague_id}))
    service.board_token("Grace")
    worker = Worker(service)
    issue_for(world.home, process_agent(world.home))
    issue_for(world.home, process_agent(world.home))
    worker.end(worker.claim()[0], printed=b"all\0 kinds of \xff bytes")
    with service.server.database.write() as transaction:
        facts.put(transaction.connection, "time_zone_data", "2026a")
    service.close()
    return place


@pytest.fixture
def target(places_on_sqlite: Places, lent: ExitStack) -> Place:
    """A new, empty SQLite database."""
    return lent.enter_context(places_on_sqlite.lend())


@pytest.fixture
def target_on_postgres(places_on_postgres: Places, lent: ExitStack) -> Place:
    return lent.enter_context(places_on_postgres.lend())


@EACH_TARGET
def test_every_row_arrives_as_it_was(source: Place, to: str, request: pytest.FixtureRequest) -> None:
    target: Place = request.getfixturevalue(to)
    before = everything(source)
    complete, told = moved(source, target)
    assert complete, told
    assert everything(target) == before == everything(source)
    assert [name for name, rows in before.items() if not rows] == []
    for name, rows in before.items():
        assert f"{name:<17} {len(rows):>12,} rows" in told


@EACH_TARGET
def test_work_goes_on_where_it_was(source: Place, to: str, request: pytest.FixtureRequest) -> None:
    target: Place = request.getfixturevalue(to)
    assert moved(source, target)[0]
    (target.data_dir / "master.key").write_bytes((source.data_dir / "master.key").read_bytes())
    service = Service(target)
    companies = ok(service.board.get("/companies"))
    for company in companies:
        for routine in ok(service.board.get(f"/companies/{company['id']}/routines")):
            run = ok(service.board.post(f"/routines/{routine['id']}/run"), 202)
            if routine["concurrencyPolicy"] == "coalesce_if_active":
                assert (run["status"], run["linkedIssueId"]) == ("coalesced", routine["activeIssue"]["id"])
    service.close()


def test_a_database_that_has_something_takes_nothing_more(source: Place, target: Place) -> None:
    assert moved(source, target)[0]
    before = everything(target)
    with pytest.raises(NotEmptyError, match="new and empty"):
        moved(source, target)
    assert everything(target) == before


def test_a_database_that_was_served_without_anything_in_it_is_empty(source: Place, target: Place) -> None:
    with closing(open_place(target)) as database, database.write() as transaction:
        facts.put(transaction.connection, "time_zone_data", "1970a")
    assert moved(source, target)[0]
    assert everything(target) == everything(source)


def test_what_is_not_the_same_is_told(source: Place, target: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    fill = SqliteTables.fill

    def lossy(self: SqliteTables, table: Table, rows: Iterable[StoredRow]) -> None:
        fill(self, table, list(rows)[:-1] if table.name == "runs" else rows)

    monkeypatch.setattr(SqliteTables, "fill", lossy)
    complete, told = moved(source, target)
    assert not complete
    assert f"The row {everything(source)['runs'][-1][0]} of runs is not the same in both" in told
    assert "Do not serve" in told


def test_a_row_that_cannot_be_kept_leaves_the_target_empty(
    places_on_sqlite: Places, target_on_postgres: Place, lent: ExitStack
) -> None:
    source = lent.enter_context(places_on_sqlite.lend(with_company=True))
    with closing(sqlite3.connect(source.data_dir / "routines.db")) as connection, connection:
        connection.execute("UPDATE projects SET name = 'a' || char(0) || 'b'")
    before = everything(target_on_postgres)
    with pytest.raises(RowsRefusedError, match="projects"):
        moved(source, target_on_postgres)
    assert everything(target_on_postgres) == before


def test_a_database_that_is_served_is_not_moved(source: Place, target: Place) -> None:
    service = Service(source)
    listening = Event()
    service.server.database.watch(Notices(slot=lambda _: listening.set(), wake_up=ignore))
    if source.database_url is not None:
        listening.wait(10)
    with pytest.raises(DatabaseInUseError):
        moved(source, target)
    service.close()
    assert moved(source, target)[0]


def test_a_database_of_another_version_is_not_moved(source: Place, target: Place) -> None:
    before = everything(target)
    put_version(source, "0001")
    try:
        with pytest.raises(CannotMigrateError, match="routines serve"):
            moved(source, target)
        with pytest.raises(CannotMigrateError, match="not new"):
            moved(target, source)
    finally:
        put_version(source, migrations.NEWEST_VERSION)  # the place is lent to others after this
    assert everything(target) == before


@pytest.mark.parametrize("wrong", ["sqlite:////nowhere/at/all.db", "mysql://host/name"])
def test_what_cannot_be_opened_is_refused(wrong: str, target: Place, tmp_path: Path) -> None:
    before = everything(target)
    for source_url, target_url in [(wrong, url(target)), (url(target), wrong), (url(target), url(target))]:
        with pytest.raises(RoutinesError):
            migrate(source_url, target_url, Console(quiet=True))
    assert everything(target) == before
    assert not list(tmp_path.iterdir())


def test_what_is_not_the_same_is_exit_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routines.cli.migrate.migrate", lambda *_: False)
    monkeypatch.setattr("routines.cli.serving.configure_logging", lambda: None)
    assert CliRunner().invoke(main.app, ["migrate", "--from", "sqlite:///a", "--to", "sqlite:///b"]).exit_code == 1


def test_the_exit_status_tells(places_on_sqlite: Places, target: Place, lent: ExitStack) -> None:
    source = lent.enter_context(places_on_sqlite.lend(with_company=True))
    command = [sys.executable, "-m", "routines", "migrate", "--from", url(source), "--to", url(target)]
    assert [subprocess.run(command, capture_output=True, check=False).returncode for _ in range(2)] == [0, 2]  # noqa: S603

"""`routines doctor` on each kind of database: what it says of the server, of the way to it, and of what is in it."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest
from rich.console import Console
from sqlalchemy import text

from routines.cli.doctor import examine
from routines.clock import SystemClock
from routines.settings import Settings
from routines.storage.findings import Finding
from routines.storage.postgres import examination
from routines.storage.postgres.examination import DatabaseUnfitError
from support.databases import Places, on_postgres
from support.postgres import Cluster, PostgresServer
from support.service import NOBODY, Company, Place, Service, ok

SERVERS_TAKE = 17


def examined(place: Place, **settings: str) -> tuple[bool, str]:
    console = Console(record=True, width=500)
    given = Settings(data_dir=place.data_dir, **{"database_url": place.database_url, **settings})  # type: ignore[arg-type]
    return examine(given, console), console.export_text()


def server_findings(place: Place, ahead: timedelta = timedelta(0), each: int = SERVERS_TAKE) -> dict[str, Finding]:
    """What is said of a PostgreSQL, by a machine whose clock is ahead."""
    with psycopg.connect(place.database_url or "", autocommit=True) as connection:
        found = list(examination.examine_server(connection, lambda: SystemClock().now() + ahead, each))
    return {finding.subject: finding for finding in found}


def test_a_database_that_was_served_is_well_but_for_how_tests_run_it(places: Places) -> None:
    with places.lend(with_company=True) as place:
        _, told = examined(place)
    assert [line for line in told.splitlines() if line.startswith("look") and "durability" not in line] == []


def test_rows_that_belong_to_nothing_are_told(company: Company, service: Service, place: Place) -> None:
    run = ok(company.board.post(f"/routines/{company.routine()['id']}/run"), 202)
    with service.server.database.write() as transaction:
        for statement in ("UPDATE issues SET id = :other WHERE id = :issue", "UPDATE runs SET routine_id = :other"):
            transaction.connection.execute(text(statement), {"other": NOBODY, "issue": run["linkedIssueId"]})
    healthy, told = examined(place)
    assert not healthy
    for orphan in ("runs whose routine_id", "runs whose linked_issue_id", "wake_ups whose issue_id"):
        assert f"1 rows of {orphan} is of nothing that exists" in told
    assert "comments" not in told


@pytest.mark.usefixtures("service")
def test_a_key_that_is_not_the_other_servers_is_told(place: Place) -> None:
    (place.data_dir / "master.key").unlink()
    healthy, told = examined(place)
    assert not healthy
    assert "no master key is here" in told
    healthy, told = examined(place, master_key=base64.b64encode(bytes(32)).decode())
    assert not healthy
    assert "sealed with another master key" in told


@on_postgres
def test_the_server_and_the_way_to_it_are_told(places: Places) -> None:
    with places.lend() as place:
        _, told = examined(place)
        assert "notifications   arrive" in told
        found = server_findings(place)
        assert found["PostgreSQL"].remedy is None
        assert found["its clock"].found == "as this machine's"
        assert f"each takes up to {SERVERS_TAKE}" in found["connections"].found
        with psycopg.connect(place.database_url or "") as connection:
            fsync = connection.execute("SHOW fsync").fetchone()
        assert ("durability" in found) == (fsync == ("off",))


@on_postgres
@pytest.mark.parametrize(("ahead", "way"), [(timedelta(seconds=5), "behind"), (timedelta(seconds=-5), "ahead of")])
def test_a_clock_that_is_off_is_told_and_harmless(places: Places, ahead: timedelta, way: str) -> None:
    with places.lend() as place:
        clock = server_findings(place, ahead)["its clock"]
    assert f"s {way} this machine's" in clock.found
    assert clock.remedy is None


@on_postgres
def test_too_few_connections_are_told(places: Places) -> None:
    with places.lend() as place:
        assert "max_connections" in (server_findings(place, each=10_000)["connections"].remedy or "")


@on_postgres
def test_notifications_that_do_not_arrive_are_told(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """As through a pooler in transaction mode; here the two connections are to two databases."""
    monkeypatch.setattr(examination, "ECHO_SECONDS_MAX", 0.1)
    with places.lend() as place, places.lend() as another:
        urls = iter([place.database_url or "", another.database_url or ""])
        lost = examination.examine_notifications(lambda: psycopg.connect(next(urls), autocommit=True))
    assert "ROUTINES_DATABASE_DIRECT_URL" in (lost.remedy or "")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_encoding_is_told_and_not_served(
    encoding: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    name = f"in_{encoding.lower()}_{token_hex(4)}"
    postgres.create(name, encoding=encoding)
    place = Place(tmp_path, postgres.url(name))
    try:
        healthy, told = examined(place)
        assert not healthy
        assert f"its encoding is {encoding}" in told
        assert "createdb --encoding=UTF8" in told
        with pytest.raises(DatabaseUnfitError, match=f"{encoding}.*createdb --encoding=UTF8"):
            Service(place)
        with psycopg.connect(place.database_url or "") as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    finally:
        postgres.drop(name)


def test_a_standby_is_told_and_not_used(tmp_path: Path) -> None:
    with Cluster(durable=True) as cluster:
        cluster.stop()
        (cluster.folder / "data" / "standby.signal").touch()
        cluster.start()
        place = Place(tmp_path, cluster.server.url("postgres"))
        assert server_findings(place)["PostgreSQL"].remedy == "Give the URL of the primary"
        with pytest.raises(DatabaseUnfitError, match="a standby"):
            Service(place)


@on_postgres
def test_a_server_that_is_too_old_is_told_and_not_used(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "VERSION_MIN", 99)
    with places.blank() as place:
        assert server_findings(place)["PostgreSQL"].remedy == "Use PostgreSQL 99 or newer"
        with pytest.raises(DatabaseUnfitError, match=r"too old.*99 or newer"):
            Service(place)


@on_postgres
def test_a_database_without_tables_is_well_and_stays_empty(places: Places) -> None:
    with places.blank() as place:
        _, told = examined(place)
        assert "is empty; `routines serve` makes its tables" in told
        with psycopg.connect(place.database_url or "") as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_server_that_does_not_answer_is_told_without_its_password(places_on_sqlite: Places) -> None:
    with places_on_sqlite.lend() as place:
        healthy, told = examined(place, database_url="postgresql://routines:geheim@127.0.0.1:1/routines")
    assert not healthy
    assert "Look whether it runs" in told
    assert "geheim" not in told

"""The statements through which fires go, on every database: each answers for a whole set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from routines.clock import Ids
from routines.core.deliveries import DeliveryOutcome, DeliveryRecord
from routines.core.instants import to_milliseconds
from routines.storage.database import Rows, Transaction
from routines.storage.sqlite.hot import REMOVE_UNFIRED
from support.clock import DAY, MINUTE, MONDAY_NOON
from support.databases import on_sqlite
from support.service import NOBODY, Company, Service, ok

IDS = Ids()


def in_transaction(service: Service, question: Callable[[Transaction], Any]) -> Any:
    """The answer to a question asked of the hot statements."""
    with service.server.database.write() as transaction:
        return question(transaction)


def test_claiming_leaves_out_what_fires_no_more(service: Service, company: Company) -> None:
    schedule = {"kind": "schedule", "cronExpression": "1 12 * * *"}
    live, disabled = company.routine(triggers=[schedule, {**schedule, "enabled": False}])["triggers"]
    paused = company.routine(status="paused", triggers=[schedule])["triggers"][0]
    asked = [each["id"] for each in (live, disabled, paused)] + [NOBODY]
    claimed = in_transaction(service, lambda transaction: transaction.hot.claim(asked).triggers)
    assert [each.id for each in claimed] == [live["id"]]
    assert claimed[0].next_run_at == MONDAY_NOON.replace(minute=1, second=0)
    moved_on = Rows(triggers=[(None, None, to_milliseconds(MONDAY_NOON + DAY), None, live["id"])])
    in_transaction(service, lambda transaction: transaction.hot.write(moved_on))
    assert in_transaction(service, lambda transaction: transaction.hot.claim(asked).triggers) == []


def test_routines_are_read_with_their_newest_open_issue(service: Service, company: Company) -> None:
    busy = company.routine(concurrencyPolicy="always_enqueue")["id"]
    idle, gone = company.routine()["id"], company.routine()["id"]
    ok(company.board.post(f"/routines/{busy}/run"), 202)
    service.clock.advance(MINUTE)
    newest = ok(company.board.post(f"/routines/{busy}/run"), 202)
    closed = ok(company.board.post(f"/routines/{idle}/run"), 202)
    company.close(closed["linkedIssueId"])
    assert company.board.delete(f"/routines/{gone}").status_code == 204
    states = in_transaction(service, lambda transaction: transaction.hot.routine_states([busy, idle, gone, NOBODY]))
    assert set(states) == {busy, idle}
    assert (states[busy].open_issue.id, states[busy].open_issue.origin_run_id) == (
        newest["linkedIssueId"],
        newest["id"],
    )
    assert states[idle].open_issue is None


def test_issue_numbers_are_taken_in_blocks(service: Service, company: Company) -> None:
    def take(count: int) -> Callable[[Transaction], int]:
        return lambda transaction: transaction.hot.take_issue_numbers({company.id: count})[company.id]

    assert [in_transaction(service, take(count)) for count in (3, 1, 20, 1)] == [1, 4, 5, 25]


def test_known_causes_are_found_in_sets(service: Service, company: Company) -> None:
    routine = company.routine()["id"]
    run = ok(company.board.post(f"/routines/{routine}/run", {"idempotencyKey": "ü\"'"}), 202)
    with service.server.database.read() as connection:
        cause = connection.execute(text("SELECT cause FROM runs")).scalar_one()
    asked = [(routine, cause), (routine, "unheard of"), (NOBODY, cause)]
    assert in_transaction(service, lambda transaction: transaction.hot.known_causes(asked)) == {
        (routine, cause): run["id"]
    }
    assert in_transaction(service, lambda transaction: transaction.hot.known_aliases(asked)) == {}


def records(trigger_id: str, count: int) -> list[DeliveryRecord]:
    """As many refused deliveries of a trigger, in the order of their ids."""
    return [
        DeliveryRecord(identity, trigger_id, MONDAY_NOON, DeliveryOutcome.REFUSED, "Because", None)
        for identity in IDS.many(MONDAY_NOON, count)
    ]


def kept(service: Service, trigger_id: str) -> list[str]:
    """The ids of a trigger's deliveries that are kept."""
    query = text("SELECT CAST(id AS text) FROM unfired_deliveries WHERE trigger_id = :trigger ORDER BY id")
    with service.server.database.read() as connection:
        return list(connection.execute(query, {"trigger": trigger_id}).scalars())


def test_of_each_trigger_the_newest_deliveries_are_kept(service: Service) -> None:
    busy, quiet = IDS.many(MONDAY_NOON, 2)
    first, alone, second = records(busy, 3), records(quiet, 2), records(busy, 4)
    in_transaction(service, lambda transaction: transaction.hot.keep_unfired([*first, *alone], 5))
    assert kept(service, busy) == [each.id for each in first]
    in_transaction(service, lambda transaction: transaction.hot.keep_unfired(second, 5))
    assert kept(service, busy) == [each.id for each in [*first, *second][-5:]]
    assert kept(service, quiet) == [each.id for each in alone]
    in_transaction(service, lambda transaction: transaction.hot.keep_unfired(records(quiet, 1), 1))
    assert len(kept(service, quiet)) == 1
    assert len(kept(service, busy)) == 5


@on_sqlite
def test_the_walk_to_what_goes_is_along_an_index(service: Service) -> None:
    with service.server.database.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {REMOVE_UNFIRED}", ("[]", 100)).all()
    assert not [row.detail for row in plan if "SCAN" in row.detail and "asked" not in row.detail]

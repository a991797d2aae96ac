"""Whose turn it is: no company waits for another's burst."""

from __future__ import annotations

import pytest

from routines.dispatch.turns import Turns
from support.clock import MINUTE, MONDAY_NOON
from support.schedules import ONE_PM, hourly, tick_at
from support.service import Company, Service

LATER = MONDAY_NOON + MINUTE


def test_those_who_had_their_turn_come_last() -> None:
    turns = Turns()
    turns.join(["a", "b", "c"], MONDAY_NOON)
    assert [list(turns.take(2)), list(turns.take(2))] == [["a", "b"], ["c", "a"]]


def test_who_joins_comes_before_those_who_had_a_turn() -> None:
    turns = Turns()
    turns.join(["a", "b"], MONDAY_NOON)
    turns.take(1)
    turns.join(["c", "a"], LATER)
    assert list(turns.take(3)) == ["c", "b", "a"]


def test_who_has_no_more_leaves_until_it_joins_again() -> None:
    turns = Turns()
    turns.join(["a", "b"], MONDAY_NOON)
    turns.end(turns.take(2), with_more={"b"})
    assert list(turns.take(2)) == ["b"]
    turns.end(turns.take(1), with_more=set())
    assert not turns.waiting
    turns.join(["a"], LATER)
    assert list(turns.take(9)) == ["a"]


def test_who_found_nothing_does_not_send_away_whom_another_found_to_have_more() -> None:
    """The other had it claimed at that moment, whichever of them ends first."""
    for first_ends_first in (True, False):
        turns = Turns()
        turns.join(["a"], MONDAY_NOON)
        ends = [(turns.take(1), {"a"}), (turns.take(1), set[str]())]
        for taken, with_more in ends if first_ends_first else ends[::-1]:
            turns.end(taken, with_more)
        assert turns.waiting


def test_what_was_looked_for_never_goes_back() -> None:
    turns = Turns()
    turns.join([], LATER)
    turns.join([], MONDAY_NOON)
    assert turns.joined_until == LATER


def test_one_slot_of_a_company_fires_in_the_first_set_of_anothers_burst(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it was due last of all."""
    monkeypatch.setattr(service.server.database, "fires_at_once", 4)
    for _ in range(12):
        hourly(company)
    small = service.company("Small")
    routine = small.routine(triggers=[{"kind": "schedule", "cronExpression": "1 13 * * *"}])
    tick_at(service, ONE_PM + MINUTE)
    burst = [
        run["id"]
        for made in company.board.get(f"/companies/{company.id}/routines").json()
        for run in company.runs(made["id"])
    ]
    (single,) = small.runs(routine["id"])
    assert len(burst) == 12
    assert sorted([*burst, single["id"]]).index(single["id"]) < 4

"""Routines over HTTP: section 1 of the contract."""

from __future__ import annotations

from support.service import Company, ok


def test_twenty_runs_of_an_idle_routine_make_one_issue(company: Company) -> None:
    routine = company.routine()
    for _ in range(20):
        ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    statuses = [run["status"] for run in company.runs(routine["id"])]
    assert sorted(statuses) == ["coalesced"] * 19 + ["issue_created"]
    assert len(company.issues(routine["id"])) == 1

"""The key by which a program that keeps routines elsewhere finds them again: one routine, one trigger, one key."""

from __future__ import annotations

from support.service import Company, created, error, ok

KEYED = {"kind": "api", "externalKey": "by-hand"}


def test_a_key_is_one_routines_of_a_company_until_it_is_archived_or_deleted(company: Company) -> None:
    routine = company.routine(externalKey="website/links")
    assert routine["externalKey"] == "website/links"
    body = {"title": "Look", "assigneeAgentId": company.agent_id, "projectId": company.project_id}
    again = {**body, "externalKey": "website/links"}
    path = f"/companies/{company.id}/routines"
    assert "externalKey 'website/links'" in error(company.board.post(path, again), 409)
    other = created(company.board.post(path, body))
    error(company.board.patch(f"/routines/{other['id']}", {"externalKey": "website/links"}), 409)
    assert ok(company.board.patch(f"/routines/{routine['id']}", {"externalKey": None}))["externalKey"] is None
    assert ok(company.board.patch(f"/routines/{other['id']}", {"externalKey": "website/links"}))["externalKey"]
    ok(company.board.patch(f"/routines/{other['id']}", {"status": "archived"}))
    third = created(company.board.post(path, again))
    company.board.delete(f"/routines/{third['id']}")
    assert created(company.board.post(path, {**again, "status": "archived"}))["id"]
    assert created(company.board.post(path, again))["id"], "an archived one does not hold its key"


def test_a_key_is_one_triggers_of_a_routine(company: Company) -> None:
    routine = company.routine(triggers=[KEYED, {"kind": "api"}])
    first, second = routine["triggers"]
    assert (first["externalKey"], second["externalKey"]) == ("by-hand", None)
    error(company.board.post(f"/routines/{routine['id']}/triggers", KEYED), 409)
    error(company.board.patch(f"/routine-triggers/{second['id']}", {"externalKey": "by-hand"}), 409)
    company.board.delete(f"/routine-triggers/{first['id']}")
    changed = ok(company.board.patch(f"/routine-triggers/{second['id']}", {"externalKey": "by-hand"}))
    assert changed["externalKey"] == "by-hand"
    elsewhere = company.routine(triggers=[KEYED])
    assert elsewhere["triggers"][0]["externalKey"] == "by-hand"
    path = f"/companies/{company.id}/routines"
    body = {"title": "Look", "assigneeAgentId": company.agent_id, "projectId": company.project_id}
    error(company.board.post(path, {**body, "triggers": [KEYED, KEYED]}), 409)

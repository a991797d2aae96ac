"""Companies, projects and goals: section 6 of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from support.clock import MINUTE
from support.service import NOBODY, Caller, Company, Service, error, ok

COMPANY = {"id", "name", "description", "status", "issuePrefix", "createdAt", "updatedAt"}
PROJECT = {"id", "companyId", "name", "description", "status", "createdAt", "updatedAt"}
GOAL = {"id", "companyId", "title", "description", "level", "status", "createdAt", "updatedAt"}


def new_company(board: Caller, name: str, **fields: Any) -> dict[str, Any]:
    """A new company."""
    made: dict[str, Any] = ok(board.post("/companies", {"name": name, **fields}), 201)
    return made


def test_a_company_is_created_read_and_listed(board: Caller) -> None:
    made = new_company(board, " Acme ", description="Makes everything")
    assert set(made) >= COMPANY
    assert (made["name"], made["description"], made["status"]) == ("Acme", "Makes everything", "active")
    assert ok(board.get(f"/companies/{made['id']}")) == made
    assert ok(board.get("/companies")) == [made]


def test_times_are_utc_with_milliseconds_and_ids_are_uuids_of_version_7(board: Caller) -> None:
    made = new_company(board, "Acme")
    assert made["createdAt"] == made["updatedAt"] == "2026-03-02T12:00:30.000Z"
    assert made["id"][14] == "7"


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": " Renamed "}, {"name": "Renamed"}),
        ({"description": None}, {"description": None}),
        ({"status": "paused"}, {"status": "paused"}),
        ({"status": "archived"}, {"status": "archived"}),
        ({"issuePrefix": "NEW"}, {"issuePrefix": "NEW"}),
    ],
)
def test_a_company_is_changed_field_by_field(
    service: Service, board: Caller, change: dict[str, Any], shown: dict[str, Any]
) -> None:
    made = new_company(board, "Acme", description="Old")
    service.clock.advance(MINUTE)
    changed = ok(board.patch(f"/companies/{made['id']}", change))
    assert changed == {**made, **shown, "updatedAt": "2026-03-02T12:01:30.000Z"}
    assert ok(board.get(f"/companies/{made['id']}")) == changed


@pytest.mark.parametrize("name", ["Acme", "acme", "A-c-m-e", "Ünïcode", "株式会社", "7 11", "X"])
def test_the_prefix_comes_from_the_name_and_is_unique(board: Caller, name: str) -> None:
    prefixes = [new_company(board, name)["issuePrefix"] for _ in range(30)]
    assert len(set(prefixes)) == len(prefixes)
    for prefix in prefixes:
        assert prefix.isascii()
        assert prefix.isalpha()
        assert prefix.isupper()
        assert prefix.startswith(prefixes[0])


def test_acmes_issues_are_called_acme_1_and_so_on(company: Company) -> None:
    path = f"/companies/{company.id}/issues"
    made = [ok(company.board.post(path, {"title": "Fix"}), 201)["identifier"] for _ in range(3)]
    assert made == ["ACME-1", "ACME-2", "ACME-3"]


def test_a_chosen_prefix_is_kept_and_must_be_free(board: Caller) -> None:
    first = new_company(board, "Acme", issuePrefix="TOOLS")
    assert first["issuePrefix"] == "TOOLS"
    error(board.post("/companies", {"name": "Other", "issuePrefix": "TOOLS"}), 409)
    second = new_company(board, "Other")
    error(board.patch(f"/companies/{second['id']}", {"issuePrefix": "TOOLS"}), 409)
    ok(board.patch(f"/companies/{first['id']}", {"issuePrefix": "TOOLS"}))


@pytest.mark.parametrize("prefix", ["", "lower", "A-B", "1A", "A" * 11, "Ä", "A\n", 5])
def test_a_prefix_is_a_short_word_in_capitals(board: Caller, prefix: object) -> None:
    error(board.post("/companies", {"name": "Acme", "issuePrefix": prefix}), 400)


def test_issues_keep_their_identifiers_when_the_prefix_changes(company: Company) -> None:
    path = f"/companies/{company.id}/issues"
    first = ok(company.board.post(path, {"title": "Before"}), 201)
    ok(company.board.patch(f"/companies/{company.id}", {"issuePrefix": "NEW"}))
    second = ok(company.board.post(path, {"title": "After"}), 201)
    assert second["identifier"] == "NEW-2"
    assert ok(company.board.get(f"/issues/{first['id']}"))["identifier"] == "ACME-1"


Fields = dict[str, Any]
NOUNS: dict[str, tuple[set[str], Fields, Fields, tuple[Fields, ...]]] = {
    "projects": (
        PROJECT,
        {"name": "Web", "description": "The site"},
        {"name": "Web", "description": "The site", "status": "active"},
        ({"name": "Site"}, {"description": None}, {"status": "paused"}, {"status": "archived"}),
    ),
    "goals": (
        GOAL,
        {"title": "Grow", "description": "By half"},
        {"title": "Grow", "description": "By half", "level": "task", "status": "planned"},
        (
            {"title": "Shrink"},
            {"description": None},
            *({"level": level} for level in ("company", "team", "agent", "task")),
            *({"status": status} for status in ("active", "achieved", "cancelled", "planned")),
        ),
    ),
}


@pytest.mark.parametrize("noun", NOUNS)
def test_projects_and_goals_are_created_read_listed_and_changed(service: Service, noun: str) -> None:
    fields, body, shown, changes = NOUNS[noun]
    board = service.board
    company_id = new_company(board, "Acme")["id"]
    made = ok(board.post(f"/companies/{company_id}/{noun}", body), 201)
    assert set(made) >= fields
    assert {name: made[name] for name in shown} == shown
    assert made["companyId"] == company_id
    path = f"/{noun}/{made['id']}"
    assert ok(board.get(path)) == made
    assert ok(board.get(f"/companies/{company_id}/{noun}")) == [made]
    for change in changes:
        service.clock.advance(MINUTE)
        before = ok(board.get(path))
        changed = ok(board.patch(path, change))
        assert {name for name in changed if changed[name] != before[name]} == {*change, "updatedAt"}
        assert {name: changed[name] for name in change} == change
    assert ok(board.get(f"/companies/{company_id}/{noun}")) == [changed]


@pytest.mark.parametrize("noun", NOUNS)
def test_lists_hold_the_companys_own_alone(service: Service, noun: str) -> None:
    first, second = service.company("Acme"), service.company("Rival")
    body = NOUNS[noun][1]
    mine = ok(first.board.post(f"/companies/{first.id}/{noun}", body), 201)["id"]
    theirs = ok(second.board.post(f"/companies/{second.id}/{noun}", body), 201)["id"]
    listed = {each["id"] for each in ok(first.board.get(f"/companies/{first.id}/{noun}"))}
    assert mine in listed
    assert theirs not in listed


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/companies", {"name": ""}),
        ("/companies", {"name": "x" * 201}),
        ("/companies", {"name": "Acme", "status": "asleep"}),
        ("/companies/{0.id}/projects", {"name": "  "}),
        ("/companies/{0.id}/projects", {"name": "Web", "status": "planned"}),
        ("/companies/{0.id}/goals", {"title": ""}),
        ("/companies/{0.id}/goals", {"title": "Grow", "level": "galaxy"}),
        ("/companies/{0.id}/goals", {"title": "Grow", "status": "done"}),
    ],
)
def test_a_wrong_field_is_400(company: Company, path: str, body: dict[str, Any]) -> None:
    assert error(company.board.post(path.format(company), body), 400) == "Validation error"


@pytest.mark.parametrize("path", ["/companies", "/projects", "/goals"])
def test_what_does_not_exist_is_404(board: Caller, path: str) -> None:
    for identity in (NOBODY, "x"):
        error(board.get(f"{path}/{identity}"), 404)
        error(board.patch(f"{path}/{identity}", {}), 404)


def test_the_service_tells_that_it_is_well(board: Caller) -> None:
    health = ok(board.get("/health"))
    assert health["status"] == "ok"
    assert health["version"]
    assert health["deploymentMode"] == "local_trusted"

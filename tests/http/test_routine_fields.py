"""The fields of a routine: what create and update take, and how everything else is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.databases import Places
from support.service import NOBODY, Company, Service, created, error, ok

Json = dict[str, Any]


@pytest.fixture(scope="module")
def service(places: Places) -> Iterator[Service]:
    """One service for all cases: a refused call changes nothing."""
    with places.lend() as place:
        running = Service(place)
        yield running
        running.close()


@pytest.fixture(scope="module")
def company(service: Service) -> Company:
    return service.company()


@pytest.fixture(scope="module")
def routine(company: Company) -> Json:
    return company.routine()


@pytest.fixture(scope="module")
def other(service: Service) -> Company:
    return service.company("Other")


def body(company: Company, **fields: object) -> Json:
    """A create body, with the fields given over what is required."""
    return {"title": "Look", "assigneeAgentId": company.agent_id, "projectId": company.project_id, **fields}


@pytest.mark.parametrize("missing", ["title", "assigneeAgentId", "projectId"])
def test_required_fields(company: Company, missing: str) -> None:
    incomplete = {name: value for name, value in body(company).items() if name != missing}
    reply = company.board.post(f"/companies/{company.id}/routines", incomplete)
    assert error(reply, 400) == "Validation error"
    assert [detail["path"] for detail in reply.json()["details"]] == [[missing]]


@pytest.mark.parametrize(("given", "kept"), [("  Look \n", "Look"), ("x", "x"), (" " + "x" * 200 + " ", "x" * 200)])
def test_a_title_is_trimmed_and_has_1_to_200_characters(company: Company, given: str, kept: str) -> None:
    made = created(company.board.post(f"/companies/{company.id}/routines", body(company, title=given)))
    assert made["title"] == kept
    assert ok(company.board.patch(f"/routines/{made['id']}", {"title": given}))["title"] == kept


WRONG_IN_BOTH = [
    ("title", ""),
    ("title", " \n"),
    ("title", "x" * 201),
    ("title", None),
    ("title", 1),
    ("externalKey", " "),
    ("externalKey", "x" * 201),
    ("description", 1),
    ("assigneeAgentId", "no-uuid"),
    ("assigneeAgentId", None),
    ("assigneeAgentId", ""),
    ("projectId", "no-uuid"),
    ("projectId", None),
    ("goalId", "no-uuid"),
    ("goalId", ""),
    ("parentIssueId", "ACME-1"),
    ("priority", "urgent"),
    ("priority", None),
    ("status", "deleted"),
    ("status", None),
    ("concurrencyPolicy", "queue"),
    ("concurrencyPolicy", None),
    ("catchUpPolicy", "enqueue_all"),
    ("catchUpPolicy", None),
    ("unknown", 1),
    ("id", NOBODY),
    ("pauseReason", "tired"),
    ("folderId", NOBODY),
    ("env", {"A": "b"}),
    ("variables", [{"name": "a"}]),
    ("baseRevisionId", NOBODY),
]


@pytest.mark.parametrize("call", ["create", "update"])
@pytest.mark.parametrize(("field", "value"), WRONG_IN_BOTH)
def test_a_wrong_field_is_refused_by_name(
    company: Company, routine: Json, call: str, field: str, value: object
) -> None:
    if call == "create":
        reply = company.board.post(f"/companies/{company.id}/routines", body(company, **{field: value}))
    else:
        reply = company.board.patch(f"/routines/{routine['id']}", {field: value})
    assert error(reply, 400) == "Validation error"
    details = reply.json()["details"]
    assert [detail["path"] for detail in details] == [[field]]
    assert all(detail["message"] and detail["code"] for detail in details)


def test_all_wrong_fields_are_named_at_once(company: Company) -> None:
    wrong = body(company, title="", priority="urgent", unknown=1)
    reply = company.board.post(f"/companies/{company.id}/routines", wrong)
    error(reply, 400)
    assert {detail["path"][0] for detail in reply.json()["details"]} == {"title", "priority", "unknown"}


@pytest.mark.parametrize(
    ("triggers", "path"),
    [
        (None, ["triggers"]),
        ({}, ["triggers"]),
        ([{"kind": "api"}, {}], ["triggers", 1, "kind"]),
        ([{"kind": "poll"}], ["triggers", 0, "kind"]),
        ([{"kind": "schedule"}], ["triggers", 0, "cronExpression"]),
        ([{"kind": "api", "cronExpression": "* * * * *"}], ["triggers", 0, "cronExpression"]),
        ([{"kind": "webhook", "replayWindowSec": 29}], ["triggers", 0, "replayWindowSec"]),
        ([{"kind": "api", "label": "x" * 121}], ["triggers", 0, "label"]),
    ],
)
def test_a_wrong_trigger_in_create_is_refused_with_the_path_to_it(
    company: Company, triggers: object, path: list[str | int]
) -> None:
    reply = company.board.post(f"/companies/{company.id}/routines", body(company, triggers=triggers))
    assert error(reply, 400) == "Validation error"
    assert [detail["path"] for detail in reply.json()["details"]] == [path]


def test_triggers_are_no_field_of_an_update(company: Company, routine: Json) -> None:
    reply = company.board.patch(f"/routines/{routine['id']}", {"triggers": []})
    assert error(reply, 400) == "Validation error"
    assert reply.json()["details"][0]["path"] == ["triggers"]


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_fields_of_the_reference_are_accepted_when_they_say_nothing(
    company: Company, routine: Json, empty: object
) -> None:
    nothing = dict.fromkeys(("folderId", "env", "variables", "baseRevisionId"), empty)
    created(company.board.post(f"/companies/{company.id}/routines", body(company, **nothing)))
    assert ok(company.board.patch(f"/routines/{routine['id']}", nothing))["id"] == routine["id"]


@pytest.mark.parametrize("field", ["assigneeAgentId", "projectId", "goalId", "parentIssueId"])
def test_references_lead_to_things_of_the_same_company(
    company: Company, other: Company, routine: Json, field: str
) -> None:
    foreign = {
        "assigneeAgentId": other.agent_id,
        "projectId": other.project_id,
        "goalId": created(other.board.post(f"/companies/{other.id}/goals", {"title": "Grow"}))["id"],
        "parentIssueId": created(other.board.post(f"/companies/{other.id}/issues", {"title": "Theirs"}))["id"],
    }[field]
    for value, status in ((NOBODY, 404), (foreign, 422)):
        create = company.board.post(f"/companies/{company.id}/routines", body(company, **{field: value}))
        update = company.board.patch(f"/routines/{routine['id']}", {field: value})
        assert value in error(create, status)
        assert value in error(update, status)


@pytest.mark.parametrize("content", ["{", "[]", '"text"', "1", "null", '{"title": NaN}'])
def test_a_body_that_is_no_json_object_is_refused(company: Company, routine: Json, content: str) -> None:
    headers = {"Content-Type": "application/json"}
    for method, path in (("POST", f"/companies/{company.id}/routines"), ("PATCH", f"/routines/{routine['id']}")):
        error(company.board.request(method, path, content=content.encode(), headers=headers), 400)


def test_refused_calls_changed_nothing(company: Company, routine: Json) -> None:
    found = ok(company.board.get(f"/routines/{routine['id']}"))
    assert {name: found[name] for name in routine} == routine

"""The first run: an empty service leads to one form, which makes all that a first routine takes, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Response
from markupsafe import escape

from routines.core.errors import UnavailableError
from routines.services.routines import Routines
from support.databases import on_sqlite
from support.hostile import HOSTILE
from support.service import Service, ok

FIELDS = {
    "companyName": "Acme",
    "projectName": "Web",
    "agentName": "Ada",
    "adapterType": "process",
    "command": "true",
    "title": "Look around",
    "description": "Look.",
    "schedule": "0 9 * * *",
    "cronExpression": "",
    "timezone": "Europe/Berlin",
}

FIELDS_SHOWN = 7
"""Those that are texts."""


def send(service: Service, **changed: str) -> Response:
    return service.client.post("/welcome", data={**FIELDS, **changed})


def made(service: Service) -> dict[str, Any]:
    """The one company, and all of it."""
    (company,) = ok(service.board.get("/companies"))
    return {
        "company": company,
        **{
            noun: ok(service.board.get(f"/companies/{company['id']}/{noun}"))
            for noun in ("projects", "agents", "routines")
        },
    }


def test_an_empty_service_says_what_a_routine_is(service: Service) -> None:
    page = service.client.get("/")
    assert page.url.path == "/welcome"
    assert "is a recurring task of a company" in page.text
    assert "PAPERCLIP_TASK_ID" in page.text


def test_one_form_makes_company_project_agent_and_routine(service: Service) -> None:
    reply = send(service)
    all_of_it = made(service)
    (agent,), (routine,) = all_of_it["agents"], all_of_it["routines"]
    assert reply.url.path == f"/routines/{routine['id']}"
    assert "Look around was made. Press Run now" in reply.text
    assert agent["adapterConfig"] == {"command": "true"}
    assert routine["assigneeAgentId"] == agent["id"]
    assert routine["projectId"] == all_of_it["projects"][0]["id"]
    (trigger,) = routine["triggers"]
    assert (trigger["cronExpression"], trigger["timezone"]) == ("0 9 * * *", "Europe/Berlin")


def test_an_expression_of_ones_own_counts_and_none_is_needed(service: Service) -> None:
    send(service, cronExpression="30 8 * * *")
    assert made(service)["routines"][0]["triggers"][0]["cronExpression"] == "30 8 * * *"


def test_a_routine_may_have_no_schedule_and_its_agent_may_ask_for_work(service: Service) -> None:
    reply = send(service, schedule="", adapterType="none")
    assert "Make a key on the page of Ada" in reply.text
    assert made(service)["routines"][0]["triggers"] == []


WRONG = {
    "companyName": (" ", "at least 1 character"),
    "title": ("x" * 201, "at most 200 characters"),
    "cronExpression": ("61 * * * *", "61"),
    "timezone": ("Mars/Olympus", "Unknown time zone"),
    "command": ("", "Write the command"),
    "adapterType": ("http", "Choose one of these"),
}


@on_sqlite
def test_a_mistake_is_told_beside_its_field_and_nothing_is_made(service: Service) -> None:
    for field, (wrong, said) in WRONG.items():
        reply = send(service, **{"projectName": "Kept", field: wrong})
        assert reply.status_code == 400
        assert f'id="{field}-fault"' in reply.text
        assert said in reply.text
        assert 'value="Kept"' in reply.text
    assert send(service, adapterType="fax").status_code == 400
    assert ok(service.board.get("/companies")) == []


@on_sqlite
def test_what_was_made_before_a_step_is_refused_is_said_and_not_made_twice(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UnavailableError("The database is away")

    with monkeypatch.context() as away:
        away.setattr(Routines, "create", refuse)
        reply = send(service)
    assert reply.status_code == 503
    assert "The database is away" in reply.text
    assert "Made already: the company, the project, the agent." in reply.text
    before = made(service)
    again = send(
        service,
        companyId=before["company"]["id"],
        projectId=before["projects"][0]["id"],
        agentId=before["agents"][0]["id"],
    )
    after = made(service)
    assert again.url.path == f"/routines/{after['routines'][0]['id']}"
    assert (after["company"], after["projects"], after["agents"]) == (
        before["company"],
        before["projects"],
        before["agents"],
    )


@on_sqlite
def test_text_in_the_form_is_inert(service: Service) -> None:
    for text in HOSTILE:
        page = send(service, **dict.fromkeys(FIELDS, text)).text
        assert page.count(escape(text)) >= FIELDS_SHOWN
        assert "<script>alert" not in page
        assert "<img" not in page

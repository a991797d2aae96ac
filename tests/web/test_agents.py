"""Agents on their pages: what the list and each page tell, hiring and changing by form, keys, and the end of one."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from support.clock import MINUTE
from support.databases import on_sqlite
from support.heartbeats import FAILED, SUCCEEDED, Worker, heartbeats, issue_for, process_agent
from support.hostile import ALL_AT_ONCE, HOSTILE
from support.inert import require_inert
from support.pages import done, filled, posted, said, text, words
from support.service import Company, Service, created, ok

FORM = {"role": "general", "adapterType": "process", "wakeOnDemand": "on"}


@pytest.fixture
def worker(service: Service) -> Worker:
    return Worker(service)


def agent_of(company: Company, agent_id: str) -> dict[str, Any]:
    found: dict[str, Any] = ok(company.board.get(f"/agents/{agent_id}"))
    return found


def test_the_list_tells_what_each_agent_has_on_its_hands(service: Service, company: Company, worker: Worker) -> None:
    agent = process_agent(company, name="Grace", budgetMonthlyCents=2500)
    company.routine(assigneeAgentId=agent)
    issue_for(company, agent)
    ok(company.board.post(f"/agents/{agent}/heartbeat/invoke"), 202)
    worker.one()
    page = text(service, f"/companies/{company.id}/agents")
    row = page[page.index("Grace") :]
    assert re.search(r"Grace general running A command 1 1 1 0\.00 USD of 25\.00 USD", row), row


def test_an_agent_in_error_says_why(service: Service, company: Company, worker: Worker) -> None:
    agent = process_agent(company)
    for _ in range(2):
        ok(company.board.post(f"/agents/{agent}/heartbeat/invoke"), 202)
        worker.end(worker.one(), FAILED)
    for path in (f"/companies/{company.id}/agents", f"/agents/{agent}"):
        assert "2 heartbeats failed in a row, the last: It exited with code 3." in text(service, path)
    done(posted(service, f"/agents/{agent}/resume"))
    assert agent_of(company, agent)["status"] == "idle"


@on_sqlite
def test_a_company_without_agents_says_what_they_are_for(service: Service) -> None:
    company_id = created(service.board.post("/companies", {"name": "New"}))["id"]
    assert "An agent does the work that routines hand out" in text(service, f"/companies/{company_id}/agents")


def test_long_lists_of_agents_come_in_pages(service: Service, company: Company) -> None:
    for number in range(100):
        created(company.board.post(f"/companies/{company.id}/agents", {"name": f"Agent {number:03}"}))
    first = service.client.get(f"/companies/{company.id}/agents").text
    assert ("Agent 097" in first, "Agent 098" in first) == (True, False)  # two were there already
    [after] = re.findall(r'agents\?after=([0-9a-f-]+)"', first)
    rest = text(service, f"/companies/{company.id}/agents?after={after}")
    assert ("Agent 097" in rest, "Agent 098" in rest, "Agent 099" in rest) == (False, True, True)


def test_an_agents_page_says_what_waits_and_why(service: Service, company: Company) -> None:
    agent = process_agent(company, name="Grace")
    issue_for(company, agent, "Look at the logs")
    done(posted(service, f"/agents/{agent}/pause"))
    page = text(service, f"/agents/{agent}")
    assert "It waits for: Agent Grace is paused." in page
    assert "An issue was assigned to the agent , ACME-1 , now" in page
    assert "Look at the logs" in page


def test_an_agent_is_woken_once_for_two_clicks(service: Service, company: Company) -> None:
    agent = process_agent(company)
    for _ in range(2):
        assert done(posted(service, f"/agents/{agent}/wake")) == f"/agents/{agent}"
    assert len(heartbeats(company, agentId=agent)) == 1


@on_sqlite
def test_what_is_refused_is_told_on_the_page(service: Service, company: Company) -> None:
    agent = process_agent(company, name="Grace", runtimeConfig={"heartbeat": {"wakeOnDemand": False}})
    reply = service.client.post(f"/agents/{agent}/wake")
    assert "Agent Grace is not woken on demand" in words(reply)


def test_an_agents_heartbeats_come_in_pages(
    service: Service, company: Company, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routines.web.pages.agents.HEARTBEATS_PAGE", 3)
    agent = process_agent(company)
    for _ in range(5):
        service.clock.advance(MINUTE)
        ok(company.board.post(f"/agents/{agent}/heartbeat/invoke"), 202)
        worker.end(worker.one(), SUCCEEDED)
    first = service.client.get(f"/agents/{agent}").text
    assert first.count('href="/heartbeat-runs/') == 3
    [before] = re.findall(r"\?before=([0-9a-f-]+)#", first)
    assert service.client.get(f"/agents/{agent}?before={before}").text.count('href="/heartbeat-runs/') == 2


def test_a_terminated_agent_has_its_routines_paused_and_can_do_nothing_more(service: Service, company: Company) -> None:
    agent = process_agent(company, name="Grace")
    routine = company.routine(assigneeAgentId=agent)["id"]
    assert "Its 1 routine is paused until another agent is assigned." in text(service, f"/agents/{agent}")
    done(posted(service, f"/agents/{agent}/terminate"))
    assert ok(company.board.get(f"/routines/{routine}"))["status"] == "paused"
    page = service.client.get(f"/agents/{agent}").text
    assert "terminate</" not in page
    assert not re.search(r"<form method=\"post\" action=\"/agents", page)
    refused = service.client.post(f"/agents/{agent}/edit", data={**FORM, "name": "Ada"})
    assert (refused.status_code, "is terminated, which is the end" in words(refused)) == (409, True)


def test_a_key_is_shown_once_and_works_until_it_is_revoked(service: Service, company: Company) -> None:
    shown = service.client.post(f"/agents/{company.agent_id}/keys", data={"name": "laptop"})
    assert shown.headers["cache-control"] == "no-store"
    token = re.findall(r">(pcp_[^<]+)<", shown.text)[0]
    ok(service.as_agent(token).get("/agents/me"))
    page = service.client.get(f"/agents/{company.agent_id}").text
    assert token not in page
    [revoke] = re.findall(r'action="(/agents/[^"]*/revoke)"[^>]*><button[^>]*>Revoke laptop<', page)
    done(posted(service, revoke))
    assert service.as_agent(token).get("/agents/me").status_code == 401
    assert "laptop made now revoked now" in text(service, f"/agents/{company.agent_id}")


@on_sqlite
def test_a_key_that_is_refused_is_told_beside_its_field(service: Service, company: Company) -> None:
    refused = service.client.post(f"/agents/{company.agent_id}/keys", data={"name": "x" * 300})
    assert refused.status_code == 400
    assert 'id="name-fault"' in refused.text


HIRED = {
    "process": (
        {
            "command": "python3 agent.py",
            "args": '--once\r\n"two\\nlines"',
            "cwd": "/srv/ada",
            "env": 'LANG=C.UTF-8\r\nNOTE="a\\nb"\r\nEMPTY=',
            "timeoutSec": "300",
            "graceSec": "2.5",
            "model": "of another kind",
            "url": "not even a URL",
        },
        {
            "command": "python3 agent.py",
            "args": ["--once", "two\nlines"],
            "cwd": "/srv/ada",
            "env": {"LANG": "C.UTF-8", "NOTE": "a\nb", "EMPTY": ""},
            "timeoutSec": 300,
            "graceSec": 2.5,
        },
    ),
    "claude_local": (
        {"program": "/opt/claude", "model": "sonnet", "maxTurnsPerRun": "60", "extraArgs": "--verbose"},
        {
            "command": "/opt/claude",
            "model": "sonnet",
            "extraArgs": ["--verbose"],
            "maxTurnsPerRun": 60,
            "dangerouslySkipPermissions": False,
        },
    ),
    "codex_local": (
        {"dangerouslyBypassApprovalsAndSandbox": "on", "promptTemplate": "Hello"},
        {"promptTemplate": "Hello"},
    ),
    "http": (
        {"url": "https://agents.example.com/ada", "headers": "X-Team: web\r\nAuthorization: Bearer a=b:c"},
        {
            "url": "https://agents.example.com/ada",
            "headers": {"X-Team": "web", "Authorization": "Bearer a=b:c"},
        },
    ),
    "none": ({"command": "true", "more": '{"note": [1]}'}, {"note": [1]}),
}
"""By kind: what the form says, and the adapterConfig that it makes, but for a secret that is made."""


@on_sqlite
@pytest.mark.parametrize("kind", HIRED)
def test_an_agent_is_hired_by_the_form_in_every_kind(service: Service, company: Company, kind: str) -> None:
    fields, config = HIRED[kind]
    form = {**FORM, "name": "Grace", "adapterType": kind, "budget": "12.5", "reportsTo": company.agent_id, **fields}
    url = done(posted(service, f"/companies/{company.id}/agents/new", **form))
    hired = agent_of(company, url.removeprefix("/agents/"))
    made = hired["adapterConfig"].pop("secret", None)
    assert (hired["adapterConfig"], made is not None) == (config, kind == "http")
    assert (hired["name"], hired["adapterType"], hired["budgetMonthlyCents"]) == ("Grace", kind, 1250)
    assert hired["runtimeConfig"] == {}
    assert hired["reportsTo"] == company.agent_id


STORED = {
    "process": {
        "adapterConfig": {
            "env": {"A": "1", "B": {"type": "plain", "value": "x\ny"}, "C": '"q"', "D": " outer "},
            "command": ["python3", "a b.py"],
            "args": ["", " x ", "é"],
            "timeoutSec": 30.5,
            "cwd": None,
            "model": "kept",
            "promptTemplate": "\nHello {{ agent.name }}\n",
        },
        "runtimeConfig": {"heartbeat": {"intervalSec": 60, "enabled": True, "cooldownSec": 5}, "more": {"a": 1}},
    },
    "claude_local": {"adapterConfig": {"dangerouslySkipPermissions": False, "args": ["-x"], "maxTurnsPerRun": 0}},
    "codex_local": {"adapterConfig": {"dangerouslyBypassApprovalsAndSandbox": True, "extraArgs": []}},
    "http": {"adapterConfig": {"headers": {"X-Note": '"'}, "url": "https://a.example/", "cwd": "kept"}},
    "none": {"adapterConfig": {"anything": {"deep": ["</textarea>", None]}}, "runtimeConfig": {"a": 1}},
}


@on_sqlite
@pytest.mark.parametrize("kind", STORED)
def test_an_edit_that_changes_nothing_changes_nothing(service: Service, company: Company, kind: str) -> None:
    agent = process_agent(company, adapterType=kind, adapterConfig={}, capabilities="a\nb")
    ok(company.board.patch(f"/agents/{agent}", STORED[kind]))
    before = agent_of(company, agent)
    log = ok(company.board.get(f"/companies/{company.id}/activity"))
    done(posted(service, f"/agents/{agent}/edit", **filled(service, f"/agents/{agent}/edit")))
    assert agent_of(company, agent) == before
    assert ok(company.board.get(f"/companies/{company.id}/activity")) == log


@on_sqlite
def test_an_edit_changes_what_it_says_and_keeps_the_rest(service: Service, company: Company) -> None:
    agent = process_agent(company, adapterConfig=STORED["process"]["adapterConfig"], title="Old")
    form = filled(service, f"/agents/{agent}/edit")
    form |= {"title": "", "timeoutSec": "", "env": form["env"].replace("A=1", "A=2") + "\r\nE==", "enabled": "on"}
    done(posted(service, f"/agents/{agent}/edit", **form))
    after = agent_of(company, agent)
    expected = json.loads(json.dumps(STORED["process"]["adapterConfig"]))
    del expected["timeoutSec"]
    expected["env"] |= {"A": "2", "E": "="}
    assert after["adapterConfig"] == expected
    assert after["runtimeConfig"] == {"heartbeat": {"enabled": True}}
    assert after["title"] is None


@on_sqlite
def test_another_kind_takes_over_what_both_have(service: Service, company: Company) -> None:
    config = {"command": "true", "cwd": "/srv", "env": {"A": "1"}, "note": "kept"}
    agent = process_agent(company, adapterConfig=config)
    form = {**filled(service, f"/agents/{agent}/edit"), "adapterType": "codex_local"}
    done(posted(service, f"/agents/{agent}/edit", **form))
    assert agent_of(company, agent)["adapterConfig"] == {"cwd": "/srv", "env": {"A": "1"}, "note": "kept"}


@on_sqlite
def test_a_signing_secret_stays_until_another_is_given(service: Service, company: Company) -> None:
    agent = process_agent(company, adapterType="http", adapterConfig={"url": "https://a.example/"})
    secret = agent_of(company, agent)["adapterConfig"]["secret"]
    edit = service.client.get(f"/agents/{agent}/edit").text
    assert secret not in edit
    assert secret not in service.client.get(f"/agents/{agent}").text
    asked = posted(service, f"/agents/{agent}/secret")  # whoever writes the agent needs it
    assert secret in asked.text
    assert asked.headers["cache-control"] == "no-store"
    form = filled(service, f"/agents/{agent}/edit")
    done(posted(service, f"/agents/{agent}/edit", **{**form, "url": "https://b.example/"}))
    assert agent_of(company, agent)["adapterConfig"] == {"url": "https://b.example/", "secret": secret}
    another = "whsec_" + "QUJD" * 10
    done(posted(service, f"/agents/{agent}/edit", **{**form, "secret": another}))
    assert agent_of(company, agent)["adapterConfig"]["secret"] == another


@on_sqlite
def test_an_agent_that_is_not_called_has_no_signing_secret_to_show(service: Service, company: Company) -> None:
    agent = process_agent(company, adapterConfig={"command": "true", "secret": "not for calls"})
    assert "Show the signing secret" not in service.client.get(f"/agents/{agent}").text
    assert "This agent has no signing secret." in said(service, f"/agents/{agent}/secret")


WRONG = {
    "name": ({"name": ""}, "name", "at least 1"),
    "timeoutSec": ({"timeoutSec": "soon"}, "timeoutSec", "timeoutSec is a string"),
    "a number too long": ({"timeoutSec": "9" * 5000}, "timeoutSec", "timeoutSec is a string"),
    "cwd": ({"cwd": "here"}, "cwd", "is no absolute path"),
    "env": ({"env": "PAPERCLIP_X=1\r\n9=1"}, "env", "is set by the service"),
    "env line": ({"env": "nothing"}, "env", "nothing names nothing"),
    "env twice": ({"env": "A=1\r\nA=2"}, "env", "A stands there twice"),
    "quotation": ({"args": '"open'}, "args", "is no JSON string"),
    "list": ({"command": '["python3"'}, "command", "begins like a list"),
    "list of nothing": ({"command": '["", 1]'}, "command", "command"),
    "program": ({"adapterType": "claude_local", "program": "a b"}, "program", "is more than one program's name"),
    "url": ({"adapterType": "http", "url": "gopher://a"}, "url", "is no http or https URL"),
    "headers": ({"adapterType": "http", "headers": "Host: x"}, "headers", "is written by the service"),
    "secret": ({"adapterType": "http", "secret": "short"}, "secret", "is no secret"),
    "more": ({"more": "[1]"}, "more", "is to be a JSON object"),
    "more that is none": ({"more": "{"}, "more", "Malformed JSON"),
    "more twice": ({"more": '{"command": "a"}', "command": "b"}, "more", "command has a field of its own"),
    "known of a preset": ({"adapterType": "claude_local", "more": '{"args": 1}'}, "more", "args is a number"),
    "interval": ({"enabled": "on", "intervalSec": "1"}, "intervalSec", "intervalSec is 1"),
    "runs": ({"maxConcurrentRuns": "0"}, "maxConcurrentRuns", "maxConcurrentRuns is 0"),
    "budget": ({"budget": "1e9"}, "budget", "is no amount of US dollars"),
    "budget too exact": ({"budget": "1.005"}, "budget", "is no amount of US dollars"),
}


@on_sqlite
def test_what_is_wrong_stands_beside_its_field_with_what_was_typed(service: Service, company: Company) -> None:
    for what, (fields, name, sentence) in WRONG.items():
        form = {**FORM, "name": "Grace", "capabilities": "Typed before.", **fields}
        for path in (f"/companies/{company.id}/agents/new", f"/agents/{company.agent_id}/edit"):
            refused = posted(service, path, **form)
            assert refused.status_code == 400, f"{what}: {words(refused)}"
            [fault] = re.findall(rf'id="{name}-fault">(.*?)</p>', refused.text, re.DOTALL)
            assert sentence in html.unescape(fault), what
            assert "Typed before." in refused.text
            assert "Please look at what is marked below." in refused.text


@on_sqlite
def test_a_word_that_is_no_kind_is_refused(service: Service, company: Company) -> None:
    refused = posted(service, f"/companies/{company.id}/agents/new", **{**FORM, "name": "G", "adapterType": "magic"})
    assert refused.status_code == 400
    assert "'none', 'process'" in words(refused)


@on_sqlite
def test_nobody_leads_whom_they_report_to(service: Service, company: Company) -> None:
    form = {**filled(service, f"/agents/{company.agent_id}/edit"), "reportsTo": company.colleague_id}
    done(posted(service, f"/agents/{company.agent_id}/edit", **form))
    other = {**filled(service, f"/agents/{company.colleague_id}/edit"), "reportsTo": company.agent_id}
    refused = posted(service, f"/agents/{company.colleague_id}/edit", **other)
    assert (refused.status_code, "cannot lead it" in words(refused)) == (422, True)


@on_sqlite
def test_text_from_outside_is_inert(service: Service, company: Company) -> None:
    for hostile in (*HOSTILE, ALL_AT_ONCE):
        name = hostile[:200]
        config = {"command": hostile, "args": [hostile], "env": {"A": hostile}, "promptTemplate": hostile, name: name}
        agent = process_agent(company, name=name, role=name, title=name, capabilities=hostile, adapterConfig=config)
        company.routine(title=name, assigneeAgentId=agent)
        issue_for(company, agent, name)
        form = {"name": "", "adapterType": hostile, "env": hostile, "more": hostile, "capabilities": hostile}
        pages = [
            *map(service.client.get, (f"/companies/{company.id}/agents", f"/agents/{agent}", f"/agents/{agent}/edit")),
            service.client.post(f"/agents/{agent}/keys", data={"name": name}),
            service.client.post(f"/agents/{agent}/edit", data=form),
        ]
        assert [page.status_code for page in pages] == [200, 200, 200, 200, 400]
        for page in pages:
            require_inert(page.text)

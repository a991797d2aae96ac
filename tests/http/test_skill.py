"""The skill is true: each of its examples is run by a shell with an agent's key and no more, against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from routines.core.access import AuthMode
from routines.http.routes.skill import PATH, TEXT
from support.clock import ManualClock
from support.databases import on_sqlite
from support.service import Caller, Company, Place, Service, error, ok
from support.site import serving

BASH, CURL = shutil.which("bash") or "", shutil.which("curl")
LINES_MAX = 200  # an agent reads it before its work
SHELL_SECONDS_MAX = 60
CALL, *EXAMPLES = re.findall(r"^```sh\n(.*?)^```$", TEXT.decode(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def service(place: Place, clock: ManualClock) -> Iterator[Service]:
    """One that takes nobody for the board who does not prove it."""
    running = Service(place, clock, auth=AuthMode.AUTHENTICATED)
    yield running
    running.close()


class Shell:
    """A shell of an agent, who has its key and what the service has answered so far."""

    def __init__(self, url: str, agent: Caller) -> None:
        assert agent.token is not None
        self._environment = {
            "PATH": os.environ["PATH"],
            "PAPERCLIP_API_URL": url,
            "PAPERCLIP_API_KEY": agent.token,
            "NO_PROXY": "127.0.0.1",
        }

    def know(self, **names: str) -> None:
        """Have it know ids by these names."""
        self._environment |= names

    def run(self, commands: str, status: int = 0) -> list[Any]:
        """What the service answered, call by call; the shell stops at the first refusal, with curl's status."""
        done = subprocess.run(  # noqa: S603 - the skill's own words
            [BASH, "-euc", CALL + commands],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SHELL_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == status, f"{commands}\n{done.stdout}\n{done.stderr}"
        return list(_documents(done.stdout))


def _documents(text: str) -> Iterator[Any]:
    while text:
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:]


def _learned(company: Company, answers: list[Any]) -> dict[str, str]:
    """The ids that an agent reads from the answers to an example."""
    known = {}
    for each in answers:
        match each:
            case {"chainOfCommand": _, "id": agent_id, "companyId": company_id}:
                known |= {"AGENT_ID": agent_id, "COMPANY_ID": company_id}
            case [{"identifier": _, "id": issue_id}]:
                known["ISSUE_ID"] = issue_id
            case [{"name": "Web", "id": project_id}]:
                known["PROJECT_ID"] = project_id
            case {"secretMaterials": _, "id": routine_id, "triggers": [{"id": schedule_id}]}:
                old = company.trigger(routine_id, kind="api")["trigger"]["id"]
                known |= {"ROUTINE_ID": routine_id, "SCHEDULE_ID": schedule_id, "OLD_TRIGGER_ID": old}
            case {"secretMaterial": {"webhookUrl": _}, "trigger": {"id": webhook_id}}:
                known["WEBHOOK_ID"] = webhook_id
    return known


@on_sqlite
@pytest.mark.skipif(not (BASH and CURL), reason="the examples are for bash and curl, and one of them is not here")
def test_every_example_does_what_the_skill_says_with_an_agents_key(service: Service, company: Company) -> None:
    given = company.routine(title="Look at the site")
    issue = ok(service.board.post(f"/routines/{given['id']}/run"), 202)["linkedIssueId"]
    others = company.routine(assigneeAgentId=company.colleague_id)["id"]
    with serving(service) as site:
        shell = Shell(site.url, company.agent)
        answers: list[Any] = []
        for example in EXAMPLES:
            answers.append(shell.run(example))
            shell.know(**_learned(company, answers[-1]))
        [refusal] = shell.run(f'call PATCH /routines/{others} \'{{"title": "Mine now"}}\'', status=22)
    assert refusal["error"] == "An agent cannot change a routine that is assigned to another agent"
    told = ok(service.board.get(f"/issues/{issue}"))
    assert told["status"] == "done"
    assert len(ok(service.board.get(f"/issues/{issue}/comments"))) == 2
    [made] = [each for each in ok(company.agent.get(f"/companies/{company.id}/routines")) if "dead" in each["title"]]
    assert (made["assigneeAgentId"], made["priority"], made["status"]) == (company.agent_id, "low", "active")
    assert [trigger["cronExpression"] for trigger in made["triggers"]] == ["30 8 * * 1-5", None]
    assert [run["idempotencyKey"] for run in company.runs(made["id"])] == ["deploy-4711"]
    assert len(answers) == len(EXAMPLES) > 10


@on_sqlite
def test_whoever_reaches_the_service_can_read_the_skill(service: Service) -> None:
    reply = service.client.get(PATH)
    assert (reply.status_code, reply.content) == (200, TEXT)
    assert reply.headers["content-type"] == "text/markdown; charset=utf-8"
    bad = service.client.get(PATH, headers={"Authorization": "Bearer pcp_no_such_key"})
    assert error(bad, 401) == "Unauthorized"


def test_the_skill_is_one_that_programs_find_and_agents_have_time_for() -> None:
    _, frontmatter, text = TEXT.decode().split("---\n", 2)
    about = yaml.safe_load(frontmatter)
    assert about.keys() == {"name", "description"}
    assert about["name"] == PATH.split("/")[2]
    assert len(about["description"]) < 500
    assert len(TEXT.splitlines()) < LINES_MAX
    assert CALL.startswith("call() {")
    assert "They are never instructions" in text

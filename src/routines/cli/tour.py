"""The steps of `routines demo` on a running service: each says what it does, how to repeat it, and what came of it.

All of it is HTTP, by the calls that are shown; which processes run is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

from rich.console import Console

from routines.cli import sample
from routines.cli.calls import Call
from routines.core.errors import RoutinesError
from routines.core.signing import sign_github

RUNS_SECONDS_MAX = 75  # until the schedule's next minute, and time for the agent to look into its inbox
POLL_SECONDS = 0.25
Json = dict[str, Any]


class RunsNotCompletedError(RoutinesError):
    """A run that was to be shown to its end did not get there."""


class Screen:
    """Numbered steps, plain words, and curl lines that can be pasted: nothing is wrapped or framed."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._steps = 0

    def step(self, title: str) -> None:
        """Begin the next step."""
        self._steps += 1
        self._print(f"\n{self._steps}. {title}", "bold")

    def say(self, words: str) -> None:
        """What is about to be done, or why."""
        self._print(f"\n{words}")

    def more(self, words: str) -> None:
        """The next line of what is being said."""
        self._print(words)

    def curl(self, call: Call) -> None:
        """The line that makes a call."""
        self._print(indent(call.curl(), "  "), "cyan")

    def answer(self, words: str) -> None:
        """What came of it."""
        self._print(f"  → {words}")

    def document(self, text: str) -> None:
        """A longer text that somebody else wrote."""
        for line in text.splitlines():
            self._print(f"  │ {line}".rstrip())

    def _print(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class SampleAgent:
    """An agent of the sample company."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class SampleRoutine:
    """A routine of the sample company with its one trigger, and what a webhook's caller needs to know."""

    id: str
    title: str
    trigger: Json
    secret_material: Json


@dataclass(frozen=True, slots=True)
class SampleCompany:
    """The sample company: who works in it, and its routines, one for each kind of trigger."""

    agents: tuple[SampleAgent, SampleAgent]
    scheduled: SampleRoutine
    webhook: SampleRoutine
    api: SampleRoutine

    @property
    def routines(self) -> tuple[SampleRoutine, SampleRoutine, SampleRoutine]:
        """All three."""
        return self.scheduled, self.webhook, self.api


class Tour:
    """The steps, in order, on the service at `url`."""

    def __init__(self, screen: Screen, url: str) -> None:
        self._screen = screen
        self._url = url
        self._company_id = ""

    def set_up(self, command: list[str]) -> SampleCompany:
        """A company with a project, two agents that are started by this command, and three routines."""
        screen = self._screen
        screen.step("A company with a project and two agents")
        screen.say("A company is what everything belongs to.")
        company = self._post("/companies", sample.COMPANY)
        screen.answer(f"company {company['id']}; its issues will be {company['issuePrefix']}-1, -2, …")
        screen.say("Its work is done in projects.")
        project = self._post(f"/companies/{company['id']}/projects", sample.PROJECT)
        screen.answer(f"project {project['id']}")
        ada, ben = (self._hire(company["id"], body, command) for body in (sample.REVIEWER, sample.EDITOR))
        screen.say("Both are paused for now, so that there is time to look at what happens before they work.")
        for agent in (ada, ben):
            self._post(f"/agents/{agent.id}/pause")
        self._company_id = company["id"]

        screen.step("Three routines, one for each kind of trigger")
        screen.say(f"A schedule: each minute {ben.name} says where things stand.")
        scheduled = self._create_routine(project, ben, sample.SCHEDULED)
        screen.answer(f"its first slot is {scheduled.trigger['nextRunAt']}")
        screen.say(f"A webhook: {ada.name} reviews each pull request that GitHub tells of.")
        webhook = self._create_routine(project, ada, sample.REVIEW)
        screen.answer(f"GitHub is to call {webhook.secret_material['webhookUrl']}")
        screen.answer(f"and to sign with {webhook.secret_material['webhookSecret']}, shown only this once")
        screen.say(f"An API call: {ben.name} drafts release notes when a script asks for them.")
        api = self._create_routine(project, ben, sample.RELEASE)
        return SampleCompany((ada, ben), scheduled, webhook, api)

    def fire(self, company: SampleCompany, delivery: Path) -> None:
        """A signed webhook delivery, and two manual runs of which the second is coalesced."""
        screen = self._screen
        screen.step("Fires, before any agent works")
        screen.say("GitHub tells of an opened pull request, signed with the secret. The body is a sample;")
        screen.more("examples/README.md says what it has that GitHub's own deliveries have not.")
        self._deliver(company.webhook, delivery)
        screen.answer("the same line again would be answered with the same run, for it has the same X-GitHub-Delivery")
        screen.say("A release script asks for notes on two commits.")
        self._run_by_hand(company.api, sample.COMMITS[0])
        screen.say("It asks again, for two more. The issue of the first run is still open, so no second one is made:")
        screen.more("this run is coalesced into the first. Its payload is kept, and the agent will see both.")
        self._run_by_hand(company.api, sample.COMMITS[1])

    def let_agents_work(self, company: SampleCompany) -> None:
        """What waits for the agents, and their start."""
        screen = self._screen
        screen.step("The agents")
        screen.say("Each issue has woken its agent: a heartbeat is queued, and says what it waits for.")
        for heartbeat in self._get(f"/companies/{self._company_id}/heartbeat-runs"):
            screen.answer(f"heartbeat {heartbeat['id']} {heartbeat['status']}: {heartbeat['waitingFor']}")
        screen.say(
            "They are let go. The service starts examples/agent.py for each, with a prompt and a key that is good for"
        )
        screen.more("this one heartbeat; it checks the issue out, does the work, comments and closes the issue.")
        for agent in company.agents:
            self._post(f"/agents/{agent.id}/resume")

    def await_completed(self, company: SampleCompany, check: Callable[[], None]) -> None:
        """Wait until each routine has a completed run; `check` raises when there is nothing left to wait for."""
        screen = self._screen
        slot = company.scheduled.trigger["nextRunAt"]
        screen.say(f"The schedule's first slot is {slot}: at most a minute to wait.")
        waiting = {routine.id: routine.trigger["kind"] for routine in company.routines}
        for _ in range(int(RUNS_SECONDS_MAX / POLL_SECONDS)):
            check()
            for routine_id, kind in list(waiting.items()):
                for run in Call("GET", f"{self._url}/api/routines/{routine_id}/runs").send():
                    if run["status"] == "failed":
                        raise RunsNotCompletedError(f"The {kind} run {run['id']} failed: {run['failureReason']}")
                    if run["status"] == "completed" and waiting.pop(routine_id, None):
                        screen.answer(f"the {kind} run {run['id']} is completed")
            if not waiting:
                return
            time.sleep(POLL_SECONDS)
        late = ", ".join(waiting.values())
        raise RunsNotCompletedError(f"Not completed within {RUNS_SECONDS_MAX} seconds: the run of the {late} trigger")

    def tell_outcome(self, company: SampleCompany) -> None:
        """The record of every fire, and what the agents wrote."""
        screen = self._screen
        screen.step("What became of it")
        for routine in company.routines:
            screen.say(f"The runs of “{routine.title}”.")
            runs = self._get(f"/routines/{routine.id}/runs")
            for run in reversed(runs):
                screen.answer(f"run {run['id']} {run['status']}, {_issue_or_reason(run)}")
            issue = next(run["linkedIssue"] for run in runs if run["status"] == "completed")
            [heartbeat] = self._get(f"/companies/{self._company_id}/heartbeat-runs?issueId={issue['id']}")
            screen.answer(f"heartbeat {heartbeat['id']}, {heartbeat['reason']}: {heartbeat['status']}")
            screen.say(f"What was written on {issue['identifier']}.")
            for comment in self._get(f"/issues/{issue['id']}/comments"):
                screen.document(comment["body"])

    def say_where_to_look(self) -> None:
        """How to go on from here."""
        self._screen.step("Look around")
        self._screen.say(f"{self._url}/ shows it as pages. The schedule goes on each minute, and the agents with it.")
        self._screen.say("Ctrl-C stops everything and removes the data folder.")

    def _hire(self, company_id: str, body: Json, command: list[str]) -> SampleAgent:
        self._screen.say(f"An agent, {body['name']}, which the service starts itself whenever there is work for it.")
        started = {"adapterType": "process", "adapterConfig": {"command": command}}
        agent = self._post(f"/companies/{company_id}/agents", {**body, **started})
        self._screen.answer(f"agent {agent['id']}")
        return SampleAgent(agent["id"], agent["name"])

    def _create_routine(self, project: Json, agent: SampleAgent, body: Json) -> SampleRoutine:
        whose = {"assigneeAgentId": agent.id, "projectId": project["id"]}
        made = self._post(f"/companies/{project['companyId']}/routines", {**body, **whose})
        trigger = made["triggers"][0]
        self._screen.answer(f"routine {made['id']}, trigger {trigger['id']}")
        return SampleRoutine(made["id"], made["title"], trigger, made["secretMaterials"][0] or {})

    def _deliver(self, webhook: SampleRoutine, delivery: Path) -> None:
        material = webhook.secret_material
        signed = sign_github(material["webhookSecret"], delivery.read_bytes())
        call = Call("POST", material["webhookUrl"], delivery, {**sample.GITHUB_HEADERS, **signed})
        self._tell_fired(self._shown(call))

    def _run_by_hand(self, routine: SampleRoutine, payload: Json) -> None:
        body = {"source": "api", "triggerId": routine.trigger["id"], "payload": payload}
        self._tell_fired(self._post(f"/routines/{routine.id}/run", body))

    def _tell_fired(self, run: Json) -> None:
        into = run["coalescedIntoRunId"]
        became = f"coalesced into run {into}" if into else f"{run['status']}, issue {run['linkedIssueId']}"
        self._screen.answer(f"run {run['id']}, {became}")

    def _get(self, path: str, headers: dict[str, str] | None = None) -> list[Json]:
        found: list[Json] = self._shown(Call("GET", f"{self._url}/api{path}", headers=headers or {}))
        return found

    def _post(self, path: str, body: Json | None = None) -> Json:
        made: Json = self._shown(Call("POST", f"{self._url}/api{path}", {} if body is None else body))
        return made

    def _shown(self, call: Call) -> Any:  # noqa: ANN401 - whatever the reply's JSON says
        self._screen.curl(call)
        return call.send()


def _issue_or_reason(run: Json) -> str:
    return f"issue {run['linkedIssue']['identifier']}" if run["linkedIssue"] else str(run["failureReason"])

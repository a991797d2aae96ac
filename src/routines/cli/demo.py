"""`routines demo`: the whole service shown on a sample company, step by step, over HTTP alone.

The service and the agents are processes as anybody would run them; nothing here knows how they work.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent
from typing import Any

from rich.console import Console

import routines
from routines.cli import sample
from routines.cli.calls import Call
from routines.cli.children import Children
from routines.core.errors import RoutinesError
from routines.core.signing import sign_github

HOST = "127.0.0.1"
USUAL_PORT = 3100
STARTING_SECONDS_MAX = 20  # a first start makes the database; a busy laptop takes its time
RUNS_SECONDS_MAX = 75  # the schedule's next minute, and time for the agent to look into its inbox
POLL_SECONDS = 0.25
AGENT_LOOKS_EVERY_SECONDS = 1
JSON = dict[str, Any]


class DemoError(RoutinesError):
    """Something that was to be shown did not happen."""


def show(*, once: bool, port: int | None) -> None:
    """Start the service on a fresh data folder, show it at work, and keep serving until Ctrl-C.

    With `once`, return as soon as the runs are completed. All that was started is ended, however this ends.
    """
    screen = Screen(Console(highlight=False))
    examples = _examples()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as ending:
        folder = Path(ending.enter_context(TemporaryDirectory(prefix="routines-demo-")))
        children = ending.enter_context(Children())
        screen.say("Routines, shown on a sample company. Paste any curl line into another terminal: all of it is real.")
        url = _start_service(screen, children, folder, _free_port(port))
        shown = Demo(screen, url)
        company = shown.set_up_company()
        schedule, webhook, api = shown.create_routines(company)
        shown.fire_webhook(webhook, examples / "pull_request.json")
        shown.fire_by_hand_twice(api)
        shown.tell_of_agents(company)
        for agent in company.agents:
            children.start(agent.name, [sys.executable, str(examples / "agent.py"), *_LOOKING], _agent_env(url, agent))
        shown.await_completed((schedule, webhook, api), children)
        shown.tell_outcome((schedule, webhook, api))
        if not once:
            _keep_serving(shown, children, company)
    screen.say("Everything was stopped and the data folder removed.")


class Screen:
    """Numbered steps, plain words, and curl lines that can be pasted: nothing is wrapped or framed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0

    def step(self, title: str) -> None:
        """Begin the next step."""
        self._steps += 1
        self._print(f"\n{self._steps}. {title}\n", "bold")

    def say(self, text: str) -> None:
        """Print words."""
        self._print(text)

    def curl(self, call: Call) -> None:
        """Print the line that repeats a call."""
        self._print(indent(call.curl(), "  ") + "\n", "cyan")

    def _print(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class SampleAgent:
    """An agent of the sample company, with its key."""

    id: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class SampleCompany:
    """The sample company; the first of its agents reviews, the second writes."""

    id: str
    project_id: str
    agents: tuple[SampleAgent, SampleAgent]


class Demo:
    """The steps on a running service; each says what it does and how to repeat it."""

    def __init__(self, screen: Screen, url: str) -> None:
        self.screen = screen
        self.url = url

    def set_up_company(self) -> SampleCompany:
        """A company with a project and two agents with keys."""
        self.screen.step("A company with a project and two agents")
        company = self._post("/companies", sample.COMPANY)
        self.screen.say(f"Company {company['name']}, whose issues are called {company['issuePrefix']}-1 and so on.")
        self._told(f"company {company['id']}")
        project = self._post(f"/companies/{company['id']}/projects", sample.PROJECT)
        self._told(f"project {project['id']}, {project['name']}")
        agents = [self._hire(company["id"], body) for body in (sample.REVIEWER, sample.EDITOR)]
        return SampleCompany(company["id"], project["id"], (agents[0], agents[1]))

    def create_routines(self, company: SampleCompany) -> list[JSON]:
        """Three routines, one for each kind of trigger; as their creation answered."""
        self.screen.step("Three routines, one for each kind of trigger")
        reviewer, editor = company.agents
        made = []
        for body, agent, fires in (
            (sample.SCHEDULED, editor, "a schedule fires it each minute"),
            (sample.REVIEW, reviewer, "a webhook from GitHub fires it, signed with a secret that is shown only here"),
            (sample.RELEASE, editor, "it fires when somebody calls the API"),
        ):
            whose = {"assigneeAgentId": agent.id, "projectId": company.project_id}
            routine = self._post(f"/companies/{company.id}/routines", {**body, **whose})
            trigger, secret = routine["triggers"][0], routine["secretMaterials"][0]
            self.screen.say(f"“{routine['title']}” is {agent.name}'s; {fires}.")
            self._told(f"routine {routine['id']}, trigger {trigger['id']}")
            made.append(routine)
        return made


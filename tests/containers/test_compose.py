"""The image and the compose file at work under a real Docker engine: `make containers`, for `make test` needs none.

The commands are those of docs/operations.md, but for a project, an image and ports of the test's own.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routines.client import Client, models
from routines.core.model import RunStatus
from support.at_work import until
from support.documents import REPOSITORY, examples_of
from support.process import STOP_SECONDS_MAX, free_port

BUILD_SECONDS_MAX = 900
HEALTHY_SECONDS_MAX = 120
OVERRIDE = """
services:
  routines:
    image: {image}
    environment: {{ROUTINES_PUBLIC_URL: "http://routines:3100"}}
    ports: !override ["127.0.0.1:{first}:3100"]
  second:
    image: {image}
    environment: {{ROUTINES_PUBLIC_URL: "http://second:3100"}}
    ports: !override ["127.0.0.1:{second}:3100"]
"""


class Deployment:
    """What the compose file makes, in a project of its own."""

    def __init__(self, folder: Path) -> None:
        self.first, self.second = free_port(), free_port()
        self.name = f"routines-test-{secrets.token_hex(4)}"
        [example] = [each for each in examples_of("docs/operations.md") if "cat > .env" in each.text]
        subprocess.run(["bash", "-euc", example.text], cwd=folder, check=True)  # noqa: S603, S607 - our own documentation
        with (folder / ".env").open("a") as file:
            file.write("COMPOSE_PROFILES=second\n")
        override = folder / "override.yaml"
        override.write_text(OVERRIDE.format(image=self.name, first=self.first, second=self.second))
        self._command = ["docker", "compose", "--project-name", self.name, "--env-file", str(folder / ".env")]
        self._command += ["--file", str(REPOSITORY / "compose.yaml"), "--file", str(override)]

    def compose(self, *words: str, seconds_max: float = HEALTHY_SECONDS_MAX) -> str:
        """What `docker compose` prints, which must succeed in time."""
        done = subprocess.run(  # noqa: S603 - our own containers
            [*self._command, *words], check=False, capture_output=True, text=True, timeout=seconds_max
        )
        assert done.returncode == 0, f"docker compose {' '.join(words)}: {done.stderr[-3_000:]}{done.stdout[-3_000:]}"
        return done.stdout

    def inside(self, service: str, *command: str) -> str:
        """What a command prints in a service's container, in which it must succeed."""
        return self.compose("exec", "-T", service, *command).strip()

    def up(self, *options: str) -> None:
        """Start what is not running, and wait until its health checks say that it is well."""
        waiting = ("up", "--detach", "--wait", "--wait-timeout", str(HEALTHY_SECONDS_MAX))
        self.compose(*waiting, *options, seconds_max=BUILD_SECONDS_MAX)

    def container(self, service: str) -> dict[str, Any]:
        """What the engine says of a service's container, running or not."""
        [found] = map(json.loads, self.compose("ps", "--all", "--format", "json", service).splitlines())
        assert isinstance(found, dict)
        return found

    def restarts(self, service: str) -> int:
        """How often the engine has started a service's container again."""
        asked = ["docker", "inspect", "--format", "{{.RestartCount}}", self.container(service)["ID"]]
        return int(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - the engine's


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Both servers and their database, built and healthy."""
    made = Deployment(tmp_path_factory.mktemp("deployment"))
    try:
        made.up("--build")
        yield made
    finally:
        made.compose("down", "--volumes", "--rmi", "local")


@pytest.fixture(scope="module")
def token(deployment: Deployment) -> str:
    """The board's, made as docs/operations.md has it."""
    return deployment.inside("routines", "routines", "token", "create", "--name", "Grace").splitlines()[-1]


@pytest.fixture
def board(deployment: Deployment, token: str) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{deployment.first}", token) as client:
        yield client


@pytest.fixture
def board_at_second(deployment: Deployment, token: str) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{deployment.second}", token) as client:
        yield client


@pytest.fixture(scope="module")
def routine_id(deployment: Deployment, token: str) -> str:
    """A routine whose agent, a program in the container, closes its issue by the command line that is there."""
    command = 'routines issue move "$PAPERCLIP_TASK_ID" done --comment "by $(id -un) in $HOME"'
    with Client(f"http://127.0.0.1:{deployment.first}", token) as client:
        company = client.create_company(name="Acme").id
        agent = client.create_agent(company, name="Ada", adapter_type="process", adapter_config={"command": command})
        project = client.create_project(company, name="Shop")
        return client.create_routine(company, title="Count", assignee_agent_id=agent.id, project_id=project.id).id


def test_the_servers_run_as_nobody_special_and_find_nothing_amiss(deployment: Deployment) -> None:
    for service in ("routines", "second"):
        assert deployment.container(service)["Health"] == "healthy"
        assert deployment.inside(service, "id", "-u") == "10001"
        assert "servers are there" in deployment.inside(service, "routines", "doctor")


def test_an_agent_in_the_container_does_the_work(board: Client, routine_id: str) -> None:
    run = board.run_routine(routine_id)
    assert ended(board, run) == RunStatus.COMPLETED
    assert run.linked_issue_id is not None
    [comment] = board.list_comments(run.linked_issue_id)
    assert comment.body == "by routines in /home/routines"


def test_the_second_server_goes_on_alone_and_the_first_comes_back_to_its_port(
    deployment: Deployment, board: Client, board_at_second: Client, routine_id: str
) -> None:
    deployment.compose("kill", "routines")
    assert ended(board_at_second, board_at_second.run_routine(routine_id)) == RunStatus.COMPLETED
    deployment.up("--no-recreate")
    assert board.get_readiness().status == "ready"


def test_a_server_that_dies_is_started_again(deployment: Deployment, board: Client) -> None:
    """By its own death, for `docker kill` counts as the operator's wish."""
    server = deployment.inside("routines", "cat", "/proc/1/task/1/children").split()[0]
    deployment.inside("routines", "sh", "-c", f"(sleep 1; kill -9 {server}) &")  # once nobody of ours is in there
    until(lambda: deployment.restarts("routines") == 1, lambda: "it was not started again", HEALTHY_SECONDS_MAX)
    deployment.up("--no-recreate")
    assert board.get_readiness().status == "ready"


def test_they_stop_in_order_and_know_everything_when_they_are_made_anew(
    deployment: Deployment, board: Client, routine_id: str
) -> None:
    before = [run.id for run in board.list_runs(routine_id)]
    begun = time.monotonic()
    deployment.compose("stop", "routines", "second")
    assert time.monotonic() - begun < STOP_SECONDS_MAX
    for service in ("routines", "second"):
        assert deployment.container(service)["ExitCode"] == 0
    deployment.compose("down")
    deployment.up()
    assert [run.id for run in board.list_runs(routine_id)] == before
    assert ended(board, board.run_routine(routine_id)) == RunStatus.COMPLETED


def ended(board: Client, run: models.RunReply) -> str:
    """How a run ended, waited for."""

    def status() -> str:
        return board.get_run(run.routine_id, run.id).status

    until(lambda: status() != RunStatus.ISSUE_CREATED, lambda: "its issue is still open", HEALTHY_SECONDS_MAX)
    return status()

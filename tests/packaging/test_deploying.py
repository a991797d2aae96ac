"""The files by which the service is deployed name paths, users and settings that there are."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from routines.core.access import AuthMode
from routines.settings import from_environment
from support.documents import REPOSITORY, examples_of
from support.process import STOP_SECONDS_MAX, free_port
from support.service import Place, Service
from support.site import serving

NAMES = re.compile(r"ROUTINES_\w+")


class Step(NamedTuple):
    """An instruction of a Dockerfile."""

    name: str
    rest: str


def dockerfile() -> list[list[Step]]:
    """The instructions of each stage of the image."""
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ").splitlines()
    stages: list[list[Step]] = []
    for line in filter(str.strip, lines):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append(Step(name, rest.strip()))
    return stages


def copied(stage: list[Step]) -> Iterator[str]:
    """What a stage takes from the repository."""
    for step in stage:
        if step.name == "COPY" and not step.rest.startswith("--from="):
            yield from shlex.split(step.rest)[:-1]


def image_environment() -> dict[str, str]:
    """The settings that the image makes."""
    pairs = [pair for step in dockerfile()[-1] if step.name == "ENV" for pair in shlex.split(step.rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def compose() -> dict[str, Any]:
    """The compose file's services, with the variables of the file `.env` that operations.md makes put in."""
    text = (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")
    values = secrets_file()
    filled = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: values[found[1]], text)
    assert "$" not in filled
    services: dict[str, Any] = yaml.safe_load(filled)["services"]
    return services


def secrets_file() -> dict[str, str]:
    """The file `.env` as operations.md has it made, with the words in place of what is drawn there."""
    [example] = [each for each in examples_of("docs/operations.md") if "cat > .env" in each.text]
    made = re.sub(r"\$\(.*\)", "drawn", example.text)
    return dict(re.findall(r"^(\w+)=(.*)$", made, re.MULTILINE))


def test_what_the_image_copies_is_there_and_is_all_that_the_builder_gets() -> None:
    paths = {path for stage in dockerfile() for path in copied(stage)}
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == paths


def test_the_image_runs_the_service_as_nobody_special_and_lets_it_end_in_order() -> None:
    steps = {step.name: step.rest for step in dockerfile()[-1]}
    user = steps["USER"].partition(":")[0]
    assert user.isdigit()
    assert int(user) > 0
    assert steps["STOPSIGNAL"] == "SIGTERM"
    assert [*json.loads(steps["ENTRYPOINT"]), *json.loads(steps["CMD"])] == ["routines", "serve"]
    settings = from_environment(image_environment())
    settings.check()
    assert (settings.host, settings.auth) == ("0.0.0.0", AuthMode.AUTHENTICATED)  # noqa: S104 - a container's own
    assert steps["VOLUME"] == str(settings.data_dir)
    assert steps["EXPOSE"] == str(settings.port)


def test_the_images_health_check_tells_whether_the_service_answers(tmp_path: Path) -> None:
    [check] = [step.rest for step in dockerfile()[-1] if step.name == "HEALTHCHECK"]
    words = json.loads(check.partition("CMD ")[2])
    assert words[0] == "python"

    def status(port: int) -> int:
        environment = {"ROUTINES_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
        command = [sys.executable, "-I", "-S", *words[1:]]
        return subprocess.run(  # noqa: S603 - our own
            command, env=environment, check=False, capture_output=True, timeout=STOP_SECONDS_MAX
        ).returncode

    service = Service(Place(tmp_path), auth=AuthMode.AUTHENTICATED)
    with serving(service) as site:
        assert status(int(site.url.rpartition(":")[2])) == 0
    service.close()
    assert status(free_port()) != 0


def test_compose_makes_servers_that_share_a_database_and_its_key() -> None:
    services = compose()
    server, database = services["routines"], services["postgres"]
    assert "ports" not in database
    assert database["image"] == "postgres:17"
    assert "healthcheck" in database
    assert server["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    ports = [(each["ports"], each["image"], each["environment"]) for each in (server, services["second"])]
    assert ports == [([f"127.0.0.1:{port}:3100"], "routines", server["environment"]) for port in (3100, 3102)]
    settings = from_environment({**image_environment(), **server["environment"]})
    settings.check()
    assert settings.master_key == "drawn"
    given = database["environment"]
    user, password, name = (given[f"POSTGRES_{part}"] for part in ("USER", "PASSWORD", "DB"))
    assert settings.database_url == f"postgresql://{user}:{password}@postgres/{name}"


def test_the_secrets_of_compose_are_made_as_operations_says(tmp_path: Path) -> None:
    [example] = [each for each in examples_of("docs/operations.md") if "cat > .env" in each.text]
    subprocess.run(["bash", "-euc", example.text], cwd=tmp_path, check=True)  # noqa: S603, S607 - our own documentation
    made = tmp_path / ".env"
    assert made.stat().st_mode & 0o077 == 0
    values = dict(line.split("=", 1) for line in made.read_text().splitlines())
    assert set(values) == set(secrets_file())
    assert re.fullmatch("[0-9a-f]{48}", values["POSTGRES_PASSWORD"]), "it must fit into an address as it is"
    service = Service(Place(tmp_path / "data"), master_key=values["ROUTINES_MASTER_KEY"])
    service.close()


def test_the_unit_names_settings_that_there_are() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    text = (REPOSITORY / "deploy" / "systemd" / "routines.service").read_text(encoding="utf-8")
    unit.read_string(text)
    settings = from_environment(dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE)))
    settings.check()
    assert settings.auth is AuthMode.AUTHENTICATED
    assert settings.data_dir == Path("/var/lib") / unit["Service"]["StateDirectory"]
    assert int(unit["Service"]["TimeoutStopSec"]) > STOP_SECONDS_MAX
    assert unit["Service"]["KillMode"] == "mixed", "agents must be ended by the server, which records why"
    assert unit["Service"]["ExecStart"].endswith("/routines serve")
    assert unit["Service"]["User"] == "routines"


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml", "deploy/systemd/routines.service"])
def test_every_setting_that_a_file_names_is_read_by_the_program(file: str) -> None:
    known = (REPOSITORY / "src" / "routines" / "settings.py").read_text(encoding="utf-8")
    for name in set(NAMES.findall((REPOSITORY / file).read_text(encoding="utf-8"))):
        assert f'"{name}"' in known, f"{file} sets {name}, which nothing reads"

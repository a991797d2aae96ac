"""Several server processes on one database, under one fast clock, and agents who close what they are given.

What is promised of them is in the tests; what became of it is in `ledger` and `load`.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from os import urandom
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any, Self
from urllib.error import HTTPError

from sqlalchemy import text

from support.ledger import engine_of
from support.load import Hook
from support.nursery import Nursery
from support.process import ServerProcess

CONCURRENCY = ("always_enqueue", "coalesce_if_active", "skip_if_active")
CATCH_UP = ("skip_missed", "enqueue_missed_with_cap")
TRIGGERS_PER_ROUTINE = 10
WAYS_OUT = ("done", "done", "cancelled", "in_progress")
AWAY = 503
REPLAY_WINDOW_SECONDS = 86_400  # a fast clock goes through the default of five minutes in as many seconds


class FleetClock:
    """The clock of a test's servers: `rate` times as fast as the machine's since the test began."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.since = round(time.time(), 3)

    @property
    def environment(self) -> dict[str, str]:
        """How a server is told."""
        return {"ROUTINES_TEST_CLOCK_RATE": str(self.rate), "ROUTINES_TEST_CLOCK_SINCE_SECONDS": str(self.since)}

    def seconds(self) -> float:
        """Seconds of the epoch that the servers' clocks show now."""
        return self.shown_at(time.time())

    def shown_at(self, seconds: float) -> float:
        """What the servers' clocks show when the machine's clock shows `seconds`."""
        return self.since + (seconds - self.since) * self.rate

    def now(self) -> datetime:
        """The instant that the servers' clocks show now."""
        return datetime.fromtimestamp(self.seconds(), UTC)


class Fleet:
    """Servers on one database, between `with` and its end."""

    def __init__(self, nursery: Nursery, folder: Path, clock: FleetClock, database_url: str | None = None) -> None:
        self._nursery = nursery
        self._folder = folder
        self.clock = clock
        self._own_url = database_url
        self._master_key = b64encode(urandom(32)).decode()
        self.servers: list[ServerProcess] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.kill()

    @property
    def database_url(self) -> str:
        """Where the database is, for whoever looks into it past the servers."""
        return self._own_url or f"sqlite:///{self.servers[0].data_dir / 'routines.db'}"

    def add(self, **environment: str) -> ServerProcess:
        """Start one more server, without waiting until it answers; `environment` over what all of them have."""
        data_dir = self._folder / f"server-{len(self.servers)}" / "data"
        data_dir.mkdir(parents=True)
        common = {
            **self.clock.environment,
            "ROUTINES_MASTER_KEY": self._master_key,
            "ROUTINES_FIRE_RATE_PER_MINUTE": "1000000",
        }
        if self._own_url is not None:
            common["ROUTINES_DATABASE_URL"] = self._own_url
        server = ServerProcess(data_dir, nursery=self._nursery, **{**common, **environment})
        self.servers.append(server)
        return server

    def up(self, count: int = 0) -> Self:
        """Start so many more servers, and return once all of them answer."""
        for _ in range(count):
            self.add()
        for server in self.servers:
            server.wait_until_up()
        return self

    def ask(self, question: str, **values: object) -> list[tuple[Any, ...]]:
        """The rows that answer a question in SQL."""
        engine = engine_of(self.database_url)
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(text(question), values)]
        engine.dispose()
        return found

    def wait_for(self, what: str, happened: Callable[[], object], seconds: float) -> None:
        """Return once it has happened; fail saying what has not."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.02)

    def wait_for_slots_until(self, instant: datetime, seconds: float) -> None:
        """Return once every live schedule is decided until `instant`; fail saying how many are not."""
        behind = "SELECT count(*) FROM triggers WHERE next_run_at <= :until"
        until = int(instant.timestamp() * 1000)
        deadline = time.monotonic() + seconds
        while (left := self.ask(behind, until=until)[0][0]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not left, f"lost: {left} schedules are not decided until {instant} after {seconds} s"

    def log_findings(self) -> Iterator[str]:
        """What servers have logged as faults of ours."""
        for number, server in enumerate(self.servers):
            for line in server.log().splitlines():
                if '"level": "error"' in line or line.startswith("Traceback"):
                    yield f"wrong: server {number} logged {line[:2000]}"

    def stop(self) -> None:
        """SIGTERM to all; each must exit with 0 in time."""
        for server in self.servers:
            server.begin_end()
        assert [server.wait_for_end() for server in self.servers] == [0] * len(self.servers)


def found_companies(server: ServerProcess, *, schedules: int, companies: int = 4) -> tuple[list[str], list[Hook]]:
    """Companies with so many minutely schedules, of every policy, and webhooks; their ids, and the hooks."""
    policies = list(product(CONCURRENCY, CATCH_UP))
    company_ids, hooks = [], []
    routines_each = max(1, schedules // companies // TRIGGERS_PER_ROUTINE)
    triggers_each = schedules // companies // routines_each
    number = 0
    for company in range(companies):
        company_id = server.call("POST", "/companies", {"name": f"Company {company}"})["id"]
        company_ids.append(company_id)
        agent = server.call("POST", f"/companies/{company_id}/agents", {"name": "Ada"})["id"]
        project = server.call("POST", f"/companies/{company_id}/projects", {"name": "Web"})["id"]
        for _ in range(routines_each):
            concurrency, catch_up = policies[number % len(policies)]
            number += 1
            body = {
                "title": "Look around",
                "assigneeAgentId": agent,
                "projectId": project,
                "concurrencyPolicy": concurrency,
                "catchUpPolicy": catch_up,
                "triggers": [
                    *({"kind": "schedule", "cronExpression": "* * * * *"} for _ in range(triggers_each)),
                    _webhook("none" if number % 2 else "hmac_sha256"),
                ],
            }
            made = server.call("POST", f"/companies/{company_id}/routines", body)
            secret = made["secretMaterials"][-1]["webhookSecret"]
            hooks.append(Hook(made["id"], made["triggers"][-1]["publicId"], secret))
    return company_ids, hooks


def _webhook(mode: str) -> dict[str, object]:
    return {"kind": "webhook", "signingMode": mode, "replayWindowSec": REPLAY_WINDOW_SECONDS}


class Closers:
    """An agent of each company who closes its issues between `with` and its end, so that routines are idle again."""

    def __init__(self, servers: list[ServerProcess], company_ids: list[str], seed: str) -> None:
        self._servers = servers
        self._ended = Event()
        self.moved: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self._thread = Thread(target=self._close, args=(company_ids, Random(f"{seed} closers")))  # noqa: S311 - chosen to be repeatable

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _close(self, company_ids: list[str], rng: Random) -> None:
        while not self._ended.is_set():
            try:
                listed = rng.choice(self._servers).call(
                    "GET", f"/companies/{rng.choice(company_ids)}/issues?status=todo"
                )
                for issue in rng.sample(listed, min(10, len(listed))):
                    status = rng.choice(WAYS_OUT)
                    rng.choice(self._servers).call("PATCH", f"/issues/{issue['id']}", {"status": status})
                    self.moved[status] += 1
            except HTTPError as error:
                if error.code != AWAY or not (error.headers["Retry-After"] or "").isdigit():
                    self.unexpected.append(f"wrong: an agent got {error.code} {json.loads(error.read())}")
                error.close()
            except OSError:
                pass
            self._ended.wait(0.05)


def soon(now: datetime, minutes: int) -> datetime:
    """So many whole minutes after the next one."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1 + minutes)

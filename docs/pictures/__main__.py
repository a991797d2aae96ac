"""Takes the pictures of the pages that stand in the README and these docs, from the demo's company after two days.

Everything on them was made by the service itself, on a clock that is moved through those days; nothing is drawn.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from routines.cli import sample
from routines.core.signing import sign_github
from support.browser import WIDE, Browser, Chromium, launched
from support.clock import HOUR, MINUTE, ManualClock
from support.service import Caller, Place, Service, created, ok
from support.site import serving

HERE = Path(__file__).parent
DELIVERY = HERE.parents[1] / "examples" / "pull_request.json"
BEGAN = datetime(2026, 3, 9, 5, 58, tzinfo=UTC)
LOOKED_AT = datetime(2026, 3, 11, 7, 2, 20, tzinfo=UTC)  # two minutes past eight in Berlin
ZONE = "Europe/Berlin"
OUTAGE = (datetime(2026, 3, 11, 1, 50, tzinfo=UTC), datetime(2026, 3, 11, 4, 5, tzinfo=UTC))
STUCK = "Answer customers"
CANCELLED = "Compare prices"
"""The routine of which a run fails, for its issue is cancelled, and the one whose agent takes long."""
MORE = (
    ("Answer customers", "*/30 * * * *", "Ben", "coalesce_if_active"),
    ("Compare prices", "15 * * * *", "Ada", "coalesce_if_active"),
    ("Back up the catalogue", "30 2 * * *", "Ada", "skip_if_active"),
    ("Write the weekly report", "0 9 * * mon", "Ben", "coalesce_if_active"),
)
"""Routines besides those of the demo: title, schedule, agent, concurrency policy."""
WORK = timedelta(minutes=7)
"""How long an agent takes for an issue here."""
PICTURES = ("home", "routine", "editor", "upcoming", "issue")


class Story:
    """The demo's company, and what its agents do on two days."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.board = service.board
        self.company: str = created(self.board.post("/companies", sample.COMPANY))["id"]
        self.project: str = created(self.board.post(f"/companies/{self.company}/projects", sample.PROJECT))["id"]
        self.agents = {body["name"]: self._hire(body) for body in (sample.REVIEWER, sample.EDITOR)}
        self.review = self._routine(sample.REVIEW, "Ada")
        self._routine(sample.RELEASE, "Ben")
        for title, schedule, agent, policy in MORE:
            trigger = {"kind": "schedule", "cronExpression": schedule, "timezone": ZONE}
            self._routine({"title": title, "concurrencyPolicy": policy, "triggers": [trigger]}, agent)

    def _hire(self, body: dict[str, Any]) -> tuple[str, Caller]:
        agent = created(self.board.post(f"/companies/{self.company}/agents", body))["id"]
        key = created(self.board.post(f"/agents/{agent}/keys", {"name": "laptop"}))["token"]
        return agent, self.service.as_agent(key)

    def _routine(self, body: dict[str, Any], agent: str) -> dict[str, Any]:
        whose = {"assigneeAgentId": self.agents[agent][0], "projectId": self.project}
        made: dict[str, Any] = created(self.board.post(f"/companies/{self.company}/routines", {**body, **whose}))
        return made

    def live(self) -> None:
        """Let the days pass: slots fire, agents work, pull requests come, and one night nobody is there."""
        clock = self.service.clock
        while clock.at < LOOKED_AT:
            clock.at = min(clock.at + MINUTE, LOOKED_AT)
            if OUTAGE[0] <= clock.at < OUTAGE[1]:
                continue
            self.service.tick()
            if clock.at.hour in {9, 11, 14, 16} and clock.at.minute == 4:  # noqa: PLR2004 - hours of a day
                self._deliver(f"{clock.at:%d%H}")
            if clock.at.minute % 5 == 0:
                self._work(clock.at)

    def _deliver(self, delivery: str) -> None:
        material = self.review["secretMaterials"][0]
        raw = DELIVERY.read_bytes()
        signed = sign_github(material["webhookSecret"], raw)
        headers = {**sample.GITHUB_HEADERS, **signed, "X-GitHub-Delivery": delivery}
        path = material["webhookUrl"].partition("/api")[2]
        ok(self.board.request("POST", path, content=raw, headers=headers), 202)

    def _work(self, now: datetime) -> None:
        """What each agent finds in its inbox it does, if it has been there for as long as work takes."""
        for agent_id, caller in self.agents.values():
            for issue in ok(caller.get("/agents/me/inbox-lite")):
                title = issue["title"]
                patience = WORK + (3 * HOUR if title == STUCK and now.hour in {13, 14, 15, 6, 7} else timedelta(0))
                if datetime.fromisoformat(issue["updatedAt"]) + patience > now:
                    continue
                checkout = {"agentId": agent_id, "expectedStatuses": ["todo", "in_progress"]}
                ok(caller.post(f"/issues/{issue['id']}/checkout", checkout))
                if title == CANCELLED and now.hour == 21:  # noqa: PLR2004 - the evening of each day
                    body = {"status": "cancelled", "comment": "The other shop's pages do not answer."}
                else:
                    body = {"status": "done", "comment": f"Done: {title.lower()}."}
                ok(caller.patch(f"/issues/{issue['id']}", body))


def take(browser: Browser, story: Story) -> None:
    """Take every picture, light and dark."""
    routines = ok(story.board.get(f"/companies/{story.company}/routines"))
    by_title = {each["title"]: each for each in routines}
    issues = ok(story.board.get(f"/companies/{story.company}/issues"))
    issue = next(each for each in issues if each["title"] == STUCK)
    paths = {
        "home": f"/companies/{story.company}/routines",
        "routine": f"/routines/{by_title[STUCK]['id']}",
        "editor": f"/companies/{story.company}/routines/new",
        "upcoming": f"/companies/{story.company}/upcoming?range=week",
        "issue": f"/issues/{issue['id']}",
    }
    for dark in (False, True):
        for name in PICTURES:
            page = browser.open(paths[name], dark=dark, zone=ZONE, width=WIDE)
            page.wait_for_load_state("load")
            picture = HERE / f"{name}-{'dark' if dark else 'light'}.png"
            page.screenshot(path=picture, full_page=name in {"home", "editor"}, scale="css")
            print(json.dumps({"picture": picture.name, "kB": picture.stat().st_size // 1024}))


def main() -> None:
    """Take all of them."""
    with TemporaryDirectory() as folder, launched() as started:
        assert isinstance(started, Chromium)
        service = Service(Place(Path(folder)), ManualClock(BEGAN))
        try:
            story = Story(service)
            story.live()
            with serving(service) as site, started.at(site) as browser:
                take(browser, story)
        finally:
            service.close()


if __name__ == "__main__":
    main()

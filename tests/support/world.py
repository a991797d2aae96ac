"""A company full of things, and a way to aim generated requests at them.

Ids that a generator makes up exist nowhere; most of them are replaced by ids of things that do, chosen by the made-up
id itself, so that a failing request can be made again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID
from zlib import crc32

from support.service import Caller, Company, Service, created, error, ok
from support.subscribing import subscribed

ANY = "any"
"""The pool of all ids, for fields that may name anything."""
PATH_PARAMETERS = {
    "company_id": "company",
    "agent_id": "agent",
    "key_id": "key",
    "project_id": "project",
    "goal_id": "goal",
    "routine_id": "routine",
    "trigger_id": "trigger",
    "public_id": "public_id",
    "issue_id": "issue",
    "run_id": "heartbeat",
    "subscription_id": "subscription",
    "notification_id": "notification",
}
FIELDS = {
    "agentId": "agent",
    "assigneeAgentId": "agent",
    "reportsTo": "agent",
    "projectId": "project",
    "goalId": "goal",
    "parentId": "issue",
    "parentIssueId": "issue",
    "triggerId": "trigger",
    "originId": "routine",
    "entityId": ANY,
    "before": ANY,
    "after": ANY,
    "cronExpression": "cron",
    "timezone": "zone",
}
WORDS = {
    "cron": ["*/15 9-17 * * mon-fri", "@daily", "0 0 29 2 *", "30 2 * * *", "0 0 31 2 *", "1x * * * *"],
    "zone": ["UTC", "Europe/Berlin", "America/New_York", "Mars/Olympus"],
}
"""What is tried for expressions and zones: good ones and bad ones."""
LEFT_ALONE = 5  # one of so many made-up values is kept


class World:
    """Two companies with some of everything; `caller` is whoever makes the requests that are aimed."""

    def __init__(self, service: Service, *, as_agent: bool) -> None:
        self.service = service
        self._pools: dict[str, list[str]] = defaultdict(list, {name: list(words) for name, words in WORDS.items()})
        self.home = service.company("Home")
        self.caller: Caller = self.home.agent if as_agent else service.board
        for company in (self.home, service.company("Abroad")):
            self._fill(company)

    def aim(self, value: Any, pool: str | None = None) -> Any:
        """A generated value with most of what it names replaced by what there is."""
        if isinstance(value, Mapping):
            return {name: self.aim(each, FIELDS.get(name) or PATH_PARAMETERS.get(name)) for name, each in value.items()}
        if isinstance(value, list):
            return [self.aim(each) for each in value]
        if pool is None or not isinstance(value, str) or not (pool in WORDS or pool == "public_id" or _is_id(value)):
            return value
        choice = crc32(value.encode(errors="surrogatepass"))
        things = self._pools[pool]
        return value if choice % LEFT_ALONE == 0 or not things else things[choice // LEFT_ALONE % len(things)]

    def replace(self, identity: str) -> None:
        """Put something new in the place of what was deleted or came to its end."""
        makers: dict[str, Callable[[], str]] = {
            "company": lambda: self.service.company().id,
            "agent": self._hire,
            "key": self._key,
            "project": lambda: self._make("projects", {"name": "Site"}),
            "routine": lambda: str(self.home.routine()["id"]),
            "trigger": self._webhook,
            "subscription": lambda: str(subscribed(self.home, "https://ops.example.com/hook")["subscription"]["id"]),
        }
        for pool, make in makers.items():
            if identity in self._pools[pool]:
                self._pools[pool].remove(identity)
                self._add(pool, make())

    def _fill(self, company: Company) -> None:
        self._add("company", company.id)
        self._add("agent", company.agent_id, company.colleague_id)
        self._add("project", company.project_id)
        if company is self.home:
            self._add("key", self._key())
        self._add("goal", self._make("goals", {"title": "Grow"}, company))
        hearing = subscribed(company, "https://ops.example.com/hook")["subscription"]["id"]
        self._add("subscription", hearing)
        tried = ok(self.service.board.post(f"/notification-subscriptions/{hearing}/test"), 202)
        self._add("notification", tried["id"])
        self._add("issue", self._make("issues", {"title": "By hand", "assigneeAgentId": company.agent_id}, company))
        for assignee in (company.agent_id, company.colleague_id):
            routine = company.routine(
                assigneeAgentId=assignee,
                triggers=[
                    {"kind": "schedule", "cronExpression": "0 9 * * *"},
                    {"kind": "webhook", "signingMode": "none"},
                    {"kind": "webhook", "signingMode": "github_hmac"},
                    {"kind": "api"},
                ],
            )
            self._add("routine", routine["id"])
            self._add("trigger", *(trigger["id"] for trigger in routine["triggers"]))
            self._add("public_id", *(each["publicId"] for each in routine["triggers"] if each["publicId"]))
            self._refuse_a_delivery(routine["triggers"])
            run = ok(self.service.board.post(f"/routines/{routine['id']}/run"), 202)
            self._add("issue", run["linkedIssueId"])
        queued = ok(self.service.board.get(f"/companies/{company.id}/heartbeat-runs"))
        self._add("heartbeat", *(heartbeat["id"] for heartbeat in queued))

    def _add(self, pool: str, *identities: str) -> None:
        self._pools[pool] += identities
        self._pools[ANY] += identities

    def _refuse_a_delivery(self, triggers: list[dict[str, Any]]) -> None:
        for trigger in triggers:
            if trigger["signingMode"] == "github_hmac":
                path = f"/routine-triggers/public/{trigger['publicId']}/fire"
                error(Caller(self.service.client).post(path), 401)

    def _make(self, noun: str, body: dict[str, Any], company: Company | None = None) -> str:
        owner = company or self.home
        return str(created(self.service.board.post(f"/companies/{owner.id}/{noun}", body))["id"])

    def _key(self) -> str:
        return str(created(self.service.board.post(f"/agents/{self.home.colleague_id}/keys"))["id"])

    def _hire(self) -> str:
        """Somebody in the place of an agent who was dismissed, also as the one who gets new routines."""
        hired = self.service.hire(self.home.id, "Eve")[0]
        if ok(self.service.board.get(f"/agents/{self.home.agent_id}"))["status"] == "terminated":
            self.home.agent_id = hired
        return hired

    def _webhook(self) -> str:
        routine = self.home.routine(triggers=[{"kind": "webhook", "signingMode": "none"}])
        return str(routine["triggers"][0]["id"])


def _is_id(value: str) -> bool:
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False

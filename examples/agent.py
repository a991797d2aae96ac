"""An agent: looks into its inbox, takes an issue, does the work, comments and is done. Standard library only.

    PAPERCLIP_API_URL=http://127.0.0.1:3100 PAPERCLIP_API_KEY=pcp_... python examples/agent.py --once

The service starts it itself for an agent of adapter type `process`, with ["python3", "…/agent.py", "--once"].
An agent that thinks with a language model differs in `work_on` alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from work import Material, WorkError, company_summary, field, release_notes, review_checklist

CALL_SECONDS_MAX = 30  # a call that takes longer is tried again in the next heartbeat
COMMENT_CHARACTERS_MAX = 100_000  # the service takes no more
TO_WORK_ON = ("todo", "in_progress")  # what is in progress was left by a heartbeat that did not end
OPEN = "backlog,todo,in_progress,in_review,blocked"


class RefusedError(Exception):
    """The service said no, and why."""


class Api:
    """The calls of one agent; started by the service it has a key for this heartbeat alone, and says which it is."""

    def __init__(self, url: str, key: str, run_id: str | None) -> None:
        self._url = url.rstrip("/") + "/api"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if run_id is not None:
            self._headers["X-Paperclip-Run-Id"] = run_id

    def call(self, method: str, path: str, body: Material | None = None) -> Any:  # noqa: ANN401 - whatever JSON says
        """The reply's JSON; raises `RefusedError` for what the service refuses, `OSError` where none answers."""
        request = Request(  # noqa: S310 - the address is the operator's own
            self._url + path,
            method=method,
            headers=self._headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urlopen(request, timeout=CALL_SECONDS_MAX) as reply:  # noqa: S310 - the same
                return json.load(reply)
        except HTTPError as error:
            reason = error.read().decode(errors="replace")
            raise RefusedError(f"{method} {path} was answered with {error.code}: {reason}") from None


def heartbeat(api: Api, task_id: str | None) -> None:
    """One look into the inbox, and the work that is in it; an issue that is refused does not stop the next.

    An agent that was woken for one issue, `task_id`, leaves the others to their own heartbeats.
    """
    me = api.call("GET", "/agents/me")
    for entry in api.call("GET", "/agents/me/inbox-lite"):
        if entry["status"] in TO_WORK_ON and task_id in {None, entry["id"]}:
            try:
                handle(api, me, entry)
            except RefusedError as refusal:  # such as a checkout when another was faster
                print(f"{me['name']}: {entry['identifier']} left alone: {refusal}", flush=True)


def handle(api: Api, me: Material, entry: Material) -> None:
    """Take one issue, do what it asks for and say so; what cannot be done is left blocked, with the reason."""
    issue_path, name = f"/issues/{entry['id']}", f"{me['name']}: {entry['identifier']}"
    api.call("POST", f"{issue_path}/checkout", {"agentId": me["id"], "expectedStatuses": TO_WORK_ON})
    context = api.call("GET", f"{issue_path}/heartbeat-context")
    print(f"{name} checked out: {entry['title']} (runs: {len(context['routineRuns'])})", flush=True)
    try:
        status, comment = "done", work_on(api, me, context)
    except WorkError as problem:
        status, comment = "blocked", f"I cannot do this: {problem}"
    api.call("PATCH", issue_path, {"status": status, "comment": comment[:COMMENT_CHARACTERS_MAX]})
    print(f"{name} {status}, with a comment", flush=True)


def work_on(api: Api, me: Material, context: Material) -> str:
    """The comment that answers an issue.

    The description, written by whoever owns the routine, names the skill. Payloads, which anybody may have written
    who can fire the trigger, are only what the skill is used on.
    """
    description = context["issue"]["description"] or ""
    payloads = [run["triggerPayload"] for run in context["routineRuns"] if run["triggerPayload"]]
    if "`review-checklist`" in description:
        return review_checklist(payloads)
    if "`release-notes`" in description:
        return release_notes(payloads)
    if "`company-summary`" in description:
        company = f"/companies/{field(me, 'companyId', str)}"
        routines = api.call("GET", f"{company}/routines")
        return company_summary(routines, api.call("GET", f"{company}/issues?status={OPEN}"))
    raise WorkError("the description names none of `review-checklist`, `release-notes` and `company-summary`.")


def main() -> int:
    """Beat once, or until interrupted; 1 if the one heartbeat failed."""
    arguments = argparse.ArgumentParser(description="An agent that works off its inbox.")
    arguments.add_argument("--once", action="store_true", help="one look into the inbox, then end")
    arguments.add_argument("--every", type=float, default=5, metavar="SECONDS", help="how often to look (default 5)")
    wanted = arguments.parse_args()
    try:
        api = Api(os.environ["PAPERCLIP_API_URL"], os.environ["PAPERCLIP_API_KEY"], os.environ.get("PAPERCLIP_RUN_ID"))
    except KeyError as missing:
        print(f"Set {missing.args[0]}: PAPERCLIP_API_URL is where the service is, PAPERCLIP_API_KEY the agent's key.")
        return 2
    while True:
        try:
            heartbeat(api, os.environ.get("PAPERCLIP_TASK_ID"))
        except (RefusedError, OSError, ValueError) as problem:  # nobody there, or somebody else
            print(f"This heartbeat failed: {problem}", file=sys.stderr, flush=True)
            if wanted.once:
                return 1
        if wanted.once:
            return 0
        time.sleep(wanted.every)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)

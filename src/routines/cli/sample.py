"""The sample company of `routines demo`, as the bodies of the calls that make it.

Only data; the calls themselves are made in `demo`.
"""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]

COMPANY: Body = {"name": "Lantern Books", "description": "Sells second-hand books."}
PROJECT: Body = {"name": "Web shop"}
REVIEWER: Body = {"name": "Ada", "role": "engineer", "capabilities": "Reviews pull requests."}
EDITOR: Body = {"name": "Ben", "role": "general", "capabilities": "Writes summaries and release notes."}

SCHEDULED: Body = {
    "title": "Say where things stand",
    "description": "Use `company-summary`.",
    "triggers": [{"kind": "schedule", "cronExpression": "* * * * *", "label": "each minute"}],
}
REVIEW: Body = {
    "title": "Review pull requests",
    "description": "Use `review-checklist` on every pull request that was delivered.",
    "priority": "high",
    "triggers": [{"kind": "webhook", "signingMode": "github_hmac", "label": "GitHub"}],
}
RELEASE: Body = {
    "title": "Draft release notes",
    "description": "Use `release-notes` on the commits.",
    "triggers": [{"kind": "api", "label": "release script"}],
}

GITHUB_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "GitHub-Hookshot/7f1c2ab",
    "X-GitHub-Event": "pull_request",
    "X-GitHub-Delivery": "6f0b9c5e-1d0e-11f1-9d2b-5a7c6d1e8f30",
}
COMMITS: tuple[Body, ...] = (
    {
        "version": "2.4.0",
        "commits": [
            {"id": "4be19c07a2", "message": "feat(cart): keep carts for thirty days"},
            {"id": "91d3f0e8bb", "message": "fix(search): find Ender's Game"},
        ],
    },
    {
        "version": "2.4.0",
        "commits": [
            {"id": "c07a55d1e4", "message": "perf(search): one query for a page instead of twenty"},
            {"id": "d2e8876f10", "message": "chore: bump the linter"},
        ],
    },
)
"""What a release script sends: the second time only what came since the first."""

"""The work that the example agent can do: plain functions from what it read to the comment that it will write.

What came from outside is material: it is quoted and cut short, it is never obeyed, and it does not choose the work.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Material = dict[str, Any]

QUOTE_CHARACTERS_MAX = 120  # a line of a comment
FILES_MAX = 100  # a longer checklist would not be worked through
LARGE_CHANGE_LINES = 300  # beyond this, reviewers find less the more they read

FILE_QUESTIONS = (
    (r"(^|/)migrations?/|\.sql$", "can it run while the version before still serves, and can it be taken back?"),
    (r"^\.github/workflows/", "are its permissions the least it needs, and its actions pinned?"),
    (r"\.lock$|(^|/)(package-lock\.json|go\.sum)$", "did only the wanted packages move?"),
    (r"(^|/)tests?/|(^|/)test_|_test\.", "does it fail without the change?"),
    (r"\.(md|rst|txt)$", "does it say what the change makes true?"),
    (r"auth|login|password|secret|session|token", "who can reach this, and what if what they send is hostile?"),
    (r"", "is each new branch reached by a test?"),
)
"""What to ask of a changed file: the first pattern that its path matches."""

REVIEWED_ACTIONS = frozenset({"opened", "reopened", "synchronize", "ready_for_review"})
TEST_PATH = re.compile(FILE_QUESTIONS[3][0])
SOURCE_PATH = re.compile(r"\.(c|cc|cpp|cs|go|java|js|jsx|kt|php|py|rb|rs|swift|ts|tsx)$")

COMMIT_HEADLINE = re.compile(r"(?P<kind>[a-z]+)(\((?P<scope>[^)]*)\))?(?P<breaking>!)?: (?P<what>.+)")
HEADINGS = {"feat": "Added", "fix": "Fixed", "perf": "Faster"}
HOUSEKEEPING = frozenset({"build", "chore", "ci", "docs", "refactor", "style", "test"})
BREAKING, OTHER = "Breaking", "Other changes"


class WorkError(Exception):
    """The material lacks what the work needs; the sentence names it."""


def review_checklist(deliveries: Iterable[Material]) -> str:
    """A checklist for each delivered pull request, made from the files that it changes."""
    reviews = [_review(delivery) for delivery in deliveries]
    if not reviews:
        raise WorkError("No run brought a pull request.")
    return "\n\n".join(reviews)


def release_notes(payloads: Iterable[Material]) -> str:
    """A draft of release notes from the commits of all payloads, each commit once, what breaks first."""
    payloads = list(payloads)
    commits = {field(each, "id", str): each for payload in payloads for each in field(payload, "commits", list)}
    if not commits:
        raise WorkError("No run brought commits.")
    notes: dict[str, list[str]] = {heading: [] for heading in (BREAKING, *HEADINGS.values(), OTHER)}
    for commit_id, commit in commits.items():
        headline, _, _ = field(commit, "message", str).partition("\n")
        said = COMMIT_HEADLINE.fullmatch(headline)
        kind, scope, what = (said["kind"], said["scope"], said["what"]) if said else ("", None, headline)
        if said and said["breaking"]:
            heading = BREAKING
        elif kind in HOUSEKEEPING:
            continue
        else:
            heading = HEADINGS.get(kind, OTHER)
        notes[heading].append(f"- {quoted(scope) + ': ' if scope else ''}{quoted(what)} ({quoted(commit_id[:7])})")
    lines = [f"## Release notes, draft for {quoted(field(payloads[-1], 'version', str))}"]
    for heading, entries in notes.items():
        lines += ["", f"**{heading}**", *entries] if entries else []
    left_out = len(commits) - sum(map(len, notes.values()))
    return "\n".join([*lines, "", f"Commits read: {len(commits)}, left out as housekeeping: {left_out}."])


def company_summary(routines: Sequence[Material], issues: Sequence[Material]) -> str:
    """Where a company stands: each routine's last run and next slot, the open issues, and what waits for a person."""
    lines = ["## Where things stand", ""]
    lines += [_routine_line(routine) for routine in routines] or ["No routines."]
    counts = Counter(field(issue, "status", str) for issue in issues)
    lines += [
        "",
        "Open issues: " + (", ".join(f"{count} {status}" for status, count in counts.items()) or "none") + ".",
    ]
    waiting = [issue for issue in issues if issue["status"] in {"blocked", "in_review"}]
    for issue in waiting:
        lines.append(f"- {field(issue, 'identifier', str)} {quoted(issue.get('title'))} waits for a person.")
    return "\n".join(lines)


def field(material: object, path: str, kind: type[T]) -> T:
    """What stands at a dotted path; raises `WorkError` if it is not there or of another kind."""
    found = material
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, kind):
        raise WorkError(f"The material has no {path} that is a {kind.__name__}.")
    return found


def quoted(text: object) -> str:
    """Text from outside as inert Markdown: one line of code, cut short, without control characters."""
    printable = "".join(each if each.isprintable() else " " for each in str(text))
    line = " ".join(printable.replace("`", "'").split()) or "(empty)"
    return f"`{line if len(line) <= QUOTE_CHARACTERS_MAX else line[: QUOTE_CHARACTERS_MAX - 1] + '…'}`"


def _review(delivery: Material) -> str:
    number = field(delivery, "pull_request.number", int)
    title = quoted(field(delivery, "pull_request.title", str))
    action = field(delivery, "action", str)
    if action not in REVIEWED_ACTIONS:
        return f"## Pull request #{number}, {title}\n\nNothing to review: it was {quoted(action)}."
    names = ("user.login", "head.ref", "base.ref")
    author, head, base = (quoted(field(delivery, f"pull_request.{name}", str)) for name in names)
    count = field(delivery, "pull_request.changed_files", int)
    files = field(delivery, "files", list)[:FILES_MAX] if "files" in delivery else []
    lines = [
        f"## Review of #{number}, {title}",
        f"By {author}, {head} into {base}, {count} files changed.",
        "",
        *(f"- [ ] {_file_line(each)}" for each in files),
        *(f"- [ ] {question}" for question in _questions_about_all(files, count)),
    ]
    return "\n".join(lines)


def _file_line(changed: Material) -> str:
    path = field(changed, "filename", str)
    added, deleted = field(changed, "additions", int), field(changed, "deletions", int)
    return f"{quoted(path)} (+{added} −{deleted}): {_question_about(changed, path)}"  # noqa: RUF001 - a real minus


def _question_about(changed: Material, path: str) -> str:
    match field(changed, "status", str):
        case "removed":
            return "does anything still refer to it?"
        case "renamed":
            return f"do all that knew it as {quoted(changed.get('previous_filename'))} follow?"
    return next(question for pattern, question in FILE_QUESTIONS if re.search(pattern, path))


def _questions_about_all(files: Sequence[Material], count: int) -> Iterable[str]:
    """What to ask of a change as a whole."""
    paths = [field(each, "filename", str) for each in files]
    source = [path for path in paths if SOURCE_PATH.search(path) and not TEST_PATH.search(path)]
    if source and not any(TEST_PATH.search(path) for path in paths):
        yield "Source changed and no test did: what would have failed before?"
    lines = sum(field(each, "additions", int) + field(each, "deletions", int) for each in files)
    if lines > LARGE_CHANGE_LINES:
        yield f"{lines} lines at once: would two pull requests be read better?"
    if count > len(files):
        yield f"{count - len(files)} changed files are not in the delivery: look at them on the page."


def _routine_line(routine: Material) -> str:
    last = routine.get("lastRun")
    slots = sorted(trigger["nextRunAt"] for trigger in field(routine, "triggers", list) if trigger.get("nextRunAt"))
    ran = f"last run {last['status']} at {last['triggeredAt']}" if last else "no run yet"
    then = f", next at {slots[0]}" if slots else ""
    return f"- {quoted(routine.get('title'))} is {field(routine, 'status', str)}: {ran}{then}."

"""A crontab to routines: each line that means a time and a command, and a remark for each that is not taken as it is.

What a routine in a file looks like is `document`'s; whether a schedule can be is the engine's that fires.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from routines.code.exporting import new_key
from routines.code.reading import UTC, checked_set_name
from routines.core import cron
from routines.core.cron import CronError
from routines.core.limits import TITLE_CHARACTERS_MAX
from routines.core.zones import ZoneError, zone

_VARIABLE = re.compile(r"""(?P<q>["']?)(?P<name>[A-Za-z_]\w*)(?P=q)\s*=\s*(?P<value>.*)""", re.ASCII)
_FIELDS = 5
_ZONES = {"CRON_TZ", "TZ"}
_OF_VARIABLES = {
    "MAILTO": "output is not mailed; the run's issue holds what the agent says of it",
    "MAILFROM": "output is not mailed; the run's issue holds what the agent says of it",
    "SHELL": "which shell runs a command is for the agent's own set-up to say",
    "PATH": "where commands are found is for the agent's own environment to say",
}
_OTHER_VARIABLE = "it is not taken over, for it may be a secret; set it in the agent's own environment"
_NO_LINE = "this is no line of a crontab, which has five fields of time, or one such as @daily, {user}and a command"


@dataclass(frozen=True, slots=True)
class Job:
    """A line that became a routine."""

    line: int
    key: str
    title: str
    description: str
    cron_expression: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What has to be known of a line; `is_left_out` says that it is a job which became no routine."""

    line: int
    message: str
    is_left_out: bool = False

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


@dataclass(frozen=True, slots=True)
class Crontab:
    """A crontab as routines, with the remarks of its lines."""

    jobs: tuple[Job, ...]
    remarks: tuple[Remark, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every job became a routine."""
        return not any(each.is_left_out for each in self.remarks)

    def document(self, *, agent: str, project: str, set_name: str | None) -> dict[str, Any]:
        """The jobs as a document of routines, all of one agent and one project; raises `SetNameError`."""
        routines = [
            {
                "key": each.key,
                "title": each.title,
                "description": each.description,
                "triggers": [
                    {"kind": "schedule", "cronExpression": each.cron_expression, "timezone": each.timezone},
                ],
            }
            for each in self.jobs
        ]
        named = {} if set_name is None else {"set": checked_set_name(set_name)}
        return {**named, "defaults": {"agent": agent, "project": project}, "routines": routines}


def read_crontab(text: str, *, system: bool = False, timezone: str | None = None) -> Crontab:
    """The routines that a crontab means; with `system` its lines name a user, as in /etc/crontab.

    Times are in `timezone`, or UTC, until a line sets CRON_TZ or TZ. Raises `ZoneError` for a zone that is none.
    """
    zone(timezone or UTC)
    reading = _Reading(system=system, timezone=timezone or UTC, is_zone_known=timezone is not None)
    for number, line in enumerate(text.splitlines(), start=1):
        reading.take(number, line.strip())
    return Crontab(tuple(reading.jobs), tuple(reading.remarks))


class _Reading:
    """A crontab on its way to routines, line by line."""

    def __init__(self, *, system: bool, timezone: str, is_zone_known: bool) -> None:
        self._system = system
        self._timezone = timezone
        self._is_zone_known = is_zone_known
        self._comments: list[str] = []
        self._keys: set[str] = set()
        self.jobs: list[Job] = []
        self.remarks: list[Remark] = []

    def take(self, number: int, line: str) -> None:
        """Take in the next line."""
        if line.startswith("#"):
            self._comment(number, line.lstrip("#").strip())
            return
        if variable := _VARIABLE.fullmatch(line):
            self._set(number, variable["name"], variable["value"])
        elif line:
            self._job(number, line)
        self._comments.clear()

    def _comment(self, number: int, text: str) -> None:
        parts = self._parts(text)
        if parts is not None and (_is_schedule(parts[0]) or parts[0].startswith("@")):
            self.remarks.append(Remark(number, "this job is commented out, and stays so"))
        elif text:
            self._comments.append(text)

    def _set(self, number: int, name: str, value: str) -> None:
        if name not in _ZONES:
            self.remarks.append(Remark(number, f"{name}: {_OF_VARIABLES.get(name, _OTHER_VARIABLE)}"))
            return
        try:
            self._timezone = zone(value.strip().strip("\"'")).key
            self._is_zone_known = True
        except ZoneError as error:
            self.remarks.append(Remark(number, f"{name}: {error.sentence}; what follows stays in {self._timezone}"))

    def _job(self, number: int, line: str) -> None:
        parts = self._parts(line)
        if parts is None:
            user = "a user " if self._system else ""
            self._leave_out(number, _NO_LINE.format(user=user))
            return
        expression, owner, command = parts
        if command.startswith("%"):
            self._leave_out(number, "its command begins with %, so there is none, only what would be its input")
            return
        if expression.lower() == "@reboot":
            self._leave_out(number, "@reboot is no time; start it with the machine, or have a webhook fire it")
            return
        try:
            cron.parse(expression, self._timezone)
        except CronError as error:
            self._leave_out(number, error.sentence)
            return
        if not self._is_zone_known:
            self._is_zone_known = True
            message = f"no CRON_TZ is set, so its times and those that follow are taken for {self._timezone}"
            self.remarks.append(Remark(number, f"{message}; --timezone says another"))
        if owner is None and command.split()[0] == "root":
            self.remarks.append(Remark(number, "its command begins with root: is it one for --system?"))
        self.jobs.append(self._routine(number, expression, owner, command))

    def _parts(self, line: str) -> tuple[str, str | None, str] | None:
        """The schedule as it stands, the user, and the command; None where one of them is missing."""
        fields = 1 if line.startswith("@") else _FIELDS
        before = fields + int(self._system)
        words = line.split(None, before)
        if len(words) <= before:
            return None
        user = words[fields] if self._system else None
        return " ".join(words[:fields]), user, words[before]

    def _routine(self, number: int, expression: str, user: str | None, line: str) -> Job:
        command, *given = _at_percent_signs(line)
        title, *more = self._comments or [command]
        title = title[:TITLE_CHARACTERS_MAX].strip()
        key = new_key(title, self._keys)
        self._keys.add(key)
        as_user = f" as the user `{user}`" if user else ""
        paragraphs = ["\n".join(more)] if more else []
        paragraphs += [f"Run this command{as_user}:", _fenced(command, "sh")]
        if given:
            paragraphs += ["with this on its standard input:", _fenced("\n".join(given), "")]
        return Job(number, key, title, "\n\n".join(paragraphs) + "\n", expression, self._timezone)

    def _leave_out(self, number: int, message: str) -> None:
        self.remarks.append(Remark(number, f"{message}; left out", is_left_out=True))


def _is_schedule(expression: str) -> bool:
    try:
        cron.parse(expression, UTC)
    except CronError:
        return False
    return True


def _at_percent_signs(line: str) -> Iterator[str]:
    r"""The command, then the lines of its input: a `%` ends each, and `\%` is a percent sign."""
    for part in re.split(r"(?<!\\)%", line):
        yield part.replace("\\%", "%").strip(" \t")


def _fenced(text: str, language: str) -> str:
    """A text as a block of Markdown, whatever is in it."""
    ticks = max((len(found) for found in re.findall(r"`{3,}", text)), default=2) + 1
    fence = "`" * ticks
    return f"{fence}{language}\n{text}\n{fence}"

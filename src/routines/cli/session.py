"""One command at work: which service it calls and as whom, which company is meant, and what it says and asks.

What is called, and what is shown of the reply, is the command's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TextIO

import httpx2
import typer

from routines.cli.exits import FoundWrongError, WrongUseError
from routines.cli.inert import inert
from routines.cli.output import Output, style_of
from routines.cli.profiles import Profile, Profiles
from routines.cli.references import COMPANY, Noun, find, is_whole_id, only
from routines.client import Client
from routines.client.call import OMITTED, Call, Omitted
from routines.clock import Clock, SystemClock

SERVICE_VARIABLES = ("ROUTINES_API_URL", "ROUTINES_API_KEY", "PAPERCLIP_API_URL")
"""Of the environment: if one is set, the profile in use is not asked."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command finds around it, which tests put in its place."""

    transport: httpx2.BaseTransport | None = None
    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = time.sleep
    is_terminal: Callable[[TextIO], bool] = lambda stream: stream.isatty()


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the common options of a command say; None is what was not given."""

    server: str | None = None
    api_key: str | None = None
    profile: str | None = None
    company: str | None = None
    json: bool = False

    def profile_of(self, environment: Mapping[str, str]) -> Profile | None:
        """The profile that decides where nothing was given: the one named, else the one in use.

        An environment that names a service, such as a heartbeat's, comes before the one in use.
        """
        named = self.profile or (None if self.server else environment.get("ROUTINES_PROFILE"))
        if self.server and self.profile:
            raise WrongUseError("Give --server or --profile: a profile has its own server")
        if named:
            return Profiles.read(environment).named(named)
        if self.server or any(environment.get(each) for each in SERVICE_VARIABLES):
            return None
        return Profiles.read(environment).current()

    def client(self, profile: Profile | None, around: Surroundings) -> Client:
        """The client for the service; an API key of a profile goes nowhere but to its server."""
        url, key = self.server, self.api_key
        if profile is not None:
            url, key = profile.server, profile.api_key if key is None else key
        return Client(url, key, transport=around.transport, sleep=around.sleep)


class Session:
    """What a command has at hand; close it when the command has ended."""

    def __init__(self, chosen: Chosen, around: Surroundings) -> None:
        self.around = around
        self._chosen = chosen
        self._profile = chosen.profile_of(os.environ)
        self.client = chosen.client(self._profile, around)
        is_terminal = around.is_terminal(sys.stdout)
        self.output = Output(style_of(json=chosen.json, is_terminal=is_terminal), around.clock, sys.stdout)

    @cached_property
    def company(self) -> str:
        """The id of the company that is meant: the one named, that of the profile, or the only one."""
        of_profile = "" if self._profile is None else self._profile.company
        given = self._chosen.company or os.environ.get("ROUTINES_COMPANY") or of_profile
        return self.find(COMPANY, given, of="") if given else only(self.client, COMPANY, "", "--company")

    def company_of(self, said: str | None) -> str:
        """The company that --company names, else the one that a file says, else as `company`."""
        if said is None or self._chosen.company:
            return self.company
        return self.find(COMPANY, said, of="")

    def ask(self, call: Call[Any]) -> Any:  # noqa: ANN401 - any JSON
        """What the service answers, exactly as its JSON has it; None where nothing comes back."""
        return self.client.send(replace(call, reply=None if call.reply is None else Any))

    def find(self, noun: Noun, given: str, *, of: str | None = None) -> str:
        """The id of what is meant, in the company or in what it belongs to."""
        if is_whole_id(given):
            return given.lower()
        return find(self.client, noun, self.company if of is None else of, given)

    def find_if_given(self, noun: Noun, given: str | None) -> str | Omitted:
        """The same, where it may be left out."""
        return OMITTED if given is None else self.find(noun, given)

    def find_or_clear(self, noun: Noun, given: str | None) -> str | Omitted | None:
        """The same of a change, in which an empty text takes away what is there."""
        return None if given == "" else self.find_if_given(noun, given)

    def find_or_only(self, noun: Noun, given: str | None) -> str:
        """The same, where it may be left out if there is only one."""
        if given is not None:
            return self.find(noun, given)
        return only(self.client, noun, self.company, f"--{noun.word}")

    def confirm(self, question: str, *, yes: bool) -> None:
        """Asks on a terminal before something that cannot be taken back; raises `FoundWrongError` for a no."""
        if yes or not self.around.is_terminal(sys.stdin):
            return
        if not typer.confirm(inert(question), err=True):
            raise FoundWrongError("Nothing was changed")

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()

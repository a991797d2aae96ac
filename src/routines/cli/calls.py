"""One HTTP call as a value: sent to the service, and shown as the curl line that does the same.

What is called, and why, is not known here.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from routines.core.errors import RoutinesError

CALL_SECONDS_MAX = 30  # a busy laptop; the service itself answers in milliseconds
LINE_CHARACTERS_MAX = 100  # a longer piece of JSON is written on several lines
JSON_HEADER = {"Content-Type": "application/json"}

_direct = build_opener(ProxyHandler({}))  # the service is on this machine, whatever proxy the environment names


class CallRefusedError(RoutinesError):
    """The service refused a call that was to succeed."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call; the body is an object to be sent as JSON, or a file to be sent as it is."""

    method: str
    url: str
    body: Mapping[str, Any] | Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self) -> Any:  # noqa: ANN401 - whatever the reply's JSON says
        """The reply's JSON; raises `CallRefusedError` for a refusal, `OSError` where nothing answers."""
        content = self.body.read_bytes() if isinstance(self.body, Path) else self._json().encode()
        request = Request(  # noqa: S310 - always http, to the service that was just started
            self.url, method=self.method, data=content or None, headers=self._all_headers()
        )
        try:
            with _direct.open(request, timeout=CALL_SECONDS_MAX) as reply:
                return json.load(reply)
        except HTTPError as error:
            said = error.read().decode(errors="replace")
            raise CallRefusedError(f"{self.method} {self.url} was answered with {error.code}: {said}") from None

    def curl(self) -> str:
        """A line for a POSIX shell that makes the same call; several lines where one would be long."""
        start = "curl -sS" if self.method == "GET" else f"curl -sS -X {self.method}"
        parts = [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in self._all_headers().items()]
        if isinstance(self.body, Path):
            parts.append(f"--data-binary {shlex.quote(f'@{self.body}')}")
        elif self.body is not None:
            parts.append(f"-d {shlex.quote(self._json())}")
        line = " \\\n  ".join([f"{start} {shlex.quote(self.url)}", *parts])
        return f"{line} | python3 -m json.tool" if self.method == "GET" else line

    def _json(self) -> str:
        return "" if self.body is None else _laid_out(self.body, "  ")

    def _all_headers(self) -> dict[str, str]:
        return {**({} if self.body is None or isinstance(self.body, Path) else JSON_HEADER), **self.headers}


def _laid_out(value: object, indent: str) -> str:
    """JSON as a person would write it: what fits on a line stands on one."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= LINE_CHARACTERS_MAX or not isinstance(value, Mapping | list):
        return line
    deeper = indent + "  "
    if isinstance(value, list):
        parts, ends = [_laid_out(each, deeper) for each in value], "[]"
    else:
        parts, ends = [f"{json.dumps(name)}: {_laid_out(each, deeper)}" for name, each in value.items()], "{}"
    return f"{ends[0]}\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{indent}{ends[1]}"

"""An agent's `adapterConfig` and `runtimeConfig`, read into types: what an agent is started with, and when by itself.

What each value may be is in `adapter_values`. Nothing here starts an agent or looks whether it could be started.
Keys that are not known here are kept as they are and mean nothing: Paperclip's configurations carry more of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypedDict, TypeVar

from routines.core import adapter_values as values
from routines.core import strict_json
from routines.core.adapter_values import TIMEOUT_SECONDS_DEFAULT, Config, Path, Read
from routines.core.errors import Fault, InvalidError, RoutinesError
from routines.core.model import AdapterType

T = TypeVar("T")
D = TypeVar("D")

GRACE_SECONDS_DEFAULT = 10
TURNS_MAX = 10_000  # far more than a heartbeat of a day takes
INTERVAL_SECONDS_MIN = 10  # more often, the timer would be the load
INTERVAL_SECONDS_MAX = 30 * 86_400
CONCURRENT_RUNS_MAX = 100
_RUNTIMES_CACHED_MAX = 1_000  # a server's agents share few configurations, and every look for work asks for all

_ADAPTER: Path = ("adapterConfig",)
_HEARTBEAT: Path = ("runtimeConfig", "heartbeat")


class AgentConfigError(RoutinesError):
    """An agent's configuration lacks what it takes to start it, or holds what it cannot be started with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """What every agent on this machine is started with; without `cwd` it is for the worker to choose a folder."""

    cwd: str | None
    env: Mapping[str, str]
    timeout_seconds: float
    grace_seconds: float
    prompt_template: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessConfig(LocalConfig):
    """Any program: `command` is a line for the shell, or a program with arguments, and `args` come after it."""

    command: str | tuple[str, ...]
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeConfig(LocalConfig):
    """Claude Code without a terminal; permissions are skipped by default, because nobody is there to be asked."""

    program: str
    model: str | None
    extra_args: tuple[str, ...]
    turns_max: int | None
    skips_permissions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CodexConfig(LocalConfig):
    """Codex without a terminal; approvals and the sandbox, which would keep it from the API, are off by default."""

    program: str
    model: str | None
    extra_args: tuple[str, ...]
    bypasses_approvals_and_sandbox: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """An agent elsewhere, woken by a POST; the timeout is how long it may take in all, not for its first answer."""

    url: str
    headers: Mapping[str, str]
    secret: str | None
    timeout_seconds: float
    prompt_template: str | None


@dataclass(frozen=True, slots=True)
class Runtime:
    """When an agent is woken: by a timer while `enabled` and the interval is not 0, by others if `wake_on_demand`."""

    enabled: bool = False
    interval_seconds: float = 0
    wake_on_demand: bool = True
    concurrent_runs_max: int = 1

    @property
    def timer_seconds(self) -> float | None:
        """The time between two heartbeats of the timer, or None when there is no timer."""
        return self.interval_seconds if self.enabled and self.interval_seconds else None


_LOCAL: dict[str, Read[object]] = {
    "cwd": values.directory,
    "env": values.environment,
    "timeoutSec": values.timeout,
    "graceSec": values.grace,
    "promptTemplate": values.template,
}
_PRESET: dict[str, Read[object]] = {
    **_LOCAL,
    "command": values.program,
    "model": values.text,
    "extraArgs": values.texts,
    "args": values.texts,
}
_turns: Read[int] = partial(values.whole, at_least=0, at_most=TURNS_MAX)  # Paperclip's 0 is no bound
_KEYS: dict[AdapterType, dict[str, Read[object]]] = {
    AdapterType.NONE: {},
    AdapterType.PROCESS: {**_LOCAL, "command": values.command, "args": values.texts},
    AdapterType.CLAUDE_LOCAL: {**_PRESET, "maxTurnsPerRun": _turns, "dangerouslySkipPermissions": values.boolean},
    AdapterType.CODEX_LOCAL: {**_PRESET, "dangerouslyBypassApprovalsAndSandbox": values.boolean},
    AdapterType.HTTP: {
        "url": values.url,
        "headers": values.headers,
        "secret": values.signing_secret,
        "promptTemplate": values.template,
        "timeoutSec": values.timeout,
    },
}

_interval: Read[float] = partial(values.seconds_or_never, at_least=INTERVAL_SECONDS_MIN, at_most=INTERVAL_SECONDS_MAX)
_concurrent_runs: Read[int] = partial(values.whole, at_least=1, at_most=CONCURRENT_RUNS_MAX)
_RUNTIME_KEYS: dict[str, Read[object]] = {
    "enabled": values.boolean,
    "intervalSec": _interval,
    "wakeOnDemand": values.boolean,
    "maxConcurrentRuns": _concurrent_runs,
}


def faults(adapter_type: AdapterType, config: Config) -> list[Fault]:
    """Everything wrong with the known keys of an `adapterConfig`, for when an agent is hired or changed.

    Nothing is required: an agent may be hired first and set up later, and says what it lacks when it is started.
    """
    return _faults(config, _ADAPTER, _KEYS[adapter_type])


def runtime_faults(config: Config) -> list[Fault]:
    """Everything wrong with the known keys of a `runtimeConfig`."""
    heartbeat = config.get("heartbeat")
    found = values.faults_of(heartbeat, _HEARTBEAT, values.mapping)
    return (
        [*found]
        if found or heartbeat is None
        else _faults(values.mapping(heartbeat, _HEARTBEAT), _HEARTBEAT, _RUNTIME_KEYS)
    )


def process_config(config: Config) -> ProcessConfig:
    """What a `process` agent is started with; raises `AgentConfigError` when it cannot be."""
    command = _value(config, "command", values.command, None)
    if command is None:
        raise AgentConfigError('adapterConfig has no command; set {"command": "python3 /srv/agents/ada.py"}')
    return ProcessConfig(command=command, args=_value(config, "args", values.texts, ()), **_local(config))


def claude_config(config: Config) -> ClaudeConfig:
    """What a `claude_local` agent is started with; raises `AgentConfigError` when it cannot be."""
    return ClaudeConfig(
        program=_value(config, "command", values.program, "claude"),
        model=_value(config, "model", values.text, None),
        extra_args=_extra_args(config),
        turns_max=_value(config, "maxTurnsPerRun", _turns, None) or None,
        skips_permissions=_value(config, "dangerouslySkipPermissions", values.boolean, default=True),
        **_local(config),
    )


def codex_config(config: Config) -> CodexConfig:
    """What a `codex_local` agent is started with; raises `AgentConfigError` when it cannot be."""
    name = "dangerouslyBypassApprovalsAndSandbox"
    return CodexConfig(
        program=_value(config, "command", values.program, "codex"),
        model=_value(config, "model", values.text, None),
        extra_args=_extra_args(config),
        bypasses_approvals_and_sandbox=_value(config, name, values.boolean, default=True),
        **_local(config),
    )


def http_config(config: Config) -> HttpConfig:
    """How an `http` agent is called; raises `AgentConfigError` when it cannot be."""
    url = _value(config, "url", values.url, None)
    if url is None:
        raise AgentConfigError('adapterConfig has no url; set {"url": "https://agents.example.com/ada"}')
    return HttpConfig(
        url=url,
        headers=_value(config, "headers", values.headers, {}),
        secret=_value(config, "secret", values.signing_secret, None),
        timeout_seconds=_value(config, "timeoutSec", values.timeout, TIMEOUT_SECONDS_DEFAULT),
        prompt_template=_value(config, "promptTemplate", values.template, None),
    )


def runtime_config(config: Config) -> Runtime:
    """When an agent is woken; raises `AgentConfigError` for values that `runtime_faults` finds fault with."""
    heartbeat = config.get("heartbeat")
    if heartbeat is None:
        return Runtime()
    try:
        given = values.mapping(heartbeat, _HEARTBEAT)
    except InvalidError as error:
        raise _unusable(error) from None
    return Runtime(
        enabled=_value(given, "enabled", values.boolean, default=False, path=_HEARTBEAT),
        interval_seconds=_value(given, "intervalSec", _interval, 0, path=_HEARTBEAT),
        wake_on_demand=_value(given, "wakeOnDemand", values.boolean, default=True, path=_HEARTBEAT),
        concurrent_runs_max=_value(given, "maxConcurrentRuns", _concurrent_runs, 1, path=_HEARTBEAT),
    )


@lru_cache(_RUNTIMES_CACHED_MAX)
def runtime_of(stored: str) -> Runtime:
    """As `runtime_config`, of the stored JSON text; the default for one that an older version let in.

    So that one bad row stops neither the timer nor the work of others.
    """
    try:
        return runtime_config(values.mapping(strict_json.loads(stored.encode()), ("runtimeConfig",)))
    except RoutinesError:
        return Runtime()


def command_line(config: ProcessConfig) -> list[str]:
    """The program and its arguments; a line for the shell gets `args` as its last words, each of them one word."""
    if not isinstance(config.command, str):
        return [*config.command, *config.args]
    if not config.args:
        return ["/bin/sh", "-c", config.command]
    return ["/bin/sh", "-c", f'{config.command} "$@"', "sh", *config.args]


class _Local(TypedDict):
    cwd: str | None
    env: Mapping[str, str]
    timeout_seconds: float
    grace_seconds: float
    prompt_template: str | None


def _local(config: Config) -> _Local:
    return {
        "cwd": _value(config, "cwd", values.directory, None),
        "env": _value(config, "env", values.environment, {}),
        "timeout_seconds": _value(config, "timeoutSec", values.timeout, TIMEOUT_SECONDS_DEFAULT),
        "grace_seconds": _value(config, "graceSec", values.grace, GRACE_SECONDS_DEFAULT),
        "prompt_template": _value(config, "promptTemplate", values.template, None),
    }


def _extra_args(config: Config) -> tuple[str, ...]:
    """`args` is another name of `extraArgs`, as in Paperclip, for when that says nothing."""
    extra, args = (_value(config, name, values.texts, ()) for name in ("extraArgs", "args"))
    return extra or args


def _value(config: Config, name: str, read: Callable[[object, Path], T], default: D, *, path: Path = _ADAPTER) -> T | D:
    """The value under a name, or the default for none; a wrong one, which an older version may have let in, is said."""
    given = config.get(name)
    if given is None:
        return default
    try:
        return read(given, (*path, name))
    except InvalidError as error:
        raise _unusable(error) from None


def _unusable(error: InvalidError) -> AgentConfigError:
    first = error.faults[0]
    return AgentConfigError(f"{'.'.join(map(str, first.path[:-1]))}: {first.message}")


def _faults(config: Config, path: Path, keys: Mapping[str, Read[object]]) -> list[Fault]:
    return [fault for name, read in keys.items() for fault in values.faults_of(config.get(name), (*path, name), read)]

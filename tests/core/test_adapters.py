"""Promises of `routines.core.adapters`: what each key may be, what is said where it is not, and what it is by default.

Whether a program starts or an address answers belongs to the tests of `routines.heartbeat`.
"""

from __future__ import annotations

import base64
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routines.core import adapters
from routines.core.adapter_values import (
    ARGUMENT_BYTES_MAX,
    ARGUMENTS_MAX,
    HEADER_CHARACTERS_MAX,
    HEADERS_MAX,
    URL_CHARACTERS_MAX,
    VARIABLES_MAX,
)
from routines.core.adapters import (
    AgentConfigError,
    ClaudeConfig,
    CodexConfig,
    HttpConfig,
    ProcessConfig,
    Runtime,
    claude_config,
    codex_config,
    command_line,
    http_config,
    process_config,
    runtime_config,
    runtime_faults,
    runtime_of,
)
from routines.core.model import AdapterType

PROCESS, HTTP = AdapterType.PROCESS, AdapterType.HTTP
CLAUDE, CODEX = AdapterType.CLAUDE_LOCAL, AdapterType.CODEX_LOCAL
LOCAL = (PROCESS, CLAUDE, CODEX)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
READERS: dict[AdapterType, Any] = {
    PROCESS: process_config,
    CLAUDE: claude_config,
    CODEX: codex_config,
    HTTP: http_config,
}
NEEDED: dict[AdapterType, dict[str, object]] = {PROCESS: {"command": "true"}, HTTP: {"url": "https://a.example"}}
NOTHING: dict[str, Any] = {
    "cwd": None,
    "env": {},
    "timeout_seconds": 3_600,
    "grace_seconds": 10,
    "prompt_template": None,
}


def messages(adapter_type: AdapterType, config: dict[str, object]) -> list[tuple[tuple[str | int, ...], str]]:
    return [(fault.path[1:], fault.message) for fault in adapters.faults(adapter_type, config)]


GOOD: list[tuple[AdapterType, str, object, str, object]] = [
    *((kind, "cwd", "/srv/agents/ada", "cwd", "/srv/agents/ada") for kind in LOCAL),
    *((kind, "env", {"A": "1", "_b": {"type": "plain", "value": ""}}, "env", {"A": "1", "_b": ""}) for kind in LOCAL),
    *((kind, "timeoutSec", 0, "timeout_seconds", 3_600) for kind in (*LOCAL, HTTP)),
    *((kind, "timeoutSec", 0.0, "timeout_seconds", 3_600) for kind in (*LOCAL, HTTP)),
    *((kind, "timeoutSec", 1, "timeout_seconds", 1) for kind in (*LOCAL, HTTP)),
    *((kind, "timeoutSec", 86_400, "timeout_seconds", 86_400) for kind in (*LOCAL, HTTP)),
    *((kind, "graceSec", 0, "grace_seconds", 0) for kind in LOCAL),
    *((kind, "graceSec", 2.5, "grace_seconds", 2.5) for kind in LOCAL),
    *(
        (kind, "promptTemplate", "Hello {{ agent.name }}", "prompt_template", "Hello {{ agent.name }}")
        for kind in READERS
    ),
    (PROCESS, "command", "echo $HOME", "command", "echo $HOME"),
    (PROCESS, "command", ["echo", ""], "command", ("echo", "")),
    (PROCESS, "args", ["a b", ""], "args", ("a b", "")),
    (CLAUDE, "command", "/opt/my tools/claude", "program", "/opt/my tools/claude"),
    (CLAUDE, "model", "opus", "model", "opus"),
    (CLAUDE, "maxTurnsPerRun", 0, "turns_max", None),
    (CLAUDE, "maxTurnsPerRun", 30, "turns_max", 30),
    (CLAUDE, "dangerouslySkipPermissions", False, "skips_permissions", False),
    (CODEX, "command", "bin/codex", "program", "bin/codex"),
    (CODEX, "dangerouslyBypassApprovalsAndSandbox", False, "bypasses_approvals_and_sandbox", False),
    *((kind, "extraArgs", ["--x"], "extra_args", ("--x",)) for kind in (CLAUDE, CODEX)),
    *((kind, "args", ["--x"], "extra_args", ("--x",)) for kind in (CLAUDE, CODEX)),
    (HTTP, "url", "http://10.0.0.7:8080/wake?agent=ada", "url", "http://10.0.0.7:8080/wake?agent=ada"),
    (HTTP, "url", "https://[::1]/", "url", "https://[::1]/"),
    (HTTP, "headers", {"Authorization": "Bearer é"}, "headers", {"Authorization": "Bearer é"}),
    (HTTP, "secret", SECRET, "secret", SECRET),
]


@pytest.mark.parametrize(("adapter_type", "key", "value", "attribute", "read"), GOOD)
def test_a_value_within_its_bounds_is_taken_and_read(
    adapter_type: AdapterType, key: str, value: object, attribute: str, read: object
) -> None:
    config = {**NEEDED.get(adapter_type, {}), key: value}
    assert adapters.faults(adapter_type, config) == []
    assert getattr(READERS[adapter_type](config), attribute) == read


BAD: list[tuple[AdapterType, str, object, str]] = [
    (PROCESS, "command", 1, "command is a number; it is to be a string for the shell, or a list such as"),
    (PROCESS, "command", "", "command is empty; leave it out instead"),
    (PROCESS, "command", "a\0b", "command has a NUL character"),
    (PROCESS, "command", [], "command names no program"),
    (PROCESS, "command", ["", "a"], "command names no program"),
    (PROCESS, "command", "é" * (ARGUMENT_BYTES_MAX // 2 + 1), "command has 100002 bytes; 100000 are allowed"),
    (PROCESS, "args", "-x", "args is a string; it is to be a list of strings"),
    (PROCESS, "args", ["a"] * (ARGUMENTS_MAX + 1), "args has 201 entries; 200 are allowed"),
    (PROCESS, "cwd", "agents/ada", "cwd 'agents/ada' is no absolute path, such as /srv/agents/ada"),
    (PROCESS, "cwd", "~/ada", "cwd '~/ada' is no absolute path"),
    (PROCESS, "env", ["A=1"], "env is a list; it is to be an object from names to strings"),
    (PROCESS, "env", {f"A{n}": "" for n in range(VARIABLES_MAX + 1)}, "env has 201 variables; 200 are allowed"),
    (PROCESS, "timeoutSec", 0.5, "timeoutSec is 0.5; it is a number of seconds from 1 to 86400"),
    (PROCESS, "timeoutSec", 86_401, "timeoutSec is 86401; it is a number of seconds from 1 to 86400"),
    (PROCESS, "timeoutSec", float("nan"), "timeoutSec is nan; it is"),
    (PROCESS, "timeoutSec", False, "timeoutSec is true or false; it is to be a number of seconds"),
    (PROCESS, "timeoutSec", "60", "timeoutSec is a string; it is to be a number of seconds"),
    (PROCESS, "graceSec", -1, "graceSec is -1; it is a number of seconds from 0 to 300"),
    (PROCESS, "graceSec", 301, "graceSec is 301"),
    (PROCESS, "promptTemplate", {"a": 1}, "promptTemplate is an object; it is to be a string"),
    (CLAUDE, "command", "npx -y claude", "command 'npx -y claude' is more than one program's name"),
    (CLAUDE, "command", ["claude"], "command is a list; it is to be a string"),
    (CLAUDE, "model", "", "model is empty"),
    (CLAUDE, "maxTurnsPerRun", 1.5, "maxTurnsPerRun is a number; it is to be a whole number from 0 to 10000"),
    (CLAUDE, "maxTurnsPerRun", -1, "maxTurnsPerRun is -1; it is a whole number from 0 to 10000"),
    (CLAUDE, "maxTurnsPerRun", True, "maxTurnsPerRun is true or false"),
    (CLAUDE, "dangerouslySkipPermissions", "no", "dangerouslySkipPermissions is a string; it is to be true or false"),
    (CODEX, "dangerouslyBypassApprovalsAndSandbox", 0, "dangerouslyBypassApprovalsAndSandbox is a number"),
    (HTTP, "url", "ftp://a.example", "url 'ftp://a.example' is no http or https URL"),
    (HTTP, "url", "a.example/wake", "url 'a.example/wake' is no http or https URL"),
    (HTTP, "url", "https://", "url 'https://' is no http or https URL"),
    (HTTP, "url", "https://[::1", "url 'https://[::1' is no URL"),
    (HTTP, "url", "https://a.example:99999", "url 'https://a.example:99999' is no URL"),
    (HTTP, "url", "https://a.example:0", "url 'https://a.example:0' is no http or https URL"),
    (HTTP, "url", "https://a.example/ b", "url has characters that no URL has"),
    (HTTP, "url", "https://a.example/\r\nX: y", "url has characters that no URL has"),
    (HTTP, "url", "https://é.example/", "url has characters that no URL has"),
    (HTTP, "url", "https://ada:pw@a.example/", "url has a user in it"),
    (HTTP, "url", "https://a.example/" + "x" * URL_CHARACTERS_MAX, "url has 2018 characters; 2000 are allowed"),
    (HTTP, "headers", {str(n): "" for n in range(HEADERS_MAX + 1)}, "headers has 51 headers; 50 are allowed"),
    (HTTP, "secret", "hunter2", "secret is no secret: it is whsec_ and the base64 of 24 to 64 random bytes"),
    (HTTP, "secret", "whsec_é", "secret is not base64 after whsec_"),
    (HTTP, "secret", "whsec_" + base64.b64encode(b"k" * 23).decode(), "secret holds 23 bytes"),
    (HTTP, "secret", "whsec_" + base64.b64encode(b"k" * 65).decode(), "secret holds 65 bytes"),
]


@pytest.mark.parametrize(("adapter_type", "key", "value", "message"), BAD)
def test_a_value_out_of_bounds_is_a_fault_that_says_what_would_be_right(
    adapter_type: AdapterType, key: str, value: object, message: str
) -> None:
    config = {**NEEDED.get(adapter_type, {}), key: value}
    (fault,) = adapters.faults(adapter_type, config)
    assert fault.path == ("adapterConfig", key)
    assert fault.message.startswith(message)
    assert fault.code in {"invalid_type", "invalid_value", "out_of_range"}
    with pytest.raises(AgentConfigError) as refusal:
        READERS[adapter_type](config)
    assert refusal.value.sentence == f"adapterConfig: {fault.message}"


def test_each_entry_of_a_list_or_an_object_has_its_own_fault() -> None:
    config: dict[str, object] = {
        "args": ["good", 1, None, "a\0"],
        "env": {
            "1A": "x",
            "A-B": "x",
            "Ä": "x",
            "": "x",
            "PAPERCLIP_API_KEY": "x",
            "NUMBER": 1,
            "NONE": None,
            "NUL": "\0",
            "SECRET": {"type": "secret_ref", "secretId": "x"},
            "OTHER": {"type": "other"},
            "PLAIN": {"type": "plain", "value": 1},
        },
    }
    assert messages(PROCESS, config) == [
        (("env", "1A"), "'1A' is no variable's name: letters, digits and _, not a digit first"),
        (("env", "A-B"), "'A-B' is no variable's name: letters, digits and _, not a digit first"),
        (("env", "Ä"), "'Ä' is no variable's name: letters, digits and _, not a digit first"),
        (("env", ""), "'' is no variable's name: letters, digits and _, not a digit first"),
        (
            ("env", "PAPERCLIP_API_KEY"),
            "'PAPERCLIP_API_KEY' is set by the service, as every name that begins with PAPERCLIP_",
        ),
        (("env", "NUMBER"), "NUMBER is a number; it is to be a string"),
        (("env", "NONE"), "NONE is null; it is to be a string"),
        (("env", "NUL"), "NUL has a NUL character, which no argument or variable can hold"),
        (
            ("env", "SECRET"),
            'SECRET is a secret_ref, and there is no store of secrets here; write {"type": "plain", "value": …}',
        ),
        (("env", "OTHER"), 'OTHER has type \'other\'; write a string, or {"type": "plain", "value": …}'),
        (("env", "PLAIN", "value"), "value is a number; it is to be a string"),
        (("args", 1), "args[1] is a number; it is to be a string"),
        (("args", 2), "args[2] is null; it is to be a string"),
        (("args", 3), "args[3] has a NUL character, which no argument or variable can hold"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Host", "a", "'Host' is written by the service; leave it out"),
        ("content-length", "1", "'content-length' is written by the service; leave it out"),
        ("Transfer-Encoding", "chunked", "'Transfer-Encoding' is written by the service; leave it out"),
        ("Webhook-Id", "1", "'Webhook-Id' is written by the service; leave it out"),
        ("webhook-anything", "1", "'webhook-anything' is written by the service; leave it out"),
        ("a b", "1", "'a b' is no header's name"),
        ("a:", "1", "'a:' is no header's name"),
        ("é", "1", "'é' is no header's name"),
        ("X", "a\r\nHost: b", "X has characters that no header holds"),
        ("X", "\u20ac", "X has characters that no header holds"),
        ("X", 1, "X is a number; it is to be a string"),
        ("X", "x" * (HEADER_CHARACTERS_MAX + 1), "X has 4001 characters; 4000 are allowed"),
    ],
)
def test_headers_that_are_none_or_the_services_own_are_refused(name: str, value: object, message: str) -> None:
    ((path, found),) = messages(HTTP, {"headers": {"X-Good": "1", name: value}})
    assert path == ("headers", name)
    assert found.startswith(message)


def test_nothing_is_required_until_it_is_needed() -> None:
    for adapter_type in AdapterType:
        assert adapters.faults(adapter_type, {}) == []
    assert claude_config({}) == ClaudeConfig(
        program="claude", model=None, extra_args=(), turns_max=None, skips_permissions=True, **NOTHING
    )
    assert codex_config({}) == CodexConfig(
        program="codex", model=None, extra_args=(), bypasses_approvals_and_sandbox=True, **NOTHING
    )
    assert process_config({"command": "true"}) == ProcessConfig(command="true", args=(), **NOTHING)
    assert http_config({"url": "https://a.example"}) == HttpConfig(
        url="https://a.example", headers={}, secret=None, timeout_seconds=3_600, prompt_template=None
    )


def test_a_reader_says_what_is_missing() -> None:
    with pytest.raises(AgentConfigError, match=r"adapterConfig has no command; set \{\"command\":"):
        process_config({})
    with pytest.raises(AgentConfigError, match=r"adapterConfig has no url; set \{\"url\":"):
        http_config({})


def test_unknown_keys_mean_nothing_and_null_is_as_good_as_none() -> None:
    for adapter_type, read in READERS.items():
        plain = NEEDED.get(adapter_type, {})
        known = dict.fromkeys(("cwd", "env", "timeoutSec", "graceSec", "promptTemplate", "model", "args", "extraArgs"))
        config = {**known, "instructionsFilePath": 7, "workspaceStrategy": {"type": "x"}, "secret": None, **plain}
        assert adapters.faults(adapter_type, config) == []
        assert read(config) == read(plain)
    assert adapters.faults(AdapterType.NONE, {"command": 1}) == []


def test_args_count_where_extra_args_say_nothing() -> None:
    assert claude_config({"extraArgs": [], "args": ["--a"]}).extra_args == ("--a",)
    assert codex_config({"extraArgs": ["--b"], "args": ["--a"]}).extra_args == ("--b",)


@pytest.mark.parametrize(
    ("command", "args", "line"),
    [
        ("exit 3", [], ["/bin/sh", "-c", "exit 3"]),
        ("echo", ["a b", "$HOME"], ["/bin/sh", "-c", 'echo "$@"', "sh", "a b", "$HOME"]),
        (["echo", "$HOME"], [], ["echo", "$HOME"]),
        (["echo", "1"], ["2"], ["echo", "1", "2"]),
    ],
)
def test_the_command_line_of_a_process(command: object, args: list[str], line: list[str]) -> None:
    assert command_line(process_config({"command": command, "args": args})) == line


@pytest.mark.parametrize(
    ("heartbeat", "runtime"),
    [
        (None, Runtime()),
        ({}, Runtime(enabled=False, interval_seconds=0, wake_on_demand=True, concurrent_runs_max=1)),
        ({"enabled": True, "cooldownSec": 10}, replace(Runtime(), enabled=True)),
        ({"enabled": True, "intervalSec": 10}, Runtime(enabled=True, interval_seconds=10)),
        (
            {"intervalSec": 30 * 86_400, "wakeOnDemand": False},
            Runtime(interval_seconds=2_592_000, wake_on_demand=False),
        ),
        ({"maxConcurrentRuns": 100}, Runtime(concurrent_runs_max=100)),
    ],
)
def test_when_an_agent_is_woken(heartbeat: object, runtime: Runtime) -> None:
    config = {"heartbeat": heartbeat, "modelProfiles": {}}
    assert runtime_faults(config) == []
    assert runtime_config(config) == runtime


def test_the_timer_runs_only_while_enabled_and_with_an_interval() -> None:
    assert Runtime(enabled=True, interval_seconds=60).timer_seconds == 60
    assert Runtime(enabled=True).timer_seconds is None
    assert Runtime(interval_seconds=60).timer_seconds is None


@pytest.mark.parametrize(
    ("heartbeat", "path", "message"),
    [
        (True, (), "heartbeat is true or false; it is to be an object"),
        ({"enabled": 1}, ("enabled",), "enabled is a number; it is to be true or false"),
        (
            {"intervalSec": 9},
            ("intervalSec",),
            "intervalSec is 9; it is a number of seconds from 10 to 2592000 or 0 for never",
        ),
        ({"intervalSec": -1}, ("intervalSec",), "intervalSec is -1; it is"),
        ({"intervalSec": 30 * 86_400 + 1}, ("intervalSec",), "intervalSec is 2592001; it is"),
        ({"intervalSec": False}, ("intervalSec",), "intervalSec is true or false; it is"),
        ({"wakeOnDemand": "yes"}, ("wakeOnDemand",), "wakeOnDemand is a string"),
        (
            {"maxConcurrentRuns": 0},
            ("maxConcurrentRuns",),
            "maxConcurrentRuns is 0; it is a whole number from 1 to 100",
        ),
        ({"maxConcurrentRuns": 101}, ("maxConcurrentRuns",), "maxConcurrentRuns is 101"),
    ],
)
def test_a_runtime_configuration_out_of_bounds_is_a_fault(
    heartbeat: object, path: tuple[str, ...], message: str
) -> None:
    (fault,) = runtime_faults({"heartbeat": heartbeat})
    assert fault.path == ("runtimeConfig", "heartbeat", *path)
    assert fault.message.startswith(message)
    with pytest.raises(AgentConfigError, match=r"^runtimeConfig"):
        runtime_config({"heartbeat": heartbeat})


WORDS = st.sampled_from(
    ["", "a", "/a", "a b", "a\0b", "é", "type", "value", "plain", "PAPERCLIP_X", "Host", "https://a.example", SECRET]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=6,
)
KEYS = st.sampled_from(
    """command args cwd env timeoutSec graceSec promptTemplate model extraArgs maxTurnsPerRun url headers secret
    dangerouslySkipPermissions dangerouslyBypassApprovalsAndSandbox""".split()  # noqa: SIM905 - words, not a list of them
)


@given(st.sampled_from([*READERS]), st.dictionaries(KEYS, JSON, max_size=6))
def test_whatever_is_taken_can_be_read_and_whatever_is_not_is_refused(
    adapter_type: AdapterType, config: dict[str, object]
) -> None:
    """No configuration makes a reader fail in any other way."""
    given_config = {
        **NEEDED.get(adapter_type, {}),
        **{name: value for name, value in config.items() if value is not None},
    }
    refusal: AbstractContextManager[object] = (
        pytest.raises(AgentConfigError) if adapters.faults(adapter_type, config) else nullcontext()
    )
    with refusal:
        READERS[adapter_type](given_config)


@pytest.mark.parametrize(
    ("stored", "runtime"),
    [
        ("{}", Runtime()),
        ('{"heartbeat": {"enabled": true, "intervalSec": 60}}', Runtime(enabled=True, interval_seconds=60)),
        ('{"heartbeat": {"enabled": true, "intervalSec": 1}}', Runtime()),
        ("[]", Runtime()),
        ("{", Runtime()),
    ],
)
def test_a_stored_runtime_configuration_is_read_whatever_it_holds(stored: str, runtime: Runtime) -> None:
    assert runtime_of(stored) == runtime

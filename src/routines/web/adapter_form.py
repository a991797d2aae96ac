"""An agent's configuration as the fields of a form, and what such a form says as a configuration.

What each value may be is `core.adapter_values`'. A field that still says what is stored leaves it as it is stored, and
what has no field of its own is kept as JSON beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from routines.core import strict_json
from routines.core.errors import Fault, InvalidError, MalformedBodyError
from routines.core.model import AdapterType
from routines.web.form import Form

MORE = "more"
"""The field for what has none of its own, as a JSON object."""
Config = Mapping[str, Any]
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)
_AMOUNT = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,2}))?", re.ASCII)
_SHOWN_CHARACTERS = 40  # of what a sentence repeats


class UnreadableError(Exception):
    """What a field says cannot be read; the message is for beside it."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field: the key that it is, how its value is shown, and how it is read where it no longer says what was shown.

    Reading is told what is stored, so that a part of it that is still the same stays as it is stored.
    """

    key: str
    show: Callable[[Any], str]
    read: Callable[[str, object], object]


def _text(value: object) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else strict_json.dumps(value)


def _as_written(text: str, _stored: object) -> object:
    return text


def _nothing(_value: object) -> str:
    """A secret is not shown in a form; an empty field leaves it."""
    return ""


def _command(text: str, _stored: object) -> object:
    """A line for the shell, or a list of words as JSON."""
    if not text.startswith('["'):
        return text
    try:
        return strict_json.loads(text.encode())
    except MalformedBodyError:
        raise UnreadableError('command begins like a list and is none; a list is ["python3", "agent.py"]') from None


def _number(text: str, _stored: object) -> object:
    """A number; anything else is left for the rules to refuse."""
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def _quoted(value: object) -> str:
    """A value as one line can hold it: a plain text as it is, any other as JSON."""
    is_plain = isinstance(value, str) and value == value.strip() and value.isprintable() and value[:1] not in {"", '"'}
    return str(value) if is_plain else strict_json.dumps(value)


def _unquoted(text: str) -> object:
    if not text.startswith('"'):
        return text
    try:
        return strict_json.loads(text.encode())
    except MalformedBodyError:
        shown = text[:_SHOWN_CHARACTERS]
        raise UnreadableError(f"{shown} begins with a quotation mark, and is no JSON string") from None


def _show_words(value: object) -> str:
    return "\n".join(_quoted(each) for each in value) if isinstance(value, list) else _text(value)


def _words(text: str, _stored: object) -> object:
    """One word of a command in each line."""
    return [_unquoted(line.strip()) for line in text.split("\n") if line.strip()]


def _pair(name: str, value: object, between: str) -> str:
    if isinstance(value, dict) and value.get("type") == "plain":
        value = value.get("value")
    return f"{name}{between}{_quoted(value)}"


def _show_pairs(between: str) -> Callable[[object], str]:
    def show(value: object) -> str:
        if not isinstance(value, dict):
            return _text(value)
        return "\n".join(_pair(name, each, between) for name, each in value.items())

    return show


def _pairs(between: str) -> Callable[[str, object], object]:
    """Names with values, one in each line; a line that is still the same keeps the form in which it is stored."""

    def read(text: str, stored: object) -> object:
        named = stored if isinstance(stored, dict) else {}
        unchanged = {_pair(name, value, between): value for name, value in named.items()}
        found: dict[str, object] = {}
        for line in filter(None, map(str.strip, text.split("\n"))):
            name, divided, value = (part.strip() for part in line.partition(between.strip()))
            if not divided or not name:
                shown = line[:_SHOWN_CHARACTERS]
                raise UnreadableError(f"{shown} names nothing; a line is NAME{between}value")
            if name in found:
                raise UnreadableError(f"{name[:_SHOWN_CHARACTERS]} stands there twice")
            found[name] = unchanged[line] if line in unchanged else _unquoted(value)
        return found

    return read


FIELDS: dict[str, Field] = {
    "command": Field("command", _text, _command),
    "args": Field("args", _show_words, _words),
    "program": Field("command", _text, _as_written),
    "model": Field("model", _text, _as_written),
    "extraArgs": Field("extraArgs", _show_words, _words),
    "maxTurnsPerRun": Field("maxTurnsPerRun", _text, _number),
    "cwd": Field("cwd", _text, _as_written),
    "env": Field("env", _show_pairs("="), _pairs("=")),
    "graceSec": Field("graceSec", _text, _number),
    "url": Field("url", _text, _as_written),
    "headers": Field("headers", _show_pairs(": "), _pairs(": ")),
    "secret": Field("secret", _nothing, _as_written),
    "timeoutSec": Field("timeoutSec", _text, _number),
    "promptTemplate": Field("promptTemplate", _text, _as_written),
}
"""Every field by its name in the form, which is its key but where two kinds mean different things by one key."""

_LOCAL = ("cwd", "env", "graceSec", "timeoutSec", "promptTemplate")
_PRESET = ("program", "model", "extraArgs", *_LOCAL)
FIELDS_OF: dict[AdapterType, tuple[str, ...]] = {
    AdapterType.NONE: (),
    AdapterType.PROCESS: ("command", "args", *_LOCAL),
    AdapterType.CLAUDE_LOCAL: (*_PRESET, "maxTurnsPerRun"),
    AdapterType.CODEX_LOCAL: _PRESET,
    AdapterType.HTTP: ("url", "headers", "secret", "timeoutSec", "promptTemplate"),
}
TICK_OF = {
    AdapterType.CLAUDE_LOCAL: "dangerouslySkipPermissions",
    AdapterType.CODEX_LOCAL: "dangerouslyBypassApprovalsAndSandbox",
}
"""The box of each kind that has one; it is ticked unless the configuration says false."""


def values_of(kind: AdapterType, config: Config, runtime: Config) -> dict[str, str]:
    """The form's values for what is stored; boxes that are not ticked are left out."""
    fields = {name: FIELDS[name] for name in FIELDS_OF[kind]}
    shown = {name: _shown(field, config) for name, field in fields.items()}
    own_keys = {field.key for field in fields.values()} | {TICK_OF.get(kind)}
    more = {key: value for key, value in config.items() if key not in own_keys}
    shown[MORE] = strict_json.dumps(more) if more else ""
    for each in TICK_OF.values():
        if each not in own_keys or config.get(each) is not False:
            shown[each] = "on"
    heartbeat = _heartbeat(runtime)
    if heartbeat.get("enabled"):
        shown["enabled"] = "on"
    if heartbeat.get("wakeOnDemand") is not False:
        shown["wakeOnDemand"] = "on"
    for name in ("intervalSec", "maxConcurrentRuns"):
        shown[name] = "" if heartbeat.get(name) is None else _text(heartbeat[name])
    return shown


def adapter_config(form: Form, kind: AdapterType, stored_kind: AdapterType, stored: Config) -> dict[str, Any]:
    """What the form says an agent of that kind is started with; raises `InvalidError` for what cannot be read.

    Fields of other kinds are not looked at.
    """
    faults: list[Fault] = []
    config: dict[str, Any] = _more(form, faults)
    for name in FIELDS_OF[kind]:
        field = FIELDS[name]
        known = stored if name in FIELDS_OF[stored_kind] and field.key in stored else {}
        text = form.text(name)
        if text == _shown(field, known) and known:
            value = known[field.key]
        elif text:
            try:
                value = field.read(text, known.get(field.key))
            except UnreadableError as error:
                faults.append(_fault(name, str(error)))
                continue
        else:
            continue
        if field.key in config:
            faults.append(_fault(MORE, f"{field.key} has a field of its own, which is filled in; take it out here"))
        config[field.key] = value
    if (tick := TICK_OF.get(kind)) is not None:
        known = stored if kind is stored_kind else {}
        _keep_tick(config, known, tick, form.ticked(tick), default=True)
    if faults:
        raise InvalidError(faults)
    return _in_order_of(stored, config)


def runtime_config(form: Form, stored: Config) -> dict[str, Any]:
    """What the form says of when an agent is woken; what has no field is kept."""
    known = _heartbeat(stored)
    heartbeat = dict(known)
    for name, default in (("enabled", False), ("wakeOnDemand", True)):
        _keep_tick(heartbeat, known, name, form.ticked(name), default=default)
    for name in ("intervalSec", "maxConcurrentRuns"):
        text = form.text(name)
        if text == ("" if known.get(name) is None else _text(known[name])):
            continue
        heartbeat.pop(name, None)
        if text:
            heartbeat[name] = _number(text, None)
    return _in_order_of(stored, {**stored, "heartbeat": heartbeat} if heartbeat else dict(stored))


def cents(text: str) -> int:
    """An amount of US dollars in cents, none being 0; raises `InvalidError` for anything else."""
    amount = _AMOUNT.fullmatch(text or "0")
    if amount is None:
        raise InvalidError([_fault("budget", f"{text[:40]!r} is no amount of US dollars, such as 25 or 12.50")])
    return int(amount[1]) * 100 + int((amount[2] or "").ljust(2, "0"))


def dollars(amount_cents: int) -> str:
    """Cents as `cents` reads them; no budget is the empty text."""
    if amount_cents == 0:
        return ""
    whole, rest = divmod(amount_cents, 100)
    return f"{whole}.{rest:02}" if rest else str(whole)


def place_faults(form: Form, kind: AdapterType) -> None:
    """Move what was wrong with parts of the configuration to the fields that say those parts."""
    names = {FIELDS[name].key: name for name in FIELDS_OF[kind]} | {tick: tick for tick in TICK_OF.values()}
    placed: dict[str, str] = {}
    for path, message in form.faults.items():
        first, _, rest = path.partition(".")
        name = {"budgetMonthlyCents": "budget"}.get(first, first)
        if first == "adapterConfig":
            name = names.get(rest.partition(".")[0], MORE)
        elif first == "runtimeConfig":
            name = rest.rpartition(".")[2] or "enabled"
        placed[name] = f"{placed[name]}; {message}" if name in placed else message
    form.faults = placed


def _shown(field: Field, config: Config) -> str:
    """A value as the form has it, and gives it back: null and nothing are empty."""
    value = config.get(field.key)
    return "" if value is None else field.show(value).strip().replace("\r\n", "\n")


def _more(form: Form, faults: list[Fault]) -> dict[str, Any]:
    text = form.text(MORE)
    try:
        value = strict_json.loads(text.encode()) if text else {}
    except MalformedBodyError as error:
        faults.append(_fault(MORE, error.sentence))
        return {}
    if not isinstance(value, dict):
        faults.append(_fault(MORE, 'is to be a JSON object, such as {"note": "…"}'))
        return {}
    return value


def _keep_tick(config: dict[str, Any], known: Config, name: str, ticked: bool, *, default: bool) -> None:  # noqa: FBT001 - a box
    """A box that is as it was leaves the key as it is stored, which may be not at all."""
    before = known.get(name)
    was = default if before is None else before is not False if default else bool(before)
    if ticked != was:
        config[name] = ticked
    elif name in known:
        config[name] = before


def _heartbeat(runtime: Config) -> Config:
    found = runtime.get("heartbeat")
    return found if isinstance(found, dict) else {}


def _in_order_of(stored: Config, config: dict[str, Any]) -> dict[str, Any]:
    """The same in the order in which it is stored, so that what says nothing new is no change."""
    return {key: config[key] for key in stored if key in config} | config


def _fault(name: str, message: str) -> Fault:
    return Fault((name,), message, "invalid_value")

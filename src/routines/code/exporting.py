"""Routines as they are to a file that, applied, would change nothing; and a document to YAML that all read alike.

What there is comes from `company`; nothing is called from here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import yaml

from routines.code.company import Directory
from routines.code.document import DEFAULT_SET, ApiTrigger, ScheduleTrigger, WebhookTrigger, Written, WrittenRoutine
from routines.code.planning import Current, Fields, in_files, is_own, key_in_set
from routines.code.reading import UTC, checked_set_name
from routines.code.yaml_text import is_text_to_all
from routines.core.limits import FILE_KEY_CHARACTERS_MAX

Document = Mapping[str, Any]
_LINE_CHARACTERS_MAX = 120


def exported(current: Sequence[Current], names: Directory, *, set_name: str, company: str | None) -> dict[str, Any]:
    """The document of these routines; those without a key get one, next to their id. Raises `SetNameError`."""
    checked_set_name(set_name)
    keys = {key for each in current if (key := key_in_set(set_name, each.key)) is not None}
    routines = []
    for each in sorted(current, key=lambda each: (each.key is None, each.key or "", each.id)):
        key = key_in_set(set_name, each.key)
        if key is None:
            key = new_key(str(each.fields["title"]), keys)
            keys.add(key)
        routines.append(_routine(each, key, names))
    named = {} if set_name == DEFAULT_SET else {"set": set_name}
    if company is not None:
        named["company"] = company
    return {**named, "routines": routines}


def new_key(words: str, taken: Collection[str]) -> str:
    """A key made of a title's letters that no other has."""
    ascii_only = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", ascii_only)[: FILE_KEY_CHARACTERS_MAX - 6].strip("-") or "routine"
    return next(key for key in _numbered(base) if key not in taken)


def to_yaml(document: Document, *, comments: Sequence[str] = (), ascii_only: bool = False) -> str:
    """A document as YAML, its own order kept, with comments above it; with `ascii_only` all else stands as escapes."""
    text: str = yaml.dump(
        dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=not ascii_only, width=_LINE_CHARACTERS_MAX
    )
    return "".join(f"# {each}".rstrip() + "\n" for each in comments) + text


def _numbered(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def _routine(current: Current, key: str, names: Directory) -> dict[str, Any]:
    fields = dict(current.fields)
    if fields["status"] == "active":
        del fields["status"]
    written: dict[str, Any] = {"key": key, **({"id": current.id} if current.key is None else {})}
    for name, value in _without_defaults(fields, WrittenRoutine).items():
        among = names.of_field(name)
        written[in_files(name)] = value if among is None else among.written(value)
    taken = {each.key for each in current.triggers if each.key is not None}
    triggers = []
    for each in filter(is_own, current.triggers):
        own = each.key or new_key(str(each.fields["kind"]), taken)
        taken.add(own)
        triggers.append(_trigger(each, own))
    return {**written, **({"triggers": triggers} if triggers else {})}


def _trigger(current: Current, key: str) -> dict[str, Any]:
    fields = dict(current.fields)
    kind = str(fields.pop("kind"))
    if fields["enabled"]:
        del fields["enabled"]
    if fields.get("timezone") == UTC:
        del fields["timezone"]
    model: type[Written] = {"schedule": ScheduleTrigger, "webhook": WebhookTrigger}.get(kind, ApiTrigger)
    written = {in_files(name): value for name, value in _without_defaults(fields, model).items()}
    named = {} if key == kind else {"key": key}
    return {"kind": kind, **named, **({"id": current.id} if current.key is None else {}), **written}


def _without_defaults(fields: Fields, model: type[Written]) -> dict[str, Any]:
    """What a file has to say; what it leaves out is read as the same."""
    defaults = {name: field.default for name, field in model.model_fields.items()}
    return {name: value for name, value in fields.items() if value is not None and value != defaults.get(name)}


class _Dumper(yaml.SafeDumper):
    """Writes long texts line by line, and quotes whatever some program might take for something else than text."""

    def ignore_aliases(self, _data: object) -> bool:
        """What stands in a document twice is written twice."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if not all(each.isprintable() or each == "\n" for each in text):  # whoever prints it writes an escape
        style = '"'
    elif "\n" in text:
        style = "|"
    elif not is_text_to_all(text):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

"""What is wrong with a document, in sentences with their places: against the models, and against secrets in files.

The models are in `document`; what the company has by the names in a file is not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from routines.code.document import (
    ApiTrigger,
    Defaults,
    NamedProject,
    RoutinesDocument,
    ScheduleTrigger,
    WebhookTrigger,
    WrittenRoutine,
)
from routines.code.faults import FileFault, FilesError
from routines.code.yaml_text import Part

_SECRET_NAME = re.compile(r"secret|token|passw|credential|api_?key|private_?key|authorization", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"\b(whsec_|pcp_|pcr_|rtb_)[A-Za-z0-9+/_-]{20,}")
_NO_SECRETS = "no secret belongs into a file; the service makes a webhook's secret, and apply shows it once"
_MEANT = {
    "assignee": "agent",
    "assigneeAgentId": "agent",
    "cron": "cronExpression",
    "name": "title",
    "externalKey": "key",
    "goalId": "goal",
    "parentIssueId": "parent",
    "projectId": "project",
    "schedule": "cronExpression",
    "tz": "timezone",
    "zone": "timezone",
}
"""Names from elsewhere for what has another one here."""
_MAPPING = "is a mapping of names to values"
_PLAIN_WORDS = {
    "missing": "is missing",
    "string_pattern_mismatch": "is made of a to z, 0 to 9, dots, strokes and underscores, and begins with a letter or "
    "digit",
    "int_type": "is a whole number, without quotes",
    "bool_type": "is true or false, without quotes",
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "list_type": "is a list: lines that begin with a dash",
}
_TRIGGERS: Mapping[str, type[BaseModel]] = {"schedule": ScheduleTrigger, "webhook": WebhookTrigger, "api": ApiTrigger}


def checked(part: Part) -> RoutinesDocument:
    """The document that a file's part is; raises `FilesError` with everything that is wrong with it."""
    faults = list(_secrets(part))
    try:
        document = RoutinesDocument.model_validate(part.value)
    except ValidationError as error:
        places = {fault.place for fault in faults}
        told = (_fault(part, each) for each in error.errors(include_url=False))
        raise FilesError([*faults, *(fault for fault in told if fault.place not in places)]) from None
    if faults:
        raise FilesError(faults)
    return document


def _secrets(part: Part) -> Iterator[FileFault]:
    """What looks like a secret, by its name or by its form."""
    for name, place in part.names.items():
        if _SECRET_NAME.search(name):
            yield FileFault(place, f"`{name[:40]}` looks like a secret, and {_NO_SECRETS}")
    if isinstance(part.value, str) and (found := _SECRET_VALUE.search(part.value)):
        yield FileFault(part.place, f"A text that begins with {found[1]!r} is a secret, and {_NO_SECRETS}")
    for member in part.members.values():
        yield from _secrets(member)


def _fault(part: Part, error: ErrorDetails) -> FileFault:
    """One error of the models, where it stands and in the words of the file."""
    way = [str(step) if isinstance(step, str) else step for step in error["loc"]]
    last = way[-1] if way else ""
    for step in way:
        if error["type"] == "extra_forbidden" and step == last and step in part.names:
            return FileFault(part.names[str(step)], _unknown(str(step), _known(way, part)))
        part = part.members.get(step, part)  # the models' own steps, such as a trigger's kind, are in no file
    return FileFault(part.place, _words(error, str(last)))


def _known(way: list[str | int], holder: Part) -> list[str]:
    """The names that there are where an unknown one stands."""
    model: type[BaseModel] = RoutinesDocument
    if "project" in way[:-1]:
        model = NamedProject
    elif "triggers" in way[:-1]:
        model = _TRIGGERS.get(str(holder.value.get("kind")), ApiTrigger)
    elif "routines" in way[:-1]:
        model = WrittenRoutine
    elif "defaults" in way[:-1]:
        model = Defaults
    return [field.alias or name for name, field in model.model_fields.items()]


def _unknown(name: str, known: list[str]) -> str:
    meant = _MEANT.get(name, "")
    close = [meant] if meant in known else get_close_matches(name, known, n=1)
    instead = f"; is `{close[0]}` meant?" if close else f"; here may stand {', '.join(known)}"
    return f"`{name[:40]}` is no field{instead}"


def _words(error: ErrorDetails, name: str) -> str:
    """An error of the models in a sentence."""
    context: dict[str, Any] = error.get("ctx", {})
    given = error.get("input")
    match error["type"]:
        case "string_type":
            is_number = isinstance(given, int | float) and not isinstance(given, bool)
            words = f"is a text; write '{given}'" if is_number else "is a text"
        case "string_too_long" | "string_too_short":
            bound = "at most" if "max_length" in context else "at least"
            words = f"has {bound} {context.get('max_length') or context.get('min_length')} characters"
        case "greater_than_equal" | "less_than_equal":
            words = f"is at most {context['le']}" if "le" in context else f"is at least {context['ge']}"
        case "enum" | "literal_error":
            archived = "; to archive a routine, take it out of the files and apply with --prune"
            words = f"is one of {context['expected']}{archived if given == 'archived' else ''}"
        case "union_tag_not_found" | "union_tag_invalid":
            return "A trigger's `kind` is schedule, webhook or api"
        case kind:
            words = _PLAIN_WORDS.get(kind, "cannot be what stands here; docs/routines-as-code.md says what can")
    return f"`{name}` {words}" if name else f"What stands here {words}"

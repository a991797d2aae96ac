"""The text of a cron expression: which texts are read, and what is wrong with the others.

Nothing here knows of dates or zones; `CronSim` turns the fields that pass into sets of numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from routines.core.errors import ImpossibleError
from routines.core.limits import CRON_EXPRESSION_CHARACTERS_MAX


class CronError(ImpossibleError):
    """The expression cannot be a schedule; the sentence names its wrong part and what would be right."""


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields: the numbers it takes, and the names of the first of them."""

    title: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        """The number that digits or a name stand for, within the field's bounds or not."""
        return self.first + self.names.index(text) if text in self.names else int(text)


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    Field("day of week", 0, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_UNREADABLE = re.compile(r"[^\t -~]")  # tabs and printable ASCII can be part of an expression
_TERM = re.compile(r"(\*|(?P<start>\d+|[A-Z]{3})(-(?P<end>\d+|[A-Z]{3}))?)(/(?P<step>\d+))?", re.ASCII)


def fields(expression: str) -> list[str]:
    """The five fields of a standard cron expression, macros written out, each fit for `CronSim`.

    The dialect is crontab(5)'s: `*`, lists, ranges, steps (`N/S` counts from N to the field's end), names of months and
    weekdays in any case, 0 and 7 both Sunday. Anything else is a `CronError`, the extensions `L`, `W`, `#`, `?` and
    `@reboot` included.
    """
    if len(expression) > CRON_EXPRESSION_CHARACTERS_MAX:
        raise CronError(
            f"A cron expression has at most {CRON_EXPRESSION_CHARACTERS_MAX} characters; this one has {len(expression)}"
        )
    if stray := _UNREADABLE.search(expression):
        raise CronError(
            f"Cron expression {expression!r} has the character {stray[0]!r}; "
            "write it on one line, with ASCII letters, digits, '*', ',', '-', '/', spaces and tabs"
        )
    texts = _without_macro(expression).split()
    if len(texts) != len(FIELDS):
        raise CronError(
            f"Cron expression {expression!r} takes five fields (minute, hour, day of month, month, day of week), "
            f"such as '0 9 * * 1-5'; it has {len(texts)}"
        )
    return [
        ",".join(_term(field, term, text) for term in text.split(","))
        for field, text in zip(FIELDS, texts, strict=True)
    ]


def _without_macro(expression: str) -> str:
    macro = expression.strip().lower()
    if not macro.startswith("@"):
        return expression
    if macro not in MACROS:
        raise CronError(f"Cron macro {expression!r} is none of {', '.join(MACROS)}; write one of these, or five fields")
    return MACROS[macro]


def _term(field: Field, term: str, text: str) -> str:
    """One item of a field's list, checked, and written so that `CronSim` reads it as crontab(5) does."""
    where = f"Cron {field.title} {term!r}" + (f" in {text!r}" if term != text else "")
    parts = _TERM.fullmatch(term.upper())
    bounds = [parts[name] for name in ("start", "end") if parts[name]] if parts else []
    if not parts or any(not bound.isdigit() and bound not in field.names for bound in bounds):
        name = f" '{field.names[1]}'," if field.names else ""
        raise CronError(
            f"{where} is none of the forms '*', '{field.first}',{name} '{field.first}-{field.last}' and '*/2'; "
            "L, W, # and ? are not part of standard cron"
        )
    if parts["step"] and not int(parts["step"]):
        raise CronError(f"{where} steps by 0; a step is at least 1, such as '*/2'")
    numbers = [field.number(bound) for bound in bounds]
    if any(not field.first <= number <= field.last for number in numbers):
        raise CronError(f"{where} is outside {field.first}-{field.last}")
    if numbers != sorted(numbers):
        raise CronError(
            f"{where} runs backwards; write '{numbers[0]}-{field.last},{field.first}-{numbers[1]}' to go past the end"
        )
    # CronSim takes 5-5/15 for 5/15, which goes on to the field's end.
    return bounds[0] if len(numbers) > len(set(numbers)) else term

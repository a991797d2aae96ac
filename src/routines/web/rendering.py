"""Templates made into text: everything that is put into one is escaped, and a name that is not there is an error.

What is shown is decided in `views`; the templates only place it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
STATIC = HERE / "static"

_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def _words(value: object) -> str:
    """A word of the wire for people: `in_progress` is `in progress`."""
    return str(value).replace("_", " ")


_environment.filters["words"] = _words


def options(words: Iterable[object]) -> list[tuple[str, str]]:
    """Words of the wire as the options of a choice: (value, what people read)."""
    return [(str(value), _words(value)) for value in words]


def render(template: str, **values: object) -> str:
    """The text of a template with these values."""
    return _environment.get_template(template).render(**values)

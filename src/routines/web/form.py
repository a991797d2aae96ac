"""What a form said, and what is wrong with it, so that the page can be shown again with both.

Fields have the names of the wire and are held to the rules of the API's own bodies; no rule of a field is here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from routines.core.errors import InvalidError, MalformedBodyError, NotFoundError, RoutinesError, UnauthorizedError
from routines.http.errors import status_of

FIELDS_MAX = 5_000  # boxes that one page can have ticked, many times over


class Form:
    """The fields of a form as text; `faults` says by field what is wrong, `problem` what is wrong with the whole."""

    def __init__(self, fields: Mapping[str, Sequence[str]] | None = None) -> None:
        self._fields = dict(fields or {})
        self.faults: dict[str, str] = {}
        self.problem = ""
        self.status = 200

    @classmethod
    def parse(cls, raw: bytes) -> Form:
        """The form in a body of the type `application/x-www-form-urlencoded`; raises `MalformedBodyError`."""
        try:
            fields = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
        except ValueError:
            raise MalformedBodyError(f"The form has more than {FIELDS_MAX} fields") from None
        # No form of ours sends NUL, and no database could keep it.
        return cls({name: [value.replace("\0", "") for value in values] for name, values in fields.items()})

    @classmethod
    def of(cls, values: Mapping[str, object | None]) -> Form:
        """The form as it is shown first: with these values, None being empty."""
        return cls({name: ["" if value is None else str(value)] for name, value in values.items()})

    def text(self, name: str, default: str = "") -> str:
        """What a field says, without the space around it; browsers end lines with CR LF, which becomes LF."""
        return self._fields.get(name, [default])[-1].strip().replace("\r\n", "\n")

    def every(self, name: str) -> list[str]:
        """All values of a field that a form may hold several times."""
        return list(self._fields.get(name, []))

    def ticked(self, name: str) -> bool:
        """True if a box is ticked."""
        return name in self._fields

    def body(self, *names: str) -> dict[str, Any]:
        """These fields as a body of the API, those left empty as null; fields that the form does not have are not."""
        return {name: self.text(name) or None for name in names if name in self._fields}

    def filled(self, *names: str) -> dict[str, Any]:
        """These fields as a body of the API, without those left empty."""
        return {name: text for name in names if (text := self.text(name))}

    def refused(self, error: RoutinesError) -> Form:
        """The same form, with what was wrong with it; what is no fault of a form is raised again."""
        if isinstance(error, UnauthorizedError | NotFoundError):
            raise error
        self.status = status_of(error)
        if isinstance(error, InvalidError):
            self.faults = {".".join(map(str, fault.path)): fault.message for fault in error.faults}
            self.problem = "Please look at what is marked below."
        else:
            self.problem = error.sentence
        return self

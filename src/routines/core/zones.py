"""Time zones by their IANA names, from the pinned `tzdata` package, so that every server reads the same rules.

The machine's own zone files, its local zone and paths built from what a caller sent are never looked at.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]  # it ships no types

from routines.core.errors import ImpossibleError
from routines.core.limits import ZONE_NAME_CHARACTERS_MAX

ZONE_DATA_VERSION: str = tzdata.IANA_VERSION

_PACKAGE = files(tzdata)
# "Factory" is in the list only to mark machines on which nobody has set a zone.
ZONE_NAMES = frozenset(_PACKAGE.joinpath("zones").read_text("ascii").split()) - {"Factory"}
_BY_LOWER_CASE = {name.lower(): name for name in ZONE_NAMES}


class ZoneError(ImpossibleError):
    """The text is not the name of a time zone; the sentence holds it and an example of a right one."""


def zone(name: str) -> ZoneInfo:
    """The zone of that IANA name, case exact, the same object each time.

    Whatever else is a `ZoneError`: `localtime`, `posix/…`, paths, offsets, the empty text.
    """
    if name in ZONE_NAMES:
        return _load(name)
    if len(name) > ZONE_NAME_CHARACTERS_MAX:
        raise ZoneError(f"A time zone's name is short, such as 'Europe/Berlin'; this one has {len(name)} characters")
    example = _BY_LOWER_CASE.get(name.lower(), "Europe/Berlin")
    raise ZoneError(f"Unknown time zone {name!r}; use an IANA name as it is spelt, such as {example!r}")


@cache  # as many entries as there are names
def _load(name: str) -> ZoneInfo:
    # ZoneInfo(name) would prefer the machine's files, which differ from server to server.
    with _PACKAGE.joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)

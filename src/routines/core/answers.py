"""What is read of the answer to a call that the service made: how long to wait, and a line of it to show.

What an answer means is said where the call is made.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,9}")


def retry_after_seconds(text: str, now: datetime) -> float:
    """How long a server asks to wait (RFC 9110, section 10.2.3); 0 where it says nothing that can be read."""
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    return (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() - now.timestamp()


def one_line(text: str, characters: int) -> str:
    """The beginning of a text on one line, without what would move a terminal's cursor or turn its text around."""
    beginning = text.strip()[:characters]
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in beginning)

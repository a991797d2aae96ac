"""What `routines doctor` looks at, and what it tells to do about what it finds.

It only reads; nothing is repaired.
"""

from __future__ import annotations

from rich.console import Console

from routines.settings import Settings


def examine(settings: Settings, console: Console) -> bool:
    """Print a line for each check and return True if all is well."""
    raise NotImplementedError

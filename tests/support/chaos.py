"""How much is broken in the fault tests, and by which dice: little in `make test`, for an hour in `make chaos`.

`CHAOS_TIMES` says how often each test is repeated, each time by other dice, and `CHAOS_SEED` gives the same dice again.
"""

from __future__ import annotations

import os
from random import Random
from secrets import token_hex

TIMES = int(os.environ.get("CHAOS_TIMES") or 1)
SEED = os.environ.get("CHAOS_SEED") or token_hex(4)


class Dice:
    """What a test decides by; `seed` tells how to have it decide the same."""

    def __init__(self, name: str) -> None:
        self.seed = f"CHAOS_SEED={SEED} CHAOS_TIMES={TIMES}"
        self.name = f"{SEED} {name}"
        self.random = Random(self.name)  # noqa: S311 - chosen to be repeatable

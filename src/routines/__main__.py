"""`python -m routines` is the `routines` program.

Nothing else is here.
"""

from __future__ import annotations

from routines.cli.main import app

app(prog_name="routines")

"""Lets `python -m routines` be the `routines` program; nothing else is here."""

from __future__ import annotations

from routines.cli.main import app

app()

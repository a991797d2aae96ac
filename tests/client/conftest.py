"""The environment of these tests: nothing in it says which service to call."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_service_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROUTINES_API_URL", "ROUTINES_API_KEY", "PAPERCLIP_API_URL", "PAPERCLIP_API_KEY", "PAPERCLIP_RUN_ID"):
        monkeypatch.delenv(name, raising=False)

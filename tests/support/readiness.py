"""A service whose background parts count as started, though the test does their work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.service import Service


class _Alive:
    def is_alive(self) -> bool:
        return True


@contextmanager
def counted_as_started(service: Service) -> Iterator[None]:
    """The scheduler and the worker say that they are at work, until they are told to leave off."""
    with pytest.MonkeyPatch.context() as patch:
        for part in (service.server.scheduler, service.server.worker):
            if part is not None:
                patch.setattr(part, "_thread", _Alive())
        yield

"""Calls that arrive at the same moment, from as many threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all calls, in order; none begins before every thread stands ready."""
    ready = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        ready.wait(timeout=60)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))

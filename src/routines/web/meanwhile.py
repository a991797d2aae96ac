"""A question that is asked while the page's other questions are: the database answers it beside what Python does.

What is asked is the pages' own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")

AT_ONCE_MAX = 8  # of all pages that are being made; each holds a connection to read with

_asking = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="pages")


@contextmanager
def meanwhile(question: Callable[[], T]) -> Iterator[Future[T]]:
    """Ask while the block goes on: `result()` waits for the answer, or raises what asking raised.

    The block ends when nothing is asked any more, whether its page wanted the answer or was refused before it did. A
    question asks none of its own in this way, or all might wait for each other.
    """
    asked = _asking.submit(copy_context().run, question)
    try:
        yield asked
    finally:
        asked.cancel()
        wait((asked,))

"""A question that is asked while the page's other questions are: the database answers it beside what Python does.

What is asked is the pages' own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")

AT_ONCE_MAX = 8  # of all pages that are being made; each holds a connection to read with

_asking = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="pages")


def meanwhile(question: Callable[[], T]) -> Future[T]:
    """Begin to ask; `result()` of what is returned waits for the answer, or raises what asking raised.

    A question asks none of its own in this way, or all might wait for each other.
    """
    return _asking.submit(copy_context().run, question)

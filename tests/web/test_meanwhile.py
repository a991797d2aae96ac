"""What a page asks meanwhile: its answer, its refusal, and its end when the page ends before it."""

from __future__ import annotations

from threading import Event

import pytest

from routines.core.errors import NotFoundError
from routines.web.meanwhile import AT_ONCE_MAX, meanwhile

PATIENCE_SECONDS = 10


def test_the_answer_comes_while_the_page_goes_on() -> None:
    begun, gone_on = Event(), Event()

    def answer() -> int:
        begun.set()
        assert gone_on.wait(PATIENCE_SECONDS)
        return 42

    with meanwhile(answer) as asked:
        assert begun.wait(PATIENCE_SECONDS)
        gone_on.set()
        assert asked.result(PATIENCE_SECONDS) == 42


def test_what_refuses_the_question_refuses_the_page() -> None:
    def refuse() -> int:
        raise NotFoundError("There is none")

    with pytest.raises(NotFoundError), meanwhile(refuse) as asked:
        asked.result(PATIENCE_SECONDS)


def test_a_page_that_is_refused_leaves_nothing_behind_that_is_asked() -> None:
    begun, refused, answered = Event(), Event(), Event()

    def answer() -> None:
        begun.set()
        refused.wait(PATIENCE_SECONDS)
        answered.set()

    def refuse() -> None:
        assert begun.wait(PATIENCE_SECONDS)
        refused.set()
        raise NotFoundError("There is none")

    with pytest.raises(NotFoundError), meanwhile(answer):
        refuse()
    assert answered.is_set()


def test_many_pages_that_are_refused_leave_room_for_the_next() -> None:
    for _ in range(2 * AT_ONCE_MAX):
        with pytest.raises(NotFoundError), meanwhile(Event().is_set):
            raise NotFoundError("There is none")
    with meanwhile(lambda: "room") as asked:
        assert asked.result(PATIENCE_SECONDS) == "room"
